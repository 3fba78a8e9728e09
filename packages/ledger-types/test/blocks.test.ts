// Goal: what stands in a block is within its rules when it is written and when it is read, each rule by name.
import { sha256 } from '@selvedge/crypto/sha256'
import { expect, test } from 'vitest'
import {
  blockDigest,
  checkpointOfCertificate,
  CODES,
  type CommitteeMember,
  committeeRoot,
  concatBytes,
  decodeCheckpoint,
  decodeCommittee,
  decodeReceipt,
  encodeBlockCertificate,
  encodeCheckpoint,
  encodeCommittee,
  encodeReceipt,
  quorumOf,
  type Receipt,
} from '../src/index.ts'
import { checkpointOf, membersOf } from './network.ts'

const malformed: unknown = expect.objectContaining({ code: 'LEDGER_MALFORMED' })
const outOfRange: unknown = expect.objectContaining({ code: 'LEDGER_OUT_OF_RANGE' })
const memberOf = (byte: number, stake = 1): CommitteeMember => {
  return { key: new Uint8Array(32).fill(byte), blsKey: new Uint8Array(48).fill(byte), stake, nodeIndex: byte }
}
const MEMBER_BYTES = 92

test('members stand in the order of their keys, each once, with stake', () => {
  const encoded = encodeCommittee([memberOf(1), memberOf(2)])
  const [head, first, second] = [encoded.slice(0, 2), encoded.slice(2, 2 + MEMBER_BYTES), encoded.slice(2 + MEMBER_BYTES)]
  expect(decodeCommittee(concatBytes(head, first, second))).toEqual([memberOf(1), memberOf(2)])
  for (const wrong of [concatBytes(head, second, first), concatBytes(head, first, first), concatBytes(head, first), Uint8Array.of(0, 0)]) {
    expect(() => decodeCommittee(wrong)).toThrow(malformed)
  }
  expect(() => decodeCommittee(encoded.fill(0, 2 + 80, 2 + 88))).toThrow(malformed) // stake 0
  const wrong = [[memberOf(2), memberOf(1)], [memberOf(1), memberOf(1)], [memberOf(1, 0)], [memberOf(1, 1.5)], []]
  for (const members of wrong) expect(() => encodeCommittee(members)).toThrow(outOfRange)
  const heavy = [memberOf(1, Number.MAX_SAFE_INTEGER), memberOf(2, 1), memberOf(3, 1)]
  expect(() => encodeCommittee(heavy)).toThrow(outOfRange) // 2^53 + 1 together
  expect(encodeCommittee(heavy.slice(0, 2))).toHaveLength(2 + 2 * MEMBER_BYTES)
  expect(() => encodeCommittee([{ ...memberOf(1), blsKey: new Uint8Array(47) }])).toThrow(outOfRange)
})

test('a committee is named by the hash of its bytes, and decided by more than two thirds', () => {
  const members = [memberOf(1, 3), memberOf(2, 4)]
  expect(committeeRoot(members)).toEqual(sha256(concatBytes(Uint8Array.of(0x0a), encodeCommittee(members))))
  for (const [stake, quorum] of [
    [1, 1],
    [3, 3],
    [4, 3],
    [6, 5],
    [7, 5],
  ] as const)
    expect(quorumOf([memberOf(1, stake)])).toBe(quorum)
})

test('a block is named by the bytes of the rules', () => {
  const [previousDigest, subDagDigest, txRoot] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const digest = blockDigest({ chainId: 7, height: 258, previousDigest, subDagDigest, timestampMs: 5, txRoot })
  const numbers = [Uint8Array.of(0x07, 7, 0, 0, 0), Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0), Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0)]
  expect(digest).toEqual(sha256(concatBytes(numbers[0]!, numbers[1]!, previousDigest, subDagDigest, numbers[2]!, txRoot)))
})

const RECEIPT: Receipt = { id: new Uint8Array(32), index: 0, code: CODES.ok, gasUsed: 0, fee: 0n, firstEvent: 0, events: [] }
const CODE_OFFSET = 36

test('what was refused has no receipt', () => {
  const encoded = encodeReceipt(RECEIPT)
  for (const code of [1, 5, 11, 12, 31, 35, 54, 255]) expect(() => decodeReceipt(encoded.with(CODE_OFFSET, code))).toThrow(malformed)
  for (const code of [32, 40, 53]) expect(decodeReceipt(encoded.with(CODE_OFFSET, code)).code).toBe(code)
  expect(() => encodeReceipt({ ...RECEIPT, code: CODES.nonceTooLow })).toThrow(outOfRange)
})

test('a receipt has at most 65,535 events', () => {
  const event = { kind: 'score', epoch: 1, nodeIndex: 2, score: 3 } as const
  const most = { ...RECEIPT, firstEvent: 9, events: Array.from({ length: 65_535 }, () => event) }
  expect(decodeReceipt(encodeReceipt(most)).events).toHaveLength(65_535)
  expect(() => encodeReceipt({ ...most, events: [...most.events, event] })).toThrow(outOfRange)
})

test('the next committee is named by the last block of an epoch, and by no other', () => {
  const checkpoint = checkpointOf(membersOf([1]))
  const named = new Uint8Array(32).fill(1)
  for (const wrong of [{ isFinal: true }, { nextCommitteeRoot: named }, { chainId: 0 }]) {
    expect(() => encodeCheckpoint({ ...checkpoint, ...wrong })).toThrow(outOfRange)
  }
  const bytes = encodeCheckpoint({ ...checkpoint, isFinal: true, nextCommitteeRoot: named })
  expect(() => decodeCheckpoint(bytes.with(28, 0))).toThrow(malformed)
  expect(() => decodeCheckpoint(bytes.with(28, 2))).toThrow(malformed)
  expect(() => decodeCheckpoint(bytes.fill(0, 0, 4))).toThrow(malformed)
})

test('signers ascend and sit in the committee; the checkpoint stands first', () => {
  const checkpoint = checkpointOf(membersOf([1]))
  const aggregate = new Uint8Array(96)
  const encode = (signers: readonly number[]): Uint8Array => encodeBlockCertificate({ checkpoint, signers, aggregate }, 9)
  for (const signers of [[1, 0], [1, 1], [9], [-1], [0.5]]) expect(() => encode(signers)).toThrow(outOfRange)
  expect(checkpointOfCertificate(encode([0, 8]))).toEqual(checkpoint)
  expect(encode([0, 8]).slice(253, 255)).toEqual(Uint8Array.of(1, 1))
})
