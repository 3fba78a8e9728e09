/**
 * Chance that every member repeats: the stream `H(seed ‖ 0) ‖ H(seed ‖ 1) ‖ …` read as u64, and `below` by rejection, free of bias.
 *
 * Source: docs/protocol/consensus-order.md §2.
 */
import { sha256 } from '@selvedge/crypto/sha256'

const U64_COUNT = 2n ** 64n
const HASH_BYTES = 32

export interface Draw {
  /** 0 <= value < limit, for limit >= 1. */
  below(limit: bigint): bigint
}

export function createDraw(seed: Uint8Array): Draw {
  const input = new Uint8Array(seed.length + 4)
  input.set(seed)
  const counter = new DataView(input.buffer, seed.length)
  let blocks = 0
  let offset = HASH_BYTES
  let block: DataView = counter
  const next = (): bigint => {
    if (offset === HASH_BYTES) {
      counter.setUint32(0, blocks++, true)
      const bytes = sha256(input)
      block = new DataView(bytes.buffer, bytes.byteOffset, HASH_BYTES)
      offset = 0
    }
    const value = block.getBigUint64(offset, true)
    offset += 8
    return value
  }
  return {
    below(limit) {
      const bound = U64_COUNT - (U64_COUNT % limit)
      let value = next()
      while (value >= bound) value = next()
      return value % limit
    },
  }
}

/** A permutation of all authorities: place by place by the stake that is left, so that stake decides the order and nothing else. */
export function permutationOf(seed: Uint8Array, stakes: readonly number[]): readonly number[] {
  const draw = createDraw(seed)
  const remaining = stakes.map((_, authority) => authority)
  let total = stakes.reduce((sum, stake) => sum + BigInt(stake), 0n)
  return stakes.map(() => {
    const target = draw.below(total)
    let running = 0n
    const place = remaining.findIndex((authority) => (running += BigInt(stakes[authority] as number)) > target)
    const [taken] = remaining.splice(place, 1) as [number]
    total -= BigInt(stakes[taken] as number)
    return taken
  })
}
