import { createRandom, evenLatency, fixedLatency, matrixLatency, syntheticRegions, withJitter, zipfRegions } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const random = createRandom(1)

test('a matrix gives each direction its own delay', () => {
  const latency = matrixLatency(
    [
      [1, 20],
      [30, 2],
    ],
    [0, 0, 1],
  )
  expect([latency(0, 1, random), latency(0, 2, random), latency(2, 1, random), latency(2, 2, random)]).toEqual([1, 20, 30, 2])
  expect(() => matrixLatency([[1, 2]], [0])).toThrow('square')
  expect(() => matrixLatency([[1]], [1])).toThrow('region must be below 1, got 1')
})

test('even delays fill their range; jitter keeps the median and spreads around it', () => {
  const even = Array.from({ length: 5000 }, () => evenLatency(10, 20)(0, 1, random))
  expect([Math.min(...even) >= 10, Math.max(...even) < 20]).toEqual([true, true])
  const latency = withJitter(fixedLatency(100), 0.2)
  const jittered = Array.from({ length: 20_001 }, () => latency(0, 1, random)).toSorted((a, b) => a - b)
  expect(Math.abs(jittered[10_000]! - 100)).toBeLessThan(2)
  expect(Math.abs(jittered[Math.floor(20_001 * 0.8413)]! / 122.14 - 1)).toBeLessThan(0.03) // one deviation up: e^0.2
})

test('synthetic regions are symmetric, near themselves, and as far apart as a planet is wide', () => {
  for (const count of [1, 2, 9, 64]) {
    const matrix = syntheticRegions(count)
    const far: number[] = []
    for (let one = 0; one < count; one++) {
      expect(matrix[one]![one]).toBe(1)
      for (let other = 0; other < one; other++) {
        expect(matrix[one]![other]).toBe(matrix[other]![one])
        far.push(matrix[one]![other]!)
      }
    }
    if (count === 64) expect([Math.min(...far) > 5, Math.max(...far) > 150, Math.max(...far) < 250]).toEqual([true, true, true])
  }
  expect(syntheticRegions(3)).toEqual(syntheticRegions(3))
})

test('by Zipf, the first region holds as much more as the harmonic sum says', () => {
  const regions = zipfRegions(10_000, 5, createRandom(4))
  const first = regions.filter((region) => region === 0).length / 10_000
  expect(Math.abs(first - 1 / (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5))).toBeLessThan(0.02)
  expect([Math.min(...regions), Math.max(...regions)]).toEqual([0, 4])
})
