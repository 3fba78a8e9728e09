/**
 * Which points of a claim must be opened: drawn from a beacon that nobody knew when the claim was committed, and by value, so that the part of
 * it that is false is the chance that a point shows it.
 *
 * Who withholds a reveal of the beacon chooses between two outcomes; 64 more points for each undo that wherever more than 1.1 % is false.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { hashTranscript } from '@selvedge/crypto/transcript'
import { CHALLENGE_POINTS, DIGEST_BYTES } from './constants.ts'
import { WireWriter } from './wire.ts'

/** Of a claim, what the draw depends on. */
export interface DrawnClaim {
  readonly epoch: bigint
  readonly nodeIndex: number
  /** 32 bytes. */
  readonly root: Uint8Array
  /** µUSD, above 0. */
  readonly total: bigint
}

/** Points to be opened when `withheld` committed reveals of the beacon's round were not given. */
export const pointCountOf = (withheld: number): number => CHALLENGE_POINTS * (1 + withheld)

/**
 * The points, each in [0, total), in the order in which they are answered; one may come twice.
 * @param beacon - of the epoch after the claim's, 32 bytes.
 */
export function drawPoints(beacon: Uint8Array, { epoch, nodeIndex, root, total }: DrawnClaim, withheld: number): bigint[] {
  const claim = new WireWriter(12 + DIGEST_BYTES).epoch(epoch).u32(nodeIndex, 'nodeIndex').bytes(root, DIGEST_BYTES, 'root').out
  const preimage = new Uint8Array(DIGEST_BYTES + 4)
  preimage.set(hashTranscript('challenge', beacon, claim))
  const number = new DataView(preimage.buffer, DIGEST_BYTES)
  return Array.from({ length: pointCountOf(withheld) }, (_, index) => {
    number.setUint32(0, index, true)
    const digest = sha256(preimage)
    const view = new DataView(digest.buffer, digest.byteOffset)
    return (view.getBigUint64(0, true) + (view.getBigUint64(8, true) << 64n)) % total
  })
}
