/** Every planted bug is found, each in a fresh process, the seed that killed it last time first. The table is bench/MUTANTS.md. */
import { expect, test } from 'vitest'
import { isSurvivor, knownKills, runMutant } from './gate.ts'
import { mutants } from './mutants/all.ts'
import { applyPatch } from './patch.ts'

/** What a mutant without a known seed, or whose seed has lost its power, is played for. */
const SCHEDULES = 300
const EQUIVALENT_SCHEDULES = 40
const kills = knownKills()

test.each(mutants.filter((mutant) => mutant.class !== 'equivalent'))('$id breaks an invariant', async (mutant) => {
  const seed = kills[mutant.id]
  const kill = await runMutant(mutant, SCHEDULES, seed === undefined ? [] : [seed])
  expect(isSurvivor(mutant, kill)).toBe(false)
})

test.each(mutants.filter((mutant) => mutant.class === 'equivalent'))('$id breaks nothing, for the reason it gives', async (mutant) => {
  expect(mutant.reason).toBeDefined()
  expect(await runMutant(mutant, EQUIVALENT_SCHEDULES)).toBeUndefined()
})

test.each(['certified', 'uncertified'])('there are 20 mutants or more that count, %s', (mode) => {
  const counted = mutants.filter((mutant) => mutant.mode === mode && mutant.class !== 'equivalent')
  expect(counted.length).toBeGreaterThanOrEqual(20)
  expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length)
})

test('a patch that does not apply fails its run', async () => {
  expect(() => applyPatch('a + b', { id: 'x', find: 'a - b', put: '' })).toThrow('occur 0 times')
  expect(() => applyPatch('a + b; a + b', { id: 'x', find: 'a + b', put: '' })).toThrow('occur 2 times')
  expect(() => applyPatch('a + b', { id: 'x', find: '  ', put: '' })).toThrow('not once')
  await expect(runMutant({ ...mutants[0]!, id: 'unheard-of' }, 1)).rejects.toThrow('no mutant is called unheard-of')
})
