/**
 * Goal: under every order of deliveries, with as many liars as the budget bears, members never disagree; afterwards they go on.
 * Method: the asynchronous adversarial scheduler (schedule.ts), everything drawn from the seed, the referee at every step. A failing seed
 * is played again from its recording and shrunk before it is told.
 */
import { forEachSeed, keptSeeds, seedRange } from '@selvedge/simulator'
import { expect, test } from 'vitest'
import { createBullsharkRule } from '../../src/dag/bullshark-rule.ts'
import type { Mode } from '../../src/dag/contract.ts'
import corpus from '../seeds.json' with { type: 'json' }
import type { RuleMaker } from './config.ts'
import { RULES } from './hunt.ts'
import { describeActions, replay, shrinkRecording } from './recording.ts'
import { playSchedule } from './schedule.ts'
import { createTally } from '../support/soak.ts'
import { playInto } from './tally.ts'

const SEEDS = seedRange(process.env, { first: 1, count: 300 })

test.each<Mode>(['certified', 'uncertified'])(
  `no invariant breaks, %s, ${SEEDS.count} schedules from seed ${SEEDS.first}`,
  (mode) => {
    const tally = createTally()
    const ran = forEachSeed({ ...SEEDS, kept: keptSeeds(corpus, `rules.sim.test.ts ${mode}`) }, (seed) => playInto(tally, mode, seed))
    expect([tally.schedules, tally.broken]).toEqual([ran, 0])
    if (SEEDS.count < 100) return // what must have happened is a matter of many schedules
    const { crashes, late, versions, equivocations, halts } = tally.counts
    for (const count of [crashes, late, versions, equivocations]) expect(count).toBeGreaterThan(SEEDS.count / 100)
    expect(tally.commits).toBeGreaterThan(SEEDS.count)
    expect(halts).toBeGreaterThan(0)
  },
  600_000,
)

test.each<[Mode, string]>([
  ['certified', '5 39 182 a63e72136a1c6b82'],
  ['uncertified', '7 71 377 e3da8ff1a9d0d62c'],
])('a seed decides everything, %s: the trace of seed 42 is the same at every run and in every engine', (mode, trace) => {
  const play = (): string => playSchedule(mode, 42, () => RULES[mode]).trace
  expect([play(), play()]).toEqual([trace, trace])
})

test('a failure is played again from its recording, and shrunk to what it needs', () => {
  const forking = (self: number): RuleMaker => {
    return (setup, snapshot) => createBullsharkRule({ ...setup, gcDepth: setup.gcDepth! + (self % 2) }, snapshot)
  }
  const seeds = Array.from({ length: 200 }, (_, seed) => seed)
  const failed = seeds.map((seed) => playSchedule('certified', seed, forking)).find(({ broken }) => broken?.invariant === 'I1')
  if (failed === undefined) throw new Error('two depths of collection were not found to fork')
  expect(replay(failed, failed.actions, forking)?.message).toBe(failed.broken?.message)
  const needed = shrinkRecording(failed, 'I1', forking)
  expect(needed.length).toBeLessThan(failed.actions.length / 2)
  expect(replay(failed, needed, forking)?.invariant).toBe('I1')
  expect(replay(failed, needed.slice(1), forking)?.invariant).not.toBe('I1')
  expect(describeActions(failed, needed)).toMatch(/\d <- \d+\.\d/)
})
