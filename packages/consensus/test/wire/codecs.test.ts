// Which code each broken rule has, and what may not happen at all.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import * as wire from '@selvedge/consensus'
import { encodeBatchFrame } from '../../src/wire/frames.ts'
import { ByteReader, ByteWriter, toHex } from '../../src/wire/bytes.ts'
import { checkpointOf } from './arbitraries.ts'

const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const signature = new Uint8Array(64).fill(7)
const bls = new Uint8Array(96).fill(8)
const HEADER: wire.Header = {
  epoch: 1,
  round: 2,
  author: 3,
  createdAtMs: 4,
  payload: [1, 2].map((byte) => ({ digest: digest(byte), worker: 0, bytes: 100 })),
  parents: [0, 1, 2].map((author) => ({ author, digest: digest(author) })),
  systemTransactions: [new Uint8Array([0])],
}
const BLOCK: wire.Block = {
  epoch: 1,
  round: 2,
  author: 0,
  createdAtMs: 3,
  ancestors: [{ round: 1, author: 0, digest: digest(1) }],
  transactions: [new Uint8Array([1, 2, 3])],
  systemTransactions: [],
}
const CERTIFICATE: wire.Certificate = {
  header: HEADER,
  headerSignature: signature,
  signers: [0, 8, 9],
  signatures: [signature, signature, signature],
}
const CHECKPOINT = checkpointOf(1, 2, 3, new Uint8Array(233))
const PAIR = [
  { hash: digest(1), signature },
  { hash: digest(2), signature },
] as const
const EVIDENCE: wire.Evidence = { kind: 'vote', epoch: 1, round: 2, author: 3, signer: 4, pair: PAIR }
const PAYLOAD_AT = 8 + 8 + 2 + 8
const PARENTS_AT = PAYLOAD_AT + 4 + 2 * 38

const headerBytes = wire.encodeSignedHeader({ header: HEADER, signature })
const blockBytes = wire.encodeSignedBlock({ block: BLOCK, signature })
const certificateBytes = wire.encodeCertificate(CERTIFICATE, 10)
const batchBytes = wire.encodeBatch({ epoch: 1, author: 2, worker: 0, seq: 0, createdAtMs: 0, transactions: [new Uint8Array(3)] })
const put = (bytes: Uint8Array, offset: number, ...values: readonly number[]): Uint8Array => {
  const changed = bytes.slice()
  changed.set(values, offset)
  return changed
}
const u32 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24]
const copyWithin = (bytes: Uint8Array, target: number, start: number, end: number): Uint8Array =>
  bytes.slice().copyWithin(target, start, end)
const frame = (...bytes: readonly number[]): Uint8Array => new Uint8Array(bytes)
const decodeCertificate = (bytes: Uint8Array): unknown => wire.decodeCertificate(bytes, 10)
const decodeFrame = (bytes: Uint8Array): unknown => wire.decodeFrame(bytes, 10)
const query = (...body: readonly number[]): Uint8Array =>
  frame(wire.FRAME_TYPES.indexOf('certificateRequest'), ...new Uint8Array(8), ...body)
const evidenceBytes = wire.encodeEvidence(EVIDENCE)
const BITMAP_AT = certificateBytes.length - 3 * 64 - 2

const REFUSED: readonly (readonly [string, wire.ConsensusErrorCode, (bytes: Uint8Array) => unknown, Uint8Array])[] = [
  ['header that ends early', 'CONSENSUS_TRUNCATED', wire.decodeSignedHeader, headerBytes.subarray(0, -1)],
  ['header with a byte behind it', 'CONSENSUS_TRAILING', wire.decodeSignedHeader, new Uint8Array([...headerBytes, 0])],
  ['epoch of 2^53', 'CONSENSUS_OUT_OF_RANGE', wire.decodeSignedHeader, put(headerBytes, 0, 0, 0, 0, 0, 0, 0, 0x20)],
  ['payload of 1,001', 'CONSENSUS_TOO_LARGE', wire.decodeSignedHeader, put(headerBytes, PAYLOAD_AT, ...u32(1_001))],
  ['payload of 1,000 in no bytes', 'CONSENSUS_TRUNCATED', wire.decodeSignedHeader, put(headerBytes, PAYLOAD_AT, ...u32(1_000))],
  ['payload that descends', 'CONSENSUS_UNSORTED', wire.decodeSignedHeader, put(headerBytes, PAYLOAD_AT + 4, 3)],
  [
    'payload with one digest twice',
    'CONSENSUS_DUPLICATE',
    wire.decodeSignedHeader,
    copyWithin(headerBytes, PAYLOAD_AT + 42, PAYLOAD_AT + 4, PAYLOAD_AT + 36),
  ],
  ['parents that descend', 'CONSENSUS_UNSORTED', wire.decodeSignedHeader, put(headerBytes, PARENTS_AT + 4, 2)],
  ['parents with one author twice', 'CONSENSUS_DUPLICATE', wire.decodeSignedHeader, put(headerBytes, PARENTS_AT + 4, 1)],
  ['parents beyond the bytes', 'CONSENSUS_TRUNCATED', wire.decodeSignedHeader, put(headerBytes, PARENTS_AT, ...u32(2 ** 32 - 1))],
  ['empty system transaction', 'CONSENSUS_BAD_LENGTH', wire.decodeSignedHeader, withSystemTransactions(4, 0)],
  ['system transaction of 4,097 bytes', 'CONSENSUS_TOO_LARGE', wire.decodeSignedHeader, withSystemTransactions(4_097)],
  ['system transactions of 4,097 bytes together', 'CONSENSUS_TOO_LARGE', wire.decodeSignedHeader, withSystemTransactions(4_000, 97)],
  ['bitmap with a spare bit', 'CONSENSUS_SPARE_BITS', decodeCertificate, put(certificateBytes, BITMAP_AT + 1, 0b111)],
  ['bitmap of more signers than signatures', 'CONSENSUS_TRUNCATED', decodeCertificate, put(certificateBytes, BITMAP_AT, 3)],
  ['bitmap of fewer signers than signatures', 'CONSENSUS_TRAILING', decodeCertificate, put(certificateBytes, BITMAP_AT, 0)],
  ['transaction of 64 KiB and one', 'CONSENSUS_TOO_LARGE', wire.decodeBatch, put(batchBytes, 32, ...u32(2 ** 16 + 1))],
  ['transaction of 64 KiB and one', 'CONSENSUS_TOO_LARGE', wire.decodeBatchInfo, put(batchBytes, 32, ...u32(2 ** 16 + 1))],
  ['transactions beyond the bytes', 'CONSENSUS_TRUNCATED', wire.decodeBatch, put(batchBytes, 28, ...u32(2 ** 14))],
  ['more transactions than may be', 'CONSENSUS_TOO_LARGE', wire.decodeBatch, put(batchBytes, 28, ...u32(2 ** 32 - 1))],
  ['batch of 2 MiB and one', 'CONSENSUS_TOO_LARGE', wire.decodeBatchInfo, new Uint8Array(2 ** 21 + 1)],
  ['block of 2 MiB and one', 'CONSENSUS_TOO_LARGE', wire.decodeSignedBlock, new Uint8Array(2 ** 21 + 1)],
  ['block with a commit vote', 'CONSENSUS_TOO_LARGE', wire.decodeSignedBlock, put(blockBytes, blockBytes.length - 68, 1)],
  ['no system transaction', 'CONSENSUS_TRUNCATED', wire.decodeSystemTransaction, new Uint8Array()],
  ['system transaction of no kind', 'CONSENSUS_UNKNOWN_KIND', wire.decodeSystemTransaction, frame(5)],
  ['evidence of no kind', 'CONSENSUS_UNKNOWN_KIND', wire.decodeEvidence, put(evidenceBytes, 0, 4)],
  ['evidence of one thing', 'CONSENSUS_DUPLICATE', wire.decodeEvidence, put(evidenceBytes, 21, ...digest(2))],
  ['evidence the wrong way round', 'CONSENSUS_UNSORTED', wire.decodeEvidence, put(evidenceBytes, 21, 3)],
  ['checkpoint of 19 bytes', 'CONSENSUS_BAD_LENGTH', wire.decodeCheckpointSignature, checkpointBytes(3, CHECKPOINT.subarray(0, 19))],
  [
    'checkpoint of 281 bytes',
    'CONSENSUS_TOO_LARGE',
    wire.decodeCheckpointSignature,
    checkpointBytes(3, checkpointOf(1, 2, 3, new Uint8Array(261))),
  ],
  ['checkpoint of another height', 'CONSENSUS_OUT_OF_RANGE', wire.decodeCheckpointSignature, checkpointBytes(4, CHECKPOINT)],
  ['frame of no kind', 'CONSENSUS_UNKNOWN_KIND', decodeFrame, frame(wire.FRAME_TYPES.length)],
  ['frame of nothing', 'CONSENSUS_TRUNCATED', decodeFrame, frame()],
  ['frame of 4 MiB and one', 'CONSENSUS_TOO_LARGE', decodeFrame, new Uint8Array(2 ** 22 + 1)],
  ['query of no kind', 'CONSENSUS_UNKNOWN_KIND', decodeFrame, query(2)],
  ['query for 1,001 digests', 'CONSENSUS_TOO_LARGE', decodeFrame, query(0, ...u32(1_001))],
  ['query with rounds of nine', 'CONSENSUS_BAD_LENGTH', decodeFrame, query(1, ...u32(9), ...new Uint8Array(72), ...u32(1))],
  ['query for none', 'CONSENSUS_OUT_OF_RANGE', decodeFrame, query(1, ...u32(10), ...new Uint8Array(80), ...u32(0))],
  ['query for 1,001', 'CONSENSUS_OUT_OF_RANGE', decodeFrame, query(1, ...u32(10), ...new Uint8Array(80), ...u32(1_001))],
  ['block certificate without a checkpoint', 'CONSENSUS_TRUNCATED', (bytes) => wire.decodeBlockCertificate(bytes, 10), new Uint8Array(117)],
  ['block certificate of 281 bytes', 'CONSENSUS_TOO_LARGE', (bytes) => wire.decodeBlockCertificate(bytes, 10), new Uint8Array(281 + 98)],
]

function withSystemTransactions(...sizes: readonly number[]): Uint8Array {
  const bare = wire.encodeSignedHeader({ header: { ...HEADER, systemTransactions: [] }, signature })
  const list = sizes.flatMap((size) => [...u32(size), ...new Uint8Array(size)])
  return new Uint8Array([...bare.subarray(0, -68), ...u32(sizes.length), ...list, ...signature])
}

function checkpointBytes(height: number, bytes: Uint8Array): Uint8Array {
  return new ByteWriter().u64(height).sized(bytes).u16(1).raw(bls).finish()
}

test.each(REFUSED)('%s: %s', (_, code, decode, bytes) => {
  expect(() => decode(bytes)).toThrow(expect.objectContaining({ name: 'ConsensusError', code }))
})

describe('what no decoder takes is not written either', () => {
  const header = (part: Partial<wire.Header>) => () => wire.encodeSignedHeader({ header: { ...HEADER, ...part }, signature })
  const block = (part: Partial<wire.Block>) => () => wire.encodeSignedBlock({ block: { ...BLOCK, ...part }, signature })
  const encodeFrame = (value: wire.Frame) => () => wire.encodeFrame(value, 10)
  const certificate = (part: Partial<wire.Certificate>) => () => wire.encodeCertificate({ ...CERTIFICATE, ...part }, 10)
  const long = new Uint8Array(2 ** 16 + 1)
  const batchRequest = { type: 'batchRequest', epoch: 0, worker: 0 } as const
  test.each<readonly [string, wire.ConsensusErrorCode, () => unknown]>([
    ['a round of 2^53', 'CONSENSUS_OUT_OF_RANGE', header({ round: 2 ** 53 })],
    ['a negative epoch', 'CONSENSUS_OUT_OF_RANGE', header({ epoch: -1 })],
    ['half a round', 'CONSENSUS_OUT_OF_RANGE', header({ round: 0.5 })],
    ['an author of 2^16', 'CONSENSUS_OUT_OF_RANGE', header({ author: 2 ** 16 })],
    ['parents that descend', 'CONSENSUS_UNSORTED', header({ parents: HEADER.parents.toReversed() })],
    ['a payload entry twice', 'CONSENSUS_DUPLICATE', header({ payload: [HEADER.payload[0]!, HEADER.payload[0]!] })],
    ['a digest of 31 bytes', 'CONSENSUS_BAD_LENGTH', header({ parents: [{ author: 0, digest: new Uint8Array(31) }] })],
    ['an empty system transaction', 'CONSENSUS_BAD_LENGTH', header({ systemTransactions: [new Uint8Array()] })],
    ['system transactions above 4 KiB', 'CONSENSUS_TOO_LARGE', header({ systemTransactions: [new Uint8Array(4_097)] })],
    ['payload of 1,001', 'CONSENSUS_TOO_LARGE', header({ payload: manyEntries(1_001) })],
    ['a signature of 65 bytes', 'CONSENSUS_BAD_LENGTH', () => wire.encodeSignedHeader({ header: HEADER, signature: new Uint8Array(65) })],
    ['a signer that is no member', 'CONSENSUS_OUT_OF_RANGE', certificate({ signers: [0, 1, 10] })],
    ['signers that descend', 'CONSENSUS_UNSORTED', certificate({ signers: [1, 0, 2] })],
    ['fewer signatures than signers', 'CONSENSUS_BAD_LENGTH', certificate({ signatures: [signature] })],
    ['a long transaction in a block', 'CONSENSUS_TOO_LARGE', block({ transactions: [long] })],
    ['a block above 2 MiB', 'CONSENSUS_TOO_LARGE', block({ transactions: Array.from({ length: 33 }, () => long.subarray(1)) })],
    [
      'a long transaction in a batch',
      'CONSENSUS_TOO_LARGE',
      () => wire.encodeBatch({ ...wire.decodeBatch(batchBytes), transactions: [long] }),
    ],
    [
      '65 digests in a request',
      'CONSENSUS_TOO_LARGE',
      encodeFrame({ ...batchRequest, digests: Array.from({ length: 65 }, () => digest(1)) }),
    ],
    [
      '33 digests in a request for blocks',
      'CONSENSUS_TOO_LARGE',
      encodeFrame({ type: 'blockRequest', epoch: 0, query: { by: 'digest', digests: Array.from({ length: 33 }, () => digest(1)) } }),
    ],
    [
      '1,001 blocks in an answer',
      'CONSENSUS_TOO_LARGE',
      encodeFrame({ type: 'blocks', epoch: 0, blocks: Array.from({ length: 1_001 }, () => digest(1)) }),
    ],
    [
      'a batch above 2 MiB in an answer',
      'CONSENSUS_TOO_LARGE',
      encodeFrame({ type: 'batchResponse', epoch: 0, worker: 0, batches: [new Uint8Array(2 ** 21 + 1)] }),
    ],
    [
      'certificates above 4 MiB',
      'CONSENSUS_TOO_LARGE',
      encodeFrame({ type: 'certificates', epoch: 0, certificates: [new Uint8Array(2 ** 22 - 16)] }),
    ],
    [
      'evidence the wrong way round',
      'CONSENSUS_UNSORTED',
      () => wire.encodeEvidence({ ...EVIDENCE, pair: [PAIR[1], PAIR[0]] } as wire.Evidence),
    ],
    [
      'a checkpoint said to be of another height',
      'CONSENSUS_OUT_OF_RANGE',
      () => wire.encodeCheckpointSignature({ height: 4, bytes: CHECKPOINT, signer: 0, signature: bls }),
    ],
  ])('%s: %s', (_, code, encode) => {
    expect(encode).toThrow(expect.objectContaining({ name: 'ConsensusError', code }))
  })
})

function manyEntries(count: number): wire.PayloadEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    digest: digest(0).map((_byte, at) => (at === 0 ? i >> 8 : at === 1 ? i & 255 : 0)),
    worker: 0,
    bytes: 1,
  }))
}

test('the largest values that are allowed come back', () => {
  const header = { ...HEADER, payload: manyEntries(1_000), systemTransactions: [new Uint8Array(4_095).fill(1), new Uint8Array([2])] }
  expect(wire.decodeSignedHeader(wire.encodeSignedHeader({ header, signature })).header).toEqual(header)
  const parents = Array.from({ length: 2 ** 16 - 1 }, (_, author) => ({ author, digest: digest(author & 255) }))
  const certificate = {
    ...CERTIFICATE,
    header: { ...HEADER, parents },
    signers: parents.map(({ author }) => author),
    signatures: parents.map(() => signature),
  }
  const encoded = wire.encodeCertificate(certificate, 2 ** 16 - 1)
  expect(wire.decodeCertificate(encoded, 2 ** 16 - 1).signers).toEqual(certificate.signers)
  const full = wire.encodeFrame({ type: 'certificates', epoch: 1, certificates: [new Uint8Array(2 ** 22 - 17)] }, 10)
  expect([full.length, wire.decodeFrame(full, 10).type]).toEqual([2 ** 22, 'certificates'])
})

test('a frame is its kind and the encoding of its value, which can be sent again as it was stored', () => {
  const sent = wire.encodeFrame({ type: 'certificate', certificate: CERTIFICATE }, 10)
  expect(toHex(wire.bodyOf(sent))).toBe(toHex(certificateBytes))
  expect(wire.frameOf('certificate', certificateBytes)).toEqual(sent)
})

test('a batch that is encoded into its frame is the frame of the encoded batch', () => {
  const batch = {
    epoch: 7,
    author: 3,
    worker: 1,
    seq: 2 ** 40,
    createdAtMs: 5,
    transactions: [new Uint8Array(9), new Uint8Array(300).fill(4)],
  }
  const bytes = wire.encodeBatch(batch)
  expect(encodeBatchFrame(batch)).toEqual(wire.encodeFrame({ type: 'batch', bytes }, 10))
  expect(() => encodeBatchFrame({ ...batch, transactions: [new Uint8Array(2 ** 16 + 1)] })).toThrow(wire.ConsensusError)
})

test('evidence has at most 512 bytes, of two checkpoints at most 768', () => {
  for (const kind of ['header', 'vote', 'block'] as const) {
    const signer = kind === 'vote' ? 4 : 3
    expect(wire.encodeEvidence({ kind, epoch: 1, round: 2, author: 3, signer, pair: PAIR }).length).toBeLessThanOrEqual(213)
  }
  const pair = [1, 2].map((byte) => ({ bytes: checkpointOf(1, 2, 3, new Uint8Array(260).fill(byte)), signature: bls }))
  const largest = wire.encodeEvidence({ kind: 'checkpoint', signer: 1, pair: [pair[0]!, pair[1]!] })
  expect(largest.length).toBeLessThanOrEqual(768)
})

test('the digest of a changed copy is that of the copy, not of the frame that the original came in', () => {
  const { header } = wire.decodeSignedHeader(headerBytes)
  const { block } = wire.decodeSignedBlock(blockBytes)
  expect(wire.headerDigest(1, header)).toEqual(wire.headerDigest(1, HEADER))
  expect(wire.headerDigest(1, { ...header, createdAtMs: 5 })).not.toEqual(wire.headerDigest(1, header))
  expect(wire.headerDigest(2, header)).not.toEqual(wire.headerDigest(1, header))
  expect(wire.blockDigest(1, block)).toEqual(wire.blockDigest(1, BLOCK))
  expect(wire.blockDigest(1, { ...block, transactions: [] })).not.toEqual(wire.blockDigest(1, block))
})

test('lists that concatenate alike have other digests', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value)
  const blocks = [['ab', 'c'], ['a', 'bc'], ['abc'], ['', 'abc']].map((all) =>
    wire.blockDigest(1, { ...BLOCK, transactions: all.map(text) }),
  )
  expect(new Set(blocks.map(toHex)).size).toBe(4)
})

test('the certificate digest does not depend on who voted', () => {
  const other = { ...CERTIFICATE, signers: [1, 2, 3] }
  const [a, b] = [CERTIFICATE, other].map(({ header }) => wire.certificateDigest(1, wire.headerDigest(1, header)))
  expect(a).toEqual(b)
})

test('a batch is hashed alike below and above the size at which hashing goes in pieces', () => {
  for (const size of [4_050, 4_096 - 32, 4_096 - 31, 5_000]) {
    const encoded = wire.encodeBatch({
      epoch: 0,
      author: 0,
      worker: 0,
      seq: 0,
      createdAtMs: 0,
      transactions: [new Uint8Array(size).map((_, i) => i)],
    })
    const flipped = put(encoded, encoded.length - 1, encoded.at(-1)! ^ 1)
    expect(wire.batchDigest(7, encoded)).toHaveLength(32)
    expect(wire.batchDigest(7, flipped)).not.toEqual(wire.batchDigest(7, encoded))
    expect(toHex(wire.batchDigest(7, encoded))).toBe(
      createHash('sha256')
        .update(new Uint8Array([3, 7, 0, 0, 0, ...encoded]))
        .digest('hex'),
    )
  }
})

test('u64 fields hold every number below 2^53 and no more', () => {
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    expect(new ByteReader(new ByteWriter().u64(value).finish()).u64()).toBe(value)
  }
  expect(() => new ByteReader(new Uint8Array([0, 0, 0, 0, 0, 0, 0x20, 0])).u64()).toThrow(
    expect.objectContaining({ code: 'CONSENSUS_OUT_OF_RANGE' }),
  )
})

test.each([0, 1, 32, 1_024, 1_025, 5_000])('%i bytes are written as hex', (size) => {
  const bytes = new Uint8Array(size).map((_, i) => i * 7)
  expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
})
