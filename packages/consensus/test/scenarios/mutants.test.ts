/** Every planted bug of the cores is found, each in a fresh process, the seed that killed it last time first. The table is bench/MUTANTS.md. */
import { expect, test } from 'vitest'
import { knownCoreKills, runCoreMutant } from './gate.ts'
import { coreMutants } from './mutants.ts'

/** What a mutant is played for whose seed has lost its power. */
const SCHEDULES = 30
const EQUIVALENT_SCHEDULES = 5
const kills = knownCoreKills()

test.each(coreMutants.filter((mutant) => mutant.class !== 'equivalent'))('$id breaks an invariant', async (mutant) => {
  const seed = kills[mutant.id]
  expect(await runCoreMutant(mutant, SCHEDULES, seed === undefined ? [] : [seed])).toBeDefined()
})

test.each(coreMutants.filter((mutant) => mutant.class === 'equivalent'))('$id breaks nothing, for the reason it gives', async (mutant) => {
  expect(mutant.reason).toBeDefined()
  expect(await runCoreMutant(mutant, EQUIVALENT_SCHEDULES)).toBeUndefined()
})

test.each(['certified', 'uncertified'])('there are 20 planted bugs or more, %s', (mode) => {
  expect(coreMutants.filter((mutant) => mutant.mode === mode && mutant.class !== 'equivalent').length).toBeGreaterThanOrEqual(20)
})

test('ids are unique, and a mutant that nobody knows fails its run', async () => {
  expect(new Set(coreMutants.map(({ id }) => id)).size).toBe(coreMutants.length)
  await expect(runCoreMutant({ ...coreMutants[0]!, id: 'unheard-of' }, 1)).rejects.toThrow('no mutant is called unheard-of')
})
