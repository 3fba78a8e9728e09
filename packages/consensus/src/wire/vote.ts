/**
 * A vote for a header: epoch u64 · round u64 · author u16 · header digest 32 · voter u16 · signature 64: 116 bytes.
 * The voter is not signed: its key is.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter } from './bytes.ts'
import { SIGNATURE_BYTES } from './limits.ts'
import type { Vote } from './types.ts'

const VOTE_BYTES = 116

export function encodeVote({ epoch, round, author, headerDigest, voter, signature }: Vote): Uint8Array {
  const out = new ByteWriter(VOTE_BYTES).u64(epoch).u64(round).u16(author).digest(headerDigest)
  return out.u16(voter).raw(signature, SIGNATURE_BYTES).finish()
}

/** Digest and signature are views of `bytes`. */
export function decodeVote(bytes: Uint8Array): Vote {
  const reader = new ByteReader(bytes)
  const vote: Vote = {
    epoch: reader.u64(),
    round: reader.u64(),
    author: reader.u16(),
    headerDigest: reader.digest(),
    voter: reader.u16(),
    signature: reader.raw(SIGNATURE_BYTES),
  }
  reader.end()
  return vote
}

/** `0x12 ‖ epoch ‖ round ‖ author ‖ header digest`, 51 bytes. */
export function voteSigningBytes({
  epoch,
  round,
  author,
  headerDigest,
}: Pick<Vote, 'epoch' | 'round' | 'author' | 'headerDigest'>): Uint8Array {
  return new ByteWriter(51).u8(LEDGER_TAGS.voteSignature).u64(epoch).u64(round).u16(author).digest(headerDigest).finish()
}
