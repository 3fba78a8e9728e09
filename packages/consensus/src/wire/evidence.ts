/**
 * Proof that a member signed two things for one slot, which stands on its own: kind u8 (0 header, 1 vote, 2 block, 3 checkpoint), then
 *
 * - header, block: epoch u64 · round u64 · author u16 · twice (rest-hash 32 · signature 64): 211 bytes
 * - vote: epoch u64 · round u64 · author u16 · voter u16 · twice (header digest 32 · signature 64): 213 bytes
 * - checkpoint: signer u16 · twice (bytes, u32 length · signature 96): at most 755 bytes
 *
 * The two ascend by hash (by bytes), so that a pair has one encoding.
 *
 * A vote is proven by digests, because who collects votes does not know the header of a stray one. Only the digest names the chain, so
 * votes of one key on two chains can be set against each other: a node key serves one chain.
 */
import { ConsensusError } from '../errors.ts'
import { assertAscending, ByteReader, ByteWriter, compareBytes } from './bytes.ts'
import { checkpointSigningBytes, checkpointSlotOf, readCheckpoint } from './checkpoint.ts'
import type { Committee } from './committee.ts'
import { BLS_SIGNATURE_BYTES, SIGNATURE_BYTES } from './limits.ts'
import {
  STATEMENT_KINDS,
  type StatementKind,
  statementOfBlock,
  statementOfHeader,
  statementOfVote,
  statementSigningBytes,
  type Statement,
} from './statement.ts'
import type { Authority, Digest, SignedBlock, SignedHeader, Vote } from './types.ts'

/** The kind byte of two checkpoints; those of two statements are theirs. */
export const CHECKPOINT_KIND = 3

export interface SignedHash {
  readonly hash: Digest
  /** 64 bytes. */
  readonly signature: Uint8Array
}

export interface SignedCheckpoint {
  readonly bytes: Uint8Array
  /** BLS, 96 bytes. */
  readonly signature: Uint8Array
}

export type Evidence =
  | {
      readonly kind: StatementKind
      readonly epoch: number
      readonly round: number
      readonly author: Authority
      /** The author of a header or block, the voter of a vote. */
      readonly signer: Authority
      readonly pair: readonly [SignedHash, SignedHash]
    }
  | { readonly kind: 'checkpoint'; readonly signer: Authority; readonly pair: readonly [SignedCheckpoint, SignedCheckpoint] }

/** Pure verifiers, so that simulations may bring cheaper ones. */
export interface EvidenceCrypto {
  isSigned(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean
  isCheckpointSigned(signature: Uint8Array, message: Uint8Array, blsKey: Uint8Array): boolean
}

export type EvidenceFault =
  | 'epoch' // of another epoch than the committee
  | 'chain' // of another chain
  | 'signer' // no member
  | 'slot' // two checkpoints of different heights or epochs
  | 'signature' // one of the two is not its

/** Of two different headers of one slot. */
export function evidenceOfHeaders(a: SignedHeader, b: SignedHeader): Evidence {
  return evidenceOf(a.header.epoch, a.header.author, statementOfHeader(a), statementOfHeader(b))
}

/** Of two different votes of one voter for one slot. */
export function evidenceOfVotes(a: Vote, b: Vote): Evidence {
  return evidenceOf(a.epoch, a.voter, statementOfVote(a), statementOfVote(b))
}

/** Of two different blocks of one slot. */
export function evidenceOfBlocks(a: SignedBlock, b: SignedBlock): Evidence {
  return evidenceOf(a.block.epoch, a.block.author, statementOfBlock(a), statementOfBlock(b))
}

/** Of two different checkpoints of one height. */
export function evidenceOfCheckpoints(signer: Authority, a: SignedCheckpoint, b: SignedCheckpoint): Evidence {
  return { kind: 'checkpoint', signer, pair: compareBytes(a.bytes, b.bytes) < 0 ? [a, b] : [b, a] }
}

/** The epoch whose committee the signer sits in. */
export function evidenceEpochOf(evidence: Evidence): number {
  return evidence.kind === 'checkpoint' ? checkpointSlotOf(evidence.pair[0].bytes).epoch : evidence.epoch
}

export function encodeEvidence(evidence: Evidence): Uint8Array {
  const out = new ByteWriter(256)
  if (evidence.kind === 'checkpoint') {
    const [a, b] = evidence.pair
    assertAscending(compareBytes(a.bytes, b.bytes), 'checkpoints')
    out.u8(CHECKPOINT_KIND).u16(evidence.signer)
    for (const { bytes, signature } of [a, b]) {
      checkpointSlotOf(bytes)
      out.sized(bytes).raw(signature, BLS_SIGNATURE_BYTES)
    }
    return out.finish()
  }
  const { kind, epoch, round, author, signer, pair } = evidence
  assertAscending(compareBytes(pair[0].hash, pair[1].hash), 'hashes')
  out.u8(STATEMENT_KINDS.indexOf(kind)).u64(epoch).u64(round).u16(author)
  if (kind === 'vote') out.u16(signer)
  for (const { hash, signature } of pair) out.digest(hash).raw(signature, SIGNATURE_BYTES)
  return out.finish()
}

/** Hashes, checkpoints and signatures are views of `bytes`. It proves nothing before `checkEvidence` or `verifyEvidence`. */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  const reader = new ByteReader(bytes)
  const evidence = readEvidence(reader)
  reader.end()
  return evidence
}

/** What is wrong with `evidence` under the committee of its epoch; `undefined` when it proves the offence. */
export function checkEvidence(
  evidence: Evidence,
  chainId: number,
  epoch: number,
  committee: Committee,
  crypto: EvidenceCrypto,
): EvidenceFault | undefined {
  if (evidenceEpochOf(evidence) !== epoch) return 'epoch'
  const member = committee.members[evidence.signer]
  if (member === undefined) return 'signer'
  if (evidence.kind === 'checkpoint') {
    const [a, b] = evidence.pair.map(({ bytes }) => checkpointSlotOf(bytes))
    if (a!.chainId !== chainId || b!.chainId !== chainId) return 'chain'
    if (a!.epoch !== b!.epoch || a!.height !== b!.height) return 'slot'
    const isSigned = ({ bytes, signature }: SignedCheckpoint): boolean =>
      crypto.isCheckpointSigned(signature, checkpointSigningBytes(bytes), member.blsKey)
    return evidence.pair.every(isSigned) ? undefined : 'signature'
  }
  if (evidence.author >= committee.size) return 'signer'
  const { kind, round, author } = evidence
  const isSigned = ({ hash, signature }: SignedHash): boolean =>
    crypto.isSigned(signature, statementSigningBytes(chainId, epoch, { kind, round, author, hash, signature }), member.key)
  return evidence.pair.every(isSigned) ? undefined : 'signature'
}

/** @throws {ConsensusError} `CONSENSUS_BAD_EVIDENCE`, with the fault in `details`. */
export function verifyEvidence(evidence: Evidence, chainId: number, epoch: number, committee: Committee, crypto: EvidenceCrypto): void {
  const fault = checkEvidence(evidence, chainId, epoch, committee, crypto)
  if (fault !== undefined) throw new ConsensusError('CONSENSUS_BAD_EVIDENCE', `the evidence proves nothing: ${fault}`, { fault })
}

function evidenceOf(epoch: number, signer: Authority, a: Statement, b: Statement): Evidence {
  const [first, second] = compareBytes(a.hash, b.hash) < 0 ? [a, b] : [b, a]
  return { kind: a.kind, epoch, round: a.round, author: a.author, signer, pair: [signedHashOf(first), signedHashOf(second)] }
}

function signedHashOf({ hash, signature }: Statement): SignedHash {
  return { hash, signature }
}

function readEvidence(reader: ByteReader): Evidence {
  const number = reader.u8()
  if (number === CHECKPOINT_KIND) {
    const signer = reader.u16()
    const pair = [readSignedCheckpoint(reader), readSignedCheckpoint(reader)] as const
    assertAscending(compareBytes(pair[0].bytes, pair[1].bytes), 'checkpoints')
    return { kind: 'checkpoint', signer, pair }
  }
  const kind = STATEMENT_KINDS[number]
  if (kind === undefined) throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', `no evidence has kind ${number}`)
  const epoch = reader.u64()
  const round = reader.u64()
  const author = reader.u16()
  const signer = kind === 'vote' ? reader.u16() : author
  const pair = [readSignedHash(reader), readSignedHash(reader)] as const
  assertAscending(compareBytes(pair[0].hash, pair[1].hash), 'hashes')
  return { kind, epoch, round, author, signer, pair }
}

function readSignedHash(reader: ByteReader): SignedHash {
  return { hash: reader.digest(), signature: reader.raw(SIGNATURE_BYTES) }
}

function readSignedCheckpoint(reader: ByteReader): SignedCheckpoint {
  return { bytes: readCheckpoint(reader), signature: reader.raw(BLS_SIGNATURE_BYTES) }
}
