/**
 * What was delivered, chained: each acknowledgement binds every stretch of every lane that it pays for, by what was asked and answered there.
 * Both ends compute it, so neither can say later that other content was meant. The salt is known to both ends of the channel and published
 * by neither: else an opened acknowledgement would let anybody test guesses of what was read.
 * Layouts: docs/protocol/delivery-acknowledgements.md.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { hashTranscript, transcriptOf } from '@selvedge/crypto/transcript'
import { DIGEST_BYTES } from './constants.ts'

const LENGTH_BYTES = 4
const OFFSETS_BYTES = 16
const PIECE_DOMAIN = transcriptOf('dackPiece')

/** What a lane carries: the request with its answer, whole bodies of OPEN and ACCEPT. 32 bytes. */
export function laneDigestOf(openBody: Uint8Array, acceptBody: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, openBody.length, true)
  return hashTranscript('dackLane', length, openBody, acceptBody)
}

/** Where a chain begins. @param channelBinding - 33 bytes, of the connection that opened the session. */
export function contentStartOf(sessionId: Uint8Array, channelBinding: Uint8Array): Uint8Array {
  return hashTranscript('dackContent', sessionId, hashTranscript('dackSalt', channelBinding))
}

/** Filled again and again: the domain is encoded once, and nothing is made for each acknowledgement of a node but the digest. */
const PIECE = new Uint8Array(PIECE_DOMAIN.length + 2 * DIGEST_BYTES + OFFSETS_BYTES)
PIECE.set(PIECE_DOMAIN)
const OFFSETS = new DataView(PIECE.buffer, PIECE.length - OFFSETS_BYTES)

/** The chain after DATA of a lane from `from` up to `to`. Both digests are 32 bytes. */
export function contentAfter(contentRoot: Uint8Array, laneDigest: Uint8Array, from: bigint, to: bigint): Uint8Array {
  PIECE.set(contentRoot, PIECE_DOMAIN.length)
  PIECE.set(laneDigest, PIECE_DOMAIN.length + DIGEST_BYTES)
  OFFSETS.setBigUint64(0, from, true)
  OFFSETS.setBigUint64(8, to, true)
  return sha256(PIECE)
}
