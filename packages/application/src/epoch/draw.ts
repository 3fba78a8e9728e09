/** Draws that every node makes alike: numbers from a seed by hashing, without bias. */
import { sha256 } from '@selvedge/crypto/sha256'

const U64 = 2n ** 64n

/** Gives numbers below a bound from `H(seed ‖ 0 u32) ‖ H(seed ‖ 1 u32) ‖ …`, read as little-endian u64. */
export interface Draw {
  /** Uniform in [0, bound), for 1 <= bound < 2^64. */
  below(bound: bigint): bigint
}

export function createDraw(seed: Uint8Array): Draw {
  const preimage = new Uint8Array(seed.length + 4)
  preimage.set(seed)
  const counter = new DataView(preimage.buffer, seed.length)
  let block: DataView | undefined
  let taken = 0
  let count = 0
  const next = (): bigint => {
    if (block === undefined || taken === 4) {
      counter.setUint32(0, count++, true)
      const digest = sha256(preimage)
      block = new DataView(digest.buffer, digest.byteOffset, digest.length)
      taken = 0
    }
    return block.getBigUint64(8 * taken++, true)
  }
  return {
    below(bound) {
      const limit = U64 - (U64 % bound)
      for (;;) {
        const number = next()
        if (number < limit) return number % bound
      }
    },
  }
}
