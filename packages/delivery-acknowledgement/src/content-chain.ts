/**
 * What was delivered, chained: each acknowledgement binds every stretch of every lane that it pays for, by what was asked and answered there.
 * Both ends compute it, so neither can say later that other content was meant. The salt is known to both ends of the channel and published
 * by neither: else an opened acknowledgement would let anybody test guesses of what was read.
 * Layouts: docs/protocol/delivery-acknowledgements.md.
 */
import { hashTranscript } from '@selvedge/crypto/transcript'

const LENGTH_BYTES = 4
const OFFSETS_BYTES = 16

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

/** The chain after DATA of a lane from `from` up to `to`. */
export function contentAfter(contentRoot: Uint8Array, laneDigest: Uint8Array, from: bigint, to: bigint): Uint8Array {
  const offsets = new Uint8Array(OFFSETS_BYTES)
  const view = new DataView(offsets.buffer)
  view.setBigUint64(0, from, true)
  view.setBigUint64(8, to, true)
  return hashTranscript('dackPiece', contentRoot, laneDigest, offsets)
}
