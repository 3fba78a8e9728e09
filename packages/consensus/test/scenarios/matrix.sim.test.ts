/**
 * Goal: every fault of the list, both rules, committees of 4, 7 and 10: what must follow follows, what must not does not, and no invariant
 * breaks on the way. Method: whole cores over the simulator; a scenario whose fault never happened fails.
 *
 * Here one seed each; a soak's `RUNS` of 1,000 plays ten from `SEED` on.
 */
import { keptSeeds, seedRange } from '@selvedge/simulator'
import { describe, expect, test } from 'vitest'
import type { Mode } from '../../src/dag/contract.ts'
import corpus from '../seeds.json' with { type: 'json' }
import { playScenario } from './play.ts'
import { scenarios } from './table.ts'

const SEEDS = seedRange(process.env, { first: 1, count: 1 })
const RUNS_A_SEED = 100
const COUNT = Math.max(1, Math.floor(SEEDS.count / RUNS_A_SEED))
/** A play takes a second, or three in a large committee. */
const TIMEOUT_MS = 60_000 * COUNT
const MODES: readonly Mode[] = ['certified', 'uncertified']

describe.each(MODES)('%s', (mode) => {
  describe.each([4, 7, 10])('of %i members', (size) => {
    const meant = scenarios.filter(({ rules = MODES }) => rules.includes(mode))
    test.each(meant.map((scenario) => [scenario.name, scenario] as const))(
      `%s, seed ${SEEDS.first}`,
      { timeout: TIMEOUT_MS },
      (name, scenario) => {
        const kept = keptSeeds(corpus, `matrix.sim.test.ts ${mode} ${size} ${name}`)
        for (const seed of [...kept, ...Array.from({ length: COUNT }, (_, place) => SEEDS.first + place)]) {
          const { log, halts } = playScenario(scenario, { mode, size, seed }).referee
          expect(log.length + halts.length).toBeGreaterThan(0)
        }
      },
    )
  })
})
