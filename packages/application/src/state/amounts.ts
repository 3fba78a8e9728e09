/** Arithmetic of §5.5 of the ledger: µ as `bigint`, rates as ppm, rounding down unless it says otherwise. */

export const MICRO = 1_000_000n
export const PPM = 1_000_000n
export const U64_MAX: bigint = 2n ** 64n - 1n
/** No sum of native money is above this: it is what a u64 holds, far below the 2^53 tokens at which stakes would end. */
export const NATIVE_SUPPLY_MAX: bigint = U64_MAX

export function lesserOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/**
 * Shares `total` over `weights` in their order by cumulative rounding: part i is the difference of two rounded running sums, so the parts
 * add up to `total` exactly, whatever the weights. With no weight at all every part is 0, and the caller must not have minted it.
 */
export function sharesOf(total: bigint, weights: readonly bigint[]): bigint[] {
  let sum = 0n
  for (const weight of weights) sum += weight
  if (sum === 0n) return weights.map(() => 0n)
  let running = 0n
  let given = 0n
  return weights.map((weight) => {
    running += weight
    const upTo = (total * running) / sum
    const part = upTo - given
    given = upTo
    return part
  })
}
