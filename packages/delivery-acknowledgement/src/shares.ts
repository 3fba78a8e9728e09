/**
 * Sharing a whole number: cumulative rounding. The i-th of weights w with running sum W_i gets `⌊T·W_i/W⌋ − ⌊T·W_(i−1)/W⌋`, so the parts sum to
 * T exactly, no dust is left and nothing needs sorting.
 */

export interface Sharer {
  /** The part of the next weight, in the agreed order. */
  next(weight: bigint): bigint
}

/** Shares `total` over weights that will sum to `weights`. When that is 0 nothing is shared. */
export function createSharer(total: bigint, weights: bigint): Sharer {
  let running = 0n
  let given = 0n
  return {
    next(weight) {
      if (weights === 0n) return 0n
      running += weight
      const upTo = (total * running) / weights
      const part = upTo - given
      given = upTo
      return part
    },
  }
}

/** Shares `total` over all of `weights`, in their order. */
export function shareOut(total: bigint, weights: readonly bigint[]): bigint[] {
  const sharer = createSharer(
    total,
    weights.reduce((sum, weight) => sum + weight, 0n),
  )
  return weights.map((weight) => sharer.next(weight))
}

/** ⌈a / b⌉ of numbers that are not negative. */
export const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b

export const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b)
export const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b)
