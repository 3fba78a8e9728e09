import { createAdversarialScheduler, createFaultPlan, createRandom, createScriptedScheduler, type DeliveryId } from '@selvedge/simulator'
import { type Scheduler, shrink } from '@selvedge/simulator'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const SEED = Number(process.env.SEED ?? 1)
const RUNS = Number(process.env.RUNS ?? 100)

test(`the result fails, is a part in order, and fails no more without any one decision, seed ${SEED}`, () => {
  const cases = fc.record({
    size: fc.integer({ min: 1, max: 60 }),
    needs: fc.array(fc.nat(59), { minLength: 1, maxLength: 5 }),
    isEither: fc.boolean(),
    conditions: fc.array(fc.tuple(fc.nat(59), fc.nat(59)), { maxLength: 6 }), // the first is needed while the second is there
  })
  const property = fc.property(cases, ({ size, needs, isEither, conditions }) => {
    const all = Array.from({ length: size }, (_, i) => i)
    const needed = needs.map((need) => need % size)
    const fails = (part: readonly number[]): boolean => {
      const isEnough = isEither ? needed.some((each) => part.includes(each)) : needed.every((each) => part.includes(each))
      return isEnough && conditions.every(([one, other]) => !part.includes(other % size) || part.includes(one % size))
    }
    const { decisions, isMinimal } = shrink(all, fails)
    expect([isMinimal, fails(decisions), decisions.toSorted((a, b) => a - b)]).toEqual([true, true, decisions])
    for (const each of decisions) expect(fails(decisions.filter((other) => other !== each))).toBe(false)
  })
  fc.assert(property, { seed: SEED, numRuns: RUNS })
})

test('a failure that needs nothing shrinks to nothing', () => {
  expect(shrink([1, 2, 3], () => true).decisions).toEqual([])
})

test('a run that does not replay is refused', () => {
  expect(() => shrink([1, 2], () => false)).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})

test('at its budget the best so far is returned, and said to be not minimal', () => {
  const all = Array.from({ length: 1000 }, (_, i) => i)
  const shrunk = shrink(all, (part) => part.includes(3) && part.includes(700), { runsMax: 5 })
  expect([shrunk.isMinimal, shrunk.runs, shrunk.decisions.length < 1000, shrunk.decisions.includes(3)]).toEqual([false, 5, true, true])
})

test('faults: of some forty that happened, the two that break the run are left', () => {
  const seed = 77
  const breaks = (plan: ReturnType<typeof createFaultPlan>): boolean => {
    let losses = 0
    let isBroken = false
    for (let step = 0; step < 200; step++) {
      plan.occurs('noise', 0.1)
      if (plan.occurs('loss', 0.1)) losses += 1
      if (plan.occurs('crash', 0.05) && losses > 0) isBroken = true // a crash after any loss
    }
    return isBroken
  }
  const plan = createFaultPlan(seed)
  expect([breaks(plan), plan.taken.length > 40]).toEqual([true, true])
  const { decisions } = shrink(plan.taken, (only) => breaks(createFaultPlan(seed, { only })))
  expect(decisions.map(({ name }) => name)).toEqual(['loss', 'crash'])
})

/** A register of three nodes without a quorum: two writers, the last message wins. It breaks where two nodes end with different values. */
function disagree(scheduler: Scheduler<string>, picks: DeliveryId[] = []): boolean {
  const values = ['', '', '']
  for (let round = 0; round < 20; round++)
    for (const receiver of [0, 1, 2]) for (const author of [0, 1]) scheduler.add(receiver, author, `${round} of ${author}`)
  for (let delivery = scheduler.next(); delivery !== undefined; delivery = scheduler.next()) {
    const { receiver, author, number } = delivery
    picks.push({ receiver, author, number })
    values[receiver] = delivery.item
  }
  return new Set(values.filter((value) => value !== '')).size > 1
}

test('deliveries: of 120, the two that make two nodes disagree are left', () => {
  const picks: DeliveryId[] = []
  expect(disagree(createAdversarialScheduler<string>(createRandom(1), { receivers: 3, authors: 2 }), picks)).toBe(true)
  expect(picks.length).toBe(120)
  const { decisions } = shrink(picks, (part) => disagree(createScriptedScheduler<string>(part, { receivers: 3 })))
  expect(decisions.length).toBe(2)
  expect(decisions[0]!.receiver).not.toBe(decisions[1]!.receiver)
})
