// Two things signed for one slot are proof, on their own bytes; anything less is not.
import { expect, test } from 'vitest'
import * as wire from '@selvedge/consensus'
import { checkpointOf } from './arbitraries.ts'
import { crypto, membersOf } from './members.ts'

const CHAIN_ID = 1337
const EPOCH = 5
const { committee, secrets } = membersOf(4)
const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

function signedHeader(createdAtMs: number, author = 2, round = 7): wire.SignedHeader {
  const header: wire.Header = { epoch: EPOCH, round, author, createdAtMs, payload: [], parents: [], systemTransactions: [] }
  return { header, signature: secrets[2]!.keys.sign(wire.headerSigningBytes(wire.headerDigest(CHAIN_ID, header))) }
}
function signedBlock(createdAtMs: number): wire.SignedBlock {
  const block: wire.Block = { epoch: EPOCH, round: 7, author: 2, createdAtMs, ancestors: [], transactions: [], systemTransactions: [] }
  return { block, signature: secrets[2]!.keys.sign(wire.blockSigningBytes(wire.blockDigest(CHAIN_ID, block))) }
}
function vote(byte: number): wire.Vote {
  const slot = { epoch: EPOCH, round: 7, author: 1, headerDigest: digest(byte), voter: 2 }
  return { ...slot, signature: secrets[2]!.keys.sign(wire.voteSigningBytes(slot)) }
}
function checkpoint(byte: number, height = 9, chainId = CHAIN_ID, epoch = EPOCH): wire.SignedCheckpoint {
  const bytes = checkpointOf(chainId, epoch, height, new Uint8Array(233).fill(byte))
  return { bytes, signature: secrets[2]!.bls.sign(wire.checkpointSigningBytes(bytes)) }
}
const faultOf = (evidence: wire.Evidence, chainId = CHAIN_ID, epoch = EPOCH): wire.EvidenceFault | undefined =>
  wire.checkEvidence(evidence, chainId, epoch, committee, crypto)

const KINDS: readonly (readonly [string, wire.Evidence, wire.Evidence])[] = [
  ['headers', wire.evidenceOfHeaders(signedHeader(1), signedHeader(2)), wire.evidenceOfHeaders(signedHeader(2), signedHeader(1))],
  ['votes', wire.evidenceOfVotes(vote(1), vote(2)), wire.evidenceOfVotes(vote(2), vote(1))],
  ['blocks', wire.evidenceOfBlocks(signedBlock(1), signedBlock(2)), wire.evidenceOfBlocks(signedBlock(2), signedBlock(1))],
  ['checkpoints', wire.evidenceOfCheckpoints(2, checkpoint(1), checkpoint(2)), wire.evidenceOfCheckpoints(2, checkpoint(2), checkpoint(1))],
]

test.each(KINDS)('two %s of one slot prove it, in one encoding whichever came first', (_, evidence, reversed) => {
  const bytes = wire.encodeEvidence(evidence)
  expect(wire.encodeEvidence(reversed)).toEqual(bytes)
  expect(faultOf(wire.decodeEvidence(bytes))).toBeUndefined()
  wire.verifyEvidence(evidence, CHAIN_ID, EPOCH, committee, crypto)
  expect([evidence.signer, wire.evidenceEpochOf(evidence)]).toEqual([2, EPOCH])
})

test.each(KINDS)('two %s prove nothing on another chain, in another epoch, against another member or a stranger', (_, evidence) => {
  expect(faultOf(evidence, CHAIN_ID + 1)).toBe(
    evidence.kind === 'checkpoint' ? 'chain' : evidence.kind === 'vote' ? undefined : 'signature',
  )
  expect(faultOf(evidence, CHAIN_ID, EPOCH + 1)).toBe('epoch')
  const against = (signer: number): wire.Evidence =>
    evidence.kind === 'header' || evidence.kind === 'block' ? { ...evidence, signer, author: signer } : { ...evidence, signer }
  expect([1, 4].map((signer) => faultOf(against(signer)))).toEqual(['signature', 'signer'])
})

test.each(KINDS)('two %s with any byte changed are refused when decoded or prove nothing', (_, evidence) => {
  const bytes = wire.encodeEvidence(evidence).slice()
  const accepted: number[] = []
  for (let i = 0; i < bytes.length; i += evidence.kind === 'checkpoint' ? 7 : 1) {
    bytes[i]! ^= 1
    try {
      if (faultOf(wire.decodeEvidence(bytes)) === undefined) accepted.push(i)
    } catch (error) {
      expect(error).toBeInstanceOf(wire.ConsensusError)
    }
    bytes[i]! ^= 1
  }
  expect(accepted).toEqual([])
})

test('on another chain headers, blocks and checkpoints prove nothing; what a vote is for names the chain, the vote does not', () => {
  expect(KINDS.map(([, evidence]) => faultOf(evidence, CHAIN_ID + 1))).toEqual(['signature', undefined, 'signature', 'chain'])
})

test('one thing signed once proves nothing, however it is dressed up', () => {
  const once = signedHeader(1)
  expect(() => wire.encodeEvidence(wire.evidenceOfHeaders(once, once))).toThrow(expect.objectContaining({ code: 'CONSENSUS_DUPLICATE' }))
  const forged = { ...signedHeader(2), signature: once.signature }
  expect(faultOf(wire.evidenceOfHeaders(once, forged))).toBe('signature')
})

test('two slots are no evidence: rounds are in what is signed, heights and epochs are compared', () => {
  expect(faultOf(wire.evidenceOfHeaders(signedHeader(1), signedHeader(2, 2, 8)))).toBe('signature')
  expect(faultOf(wire.evidenceOfCheckpoints(2, checkpoint(1, 9), checkpoint(2, 10)))).toBe('slot')
  expect(faultOf(wire.evidenceOfCheckpoints(2, checkpoint(1), checkpoint(2, 9, CHAIN_ID, EPOCH + 1)))).toBe('slot')
})

test('a header and a block of one slot are no evidence against each other', () => {
  const [a, b] = [wire.statementOfHeader(signedHeader(1)), wire.statementOfBlock(signedBlock(1))]
  expect(faultOf({ kind: 'header', epoch: EPOCH, round: 7, author: 2, signer: 2, pair: [a, b] })).toBe('signature')
})

test('what proves nothing throws with its fault', () => {
  const evidence = KINDS[0]![1]
  expect(() => wire.verifyEvidence(evidence, 1, EPOCH, committee, crypto)).toThrow(
    expect.objectContaining({ code: 'CONSENSUS_BAD_EVIDENCE', details: { fault: 'signature' } }),
  )
})

test('a statement is signed over the same bytes as what it was taken from', () => {
  const [header, block, own] = [signedHeader(1), signedBlock(1), vote(1)]
  const all = [
    [wire.statementOfHeader(header), wire.headerSigningBytes(wire.headerDigest(CHAIN_ID, header.header))],
    [wire.statementOfBlock(block), wire.blockSigningBytes(wire.blockDigest(CHAIN_ID, block.block))],
    [wire.statementOfVote(own), wire.voteSigningBytes(own)],
  ] as const
  for (const [statement, bytes] of all) expect(wire.statementSigningBytes(CHAIN_ID, EPOCH, statement)).toEqual(bytes)
})

test('the epoch of a frame is read without its committee', () => {
  const frames: wire.Frame[] = [
    ...KINDS.map(([, evidence]): wire.Frame => ({ type: 'evidence', evidence })),
    { type: 'header', header: signedHeader(1) },
    { type: 'block', block: signedBlock(1) },
    { type: 'vote', vote: vote(1) },
    { type: 'closeReport', epoch: EPOCH },
    { type: 'checkpointSignature', signature: { height: 9, signer: 2, ...checkpoint(1) } },
    { type: 'blockCertificate', certificate: { bytes: checkpoint(1).bytes, signers: [0], aggregate: new Uint8Array(96) } },
  ]
  expect(frames.map((frame) => wire.frameEpochOf(wire.encodeFrame(frame, 4)))).toEqual(frames.map(() => EPOCH))
})
