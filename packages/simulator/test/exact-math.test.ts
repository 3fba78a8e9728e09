import { createRandom, exactExp, exactLn, logNormal, normal, weibull } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const ULP = 2 ** -52
const random = createRandom(1, 'math')
/** Anything of the range of a double, small and large. */
const anyPositive = (): number => (1 + random.next()) * 2 ** (random.below(1800) - 900)
const momentsOf = (values: readonly number[]): { mean: number; deviation: number } => {
  const mean = values.reduce((a, b) => a + b) / values.length
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) }
}

test('ln is within 2 ulp of the built-in one, or of one where the result is below one', () => {
  for (let i = 0; i < 20_000; i++) {
    const x = i % 2 === 0 ? anyPositive() : 0.5 + random.next()
    expect(Math.abs(exactLn(x) - Math.log(x))).toBeLessThanOrEqual(2 * ULP * Math.max(1, Math.abs(Math.log(x))))
  }
  expect([exactLn(1), exactLn(2), exactLn(Math.E)]).toEqual([0, Math.LN2, 1])
})

test('exp is within 8 ulp of the built-in one, and bounded', () => {
  for (let i = 0; i < 20_000; i++) {
    const x = (random.next() - 0.5) * (i % 2 === 0 ? 1400 : 4)
    expect(Math.abs(exactExp(x) / Math.exp(x) - 1)).toBeLessThanOrEqual(8 * ULP)
  }
  expect([exactExp(0), exactExp(1e9), exactExp(-1e9)]).toEqual([1, exactExp(700), exactExp(-700)])
})

test('normal values have mean 0 and deviation 1, and a tail of the right weight', () => {
  const values = Array.from({ length: 50_000 }, () => normal(random))
  const { mean, deviation } = momentsOf(values)
  expect(Math.abs(mean)).toBeLessThan(0.02)
  expect(Math.abs(deviation - 1)).toBeLessThan(0.02)
  const beyond2 = values.filter((value) => Math.abs(value) > 2).length / values.length
  expect(Math.abs(beyond2 - 0.0455)).toBeLessThan(0.005)
})

test('log-normal values have their median, Weibull ones their mean', () => {
  const sorted = Array.from({ length: 20_001 }, () => logNormal(random, 40, 0.5)).toSorted((a, b) => a - b)
  expect(Math.abs(sorted[10_000]! - 40)).toBeLessThan(1)
  const sessions = Array.from({ length: 50_000 }, () => weibull(random, 1000, 0.5))
  expect(Math.abs(momentsOf(sessions).mean - 2000)).toBeLessThan(120) // scale * gamma(1 + 1 / 0.5) = 2 * scale
  const exponential = Array.from({ length: 50_000 }, () => weibull(random, 1000, 1))
  expect(Math.abs(momentsOf(exponential).deviation - 1000)).toBeLessThan(40)
})
