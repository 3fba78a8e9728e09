import { forEachSeed, keptSeeds, seedRange, SimulatorError } from '@selvedge/simulator'
import { expect, test } from 'vitest'
import corpus from './seeds.json' with { type: 'json' }

test('every seed runs once, those that failed before first', () => {
  const seen: number[] = []
  const ran = forEachSeed({ first: 5, count: 3, kept: keptSeeds(corpus, 'seeds.test.ts') }, (seed) => seen.push(seed))
  expect([seen, ran, keptSeeds(corpus, 'another')]).toEqual([[1009, 5, 6, 7], 4, []])
})

test('the first failing seed is named, with the command and the cause', () => {
  const cause = new RangeError('two leaders')
  const run = (): number =>
    forEachSeed({ first: 1, count: 10 }, (seed) => {
      if (seed >= 4) throw cause
    })
  expect(run).toThrow(expect.objectContaining({ code: 'SIMULATOR_SEED_FAILED', details: { seed: 4, passed: 3 }, cause }))
  expect(run).toThrow('seed 4 failed, after 3 that passed: two leaders\nrepeat with SEED=4 RUNS=1')
})

test('what is thrown need not be an error', () => {
  expect(() =>
    forEachSeed({ first: 1, count: 1 }, () => {
      throw 'text'
    }),
  ).toThrow('text')
})

test('SEED and RUNS of the environment come before what the test says', () => {
  const range = { first: 1, count: 300 }
  expect(seedRange({}, range)).toEqual(range)
  expect(seedRange({ SEED: '42', RUNS: '1' }, range)).toEqual({ first: 42, count: 1 })
  expect(seedRange({ SEED: '-7' }, range)).toEqual({ first: -7, count: 300 })
})

test.each([{ SEED: 'x' }, { SEED: '' }, { SEED: '1.5' }, { RUNS: '0' }, { RUNS: '-1' }])('%o is refused', (environment) => {
  expect(() => seedRange(environment, { first: 1, count: 1 })).toThrow(SimulatorError)
})

test.each([{}, [1], [{ test: 'x', seed: 1 }], [{ test: 'x', seed: 1.5, found: 'y' }], [null]])('a corpus %o is refused', (bad) => {
  expect(() => keptSeeds(bad, 'x')).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})
