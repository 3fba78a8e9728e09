/**
 * Goal: whatever order messages, timers, syncs and deaths come in, epochs end where the executor ends them, and what was accepted is
 * executed once, the same everywhere. Method: schedule.ts over the small state machine; apps/node plays the same over the shipped one.
 */
import { forEachSeed, keptSeeds, seedRange } from '@selvedge/simulator'
import { expect, test } from 'vitest'
import type { Mode } from '../../src/dag/contract.ts'
import corpus from '../seeds.json' with { type: 'json' }
import { drawChainPlan, playChain } from './schedule.ts'
import { createSmallLedger } from './small-ledger.ts'

const NODES = 5
const PICKS = 10_000
const SEEDS = seedRange(process.env, { first: 1, count: 8 })

test.each<Mode>(['certified', 'uncertified'])(
  `no invariant breaks, %s chain, ${SEEDS.count} schedules from seed ${SEEDS.first}`,
  (mode) => {
    const sums: Record<string, number> = {}
    forEachSeed({ ...SEEDS, kept: keptSeeds(corpus, `chain.sim.test.ts ${mode}`) }, (seed) => {
      const { broken, counts, blocks, epochs } = playChain(drawChainPlan(mode, seed, NODES, PICKS), createSmallLedger(mode, seed, NODES))
      if (broken !== undefined) throw broken
      for (const [name, count] of Object.entries({ ...counts, blocks, epochs })) sums[name] = (sums[name] ?? 0) + count
    })
    if (SEEDS.count < 8) return // what must have happened is a matter of many schedules
    for (const name of ['crashes', 'deaths after a block', 'early words', 'second checkpoints', 'returned'])
      expect([name, sums[name] ?? 0]).not.toEqual([name, 0])
    expect(sums.epochs).toBeGreaterThan(SEEDS.count)
  },
)

test('a schedule is what its seed makes it', () => {
  const play = (): string => playChain(drawChainPlan('certified', 3, NODES, 2_000), createSmallLedger('certified', 3, NODES)).roots
  expect(play()).toBe(play())
})
