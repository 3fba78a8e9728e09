/**
 * Logarithm and exponential from `+ - * /` alone, and the distributions that need them.
 *
 * `Math.log`, `Math.exp` and `Math.pow` are not specified to the last bit, so two engines may differ; IEEE arithmetic is. These are within
 * 4e-16 of the true value, relative: good for a model, and equal everywhere.
 */
import type { Random } from './random.ts'

const LN2_HIGH = 0.69314718036912381649 // 33 bits of ln 2, so that k * LN2_HIGH is exact
const LN2_LOW = 1.90821492927058770002e-10
const SQRT2 = 1.4142135623730951
const EXPONENT_BIAS = 1023
const EXP_MAX = 700

const view: DataView = new DataView(new ArrayBuffer(8))

/** 2^k for -1022 <= k <= 1023, exactly. */
function powerOf2(k: number): number {
  view.setUint32(0, (k + EXPONENT_BIAS) << 20)
  view.setUint32(4, 0)
  return view.getFloat64(0)
}

/** ln x for normal x > 0. */
export function exactLn(x: number): number {
  view.setFloat64(0, x)
  let exponent = (view.getUint32(0) >>> 20) - EXPONENT_BIAS
  let mantissa = x / powerOf2(exponent)
  if (mantissa > SQRT2) {
    mantissa /= 2
    exponent += 1
  }
  const s = (mantissa - 1) / (mantissa + 1)
  const square = s * s
  let sum = 0
  for (let power = 23; power >= 1; power -= 2) sum = sum * square + 1 / power
  return exponent * LN2_HIGH + (2 * s * sum + exponent * LN2_LOW)
}

/** e^x, cut to -700 <= x <= 700. */
export function exactExp(x: number): number {
  const bounded = x > EXP_MAX ? EXP_MAX : x < -EXP_MAX ? -EXP_MAX : x
  const k = Math.round(bounded / (LN2_HIGH + LN2_LOW))
  const rest = bounded - k * LN2_HIGH - k * LN2_LOW
  let sum = 1
  for (let term = 16; term >= 1; term--) sum = 1 + (rest / term) * sum
  return sum * powerOf2(k)
}

/** A value of the normal distribution with mean 0 and deviation 1 (Marsaglia's polar method). */
export function normal(random: Random): number {
  for (;;) {
    const x = random.next() * 2 - 1
    const y = random.next() * 2 - 1
    const s = x * x + y * y
    if (s < 1 && s > 1e-300) return x * Math.sqrt((-2 * exactLn(s)) / s)
  }
}

/** A value above 0 with this median; its logarithm has the deviation `sigma`. */
export const logNormal = (random: Random, median: number, sigma: number): number => median * exactExp(sigma * normal(random))

/** A value of the Weibull distribution: `shape` below 1 has many short sessions and some that never end. */
export function weibull(random: Random, scale: number, shape: number): number {
  const hazard = -exactLn(1 - random.next())
  return hazard <= 1e-300 ? 0 : scale * exactExp(exactLn(hazard) / shape)
}
