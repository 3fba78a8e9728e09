/**
 * What a member signed at a slot, without what it was about: kind u8 (0 header, 1 vote, 2 block) · round u64 · author u16 · hash 32 ·
 * signature 64. The hash is the rest-hash of a header or block, or the header digest of a vote; epoch and signer come with the place.
 *
 * Two of one slot are evidence; the highest that others hold of mine is what I must stay above after losing my records.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { blockRestHash, blockSigningBytes } from './block.ts'
import { ConsensusError } from '../errors.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { slotDigest } from './digest.ts'
import { headerRestHash, headerSigningBytes } from './header.ts'
import { SIGNATURE_BYTES } from './limits.ts'
import type { Authority, Digest, SignedBlock, SignedHeader, Vote } from './types.ts'
import { voteSigningBytes } from './vote.ts'

export type StatementKind = 'header' | 'vote' | 'block'

export interface Statement {
  readonly kind: StatementKind
  readonly round: number
  /** Of the header or block; of the header that a vote is for. */
  readonly author: Authority
  readonly hash: Digest
  readonly signature: Uint8Array
}

export const STATEMENT_BYTES: number = 1 + 8 + 2 + 32 + SIGNATURE_BYTES
/** The number on the wire is the place in this list. */
export const STATEMENT_KINDS: readonly StatementKind[] = ['header', 'vote', 'block']

export function statementOfHeader({ header, signature }: SignedHeader): Statement {
  return { kind: 'header', round: header.round, author: header.author, hash: headerRestHash(header), signature }
}

export function statementOfVote({ round, author, headerDigest, signature }: Vote): Statement {
  return { kind: 'vote', round, author, hash: headerDigest, signature }
}

export function statementOfBlock({ block, signature }: SignedBlock): Statement {
  return { kind: 'block', round: block.round, author: block.author, hash: blockRestHash(block), signature }
}

/** The bytes that the signature is over. */
export function statementSigningBytes(chainId: number, epoch: number, { kind, round, author, hash }: Statement): Uint8Array {
  switch (kind) {
    case 'header':
      return headerSigningBytes(slotDigest(LEDGER_TAGS.header, chainId, { epoch, round, author }, hash))
    case 'block':
      return blockSigningBytes(slotDigest(LEDGER_TAGS.block, chainId, { epoch, round, author }, hash))
    case 'vote':
      return voteSigningBytes({ epoch, round, author, headerDigest: hash })
  }
}

export function writeStatement(out: ByteWriter, { kind, round, author, hash, signature }: Statement): void {
  out.u8(STATEMENT_KINDS.indexOf(kind)).u64(round).u16(author).digest(hash).raw(signature, SIGNATURE_BYTES)
}

export function readStatement(reader: ByteReader): Statement {
  return {
    kind: readStatementKind(reader),
    round: reader.u64(),
    author: reader.u16(),
    hash: reader.digest(),
    signature: reader.raw(SIGNATURE_BYTES),
  }
}

function readStatementKind(reader: ByteReader): StatementKind {
  const kind = reader.u8()
  const name = STATEMENT_KINDS[kind]
  if (name === undefined) throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', `no statement has kind ${kind}`)
  return name
}
