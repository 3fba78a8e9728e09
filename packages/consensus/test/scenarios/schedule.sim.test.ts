/**
 * Goal: whatever order messages, timers and syncs come in, whoever dies or lies, no slot is signed twice or certified twice, no log parts,
 * and afterwards every promise is kept. Method: schedule.ts; the long run is soak.ts.
 */
import { forEachSeed, keptSeeds, seedRange } from '@selvedge/simulator'
import { expect, test } from 'vitest'
import type { Mode } from '../../src/dag/contract.ts'
import corpus from '../seeds.json' with { type: 'json' }
import { CORES } from './play.ts'
import { drawPlan } from './schedule-plan.ts'
import { playSchedule } from './schedule.ts'
import { replayOf } from './schedule-shrink.ts'

const SEEDS = seedRange(process.env, { first: 1, count: 8 })

test.each<Mode>(['certified', 'uncertified'])(`no invariant breaks, %s core, ${SEEDS.count} schedules from seed ${SEEDS.first}`, (mode) => {
  const sums: Record<string, number> = {}
  forEachSeed({ ...SEEDS, kept: keptSeeds(corpus, `schedule.sim.test.ts ${mode}`) }, (seed) => {
    const { plan, broken, counts, commits } = playSchedule(mode, seed, () => CORES[mode])
    if (broken !== undefined)
      throw new Error(
        replayOf(plan, broken, () => CORES[mode]),
        { cause: broken },
      )
    for (const [name, count] of Object.entries({ ...counts, commits })) sums[name] = (sums[name] ?? 0) + count
  })
  if (SEEDS.count < 8) return // what must have happened is a matter of many schedules
  for (const name of ['crashes', 'amnesias', 'equivocations', 'votes for both', 'commits'])
    expect([name, sums[name] ?? 0]).not.toEqual([name, 0])
  expect(sums.commits).toBeGreaterThan(2 * SEEDS.count)
})

test.each<Mode>(['certified', 'uncertified'])(
  `more liars than a committee bears end in a halt or in evidence, %s core, from seed ${SEEDS.first}`,
  (mode) => {
    const isOverBudget = ({ liars, size }: ReturnType<typeof drawPlan>): boolean => 3 * liars.length >= size
    let seed = SEEDS.first
    while (!isOverBudget(drawPlan(mode, seed))) seed++
    const { broken, counts } = playSchedule(mode, seed, () => CORES[mode])
    if (broken !== undefined) throw broken
    expect((counts['halts over budget'] ?? 0) + (counts['evidence over budget'] ?? 0)).toBe(1)
  },
)

test.each<Mode>(['certified', 'uncertified'])(
  `checkpoints are certified, and no member signs two of one height, %s core, from seed ${SEEDS.first}`,
  (mode) => {
    const isMeant = ({ liars, size, makesCheckpoints }: ReturnType<typeof drawPlan>): boolean => makesCheckpoints && 3 * liars.length < size
    let seed = SEEDS.first
    while (!isMeant(drawPlan(mode, seed))) seed++
    const { broken, counts } = playSchedule(mode, seed, () => CORES[mode])
    if (broken !== undefined) throw broken
    expect(counts['checkpoint certificates'] ?? 0).toBeGreaterThan(0)
  },
)
