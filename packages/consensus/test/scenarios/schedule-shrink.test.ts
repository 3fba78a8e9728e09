/** A schedule that breaks an invariant becomes a smaller one that breaks the same. */
import { expect, test } from 'vitest'
import type { CoreMaker } from './member.ts'
import { CORES } from './play.ts'
import { drawPlan, type SchedulePlan } from './schedule-plan.ts'
import { playPlan, playSchedule } from './schedule.ts'
import { changesOf, replayOf, shrinkPlan } from './schedule-shrink.ts'

const FULL: SchedulePlan = {
  ...drawPlan('certified', 1),
  liars: [0, 1],
  amnesiacs: [2, 3],
  laggards: [4, 5],
  picks: 4_000,
  crashShare: 0.003,
  duplicateShare: 0.05,
  forgetShare: 0.02,
  equivocateShare: 1,
  makesCheckpoints: true,
}

test('what a failure needs is kept, and nothing else', () => {
  const small = shrinkPlan(
    FULL,
    ({ picks, liars, amnesiacs, forgetShare }) => picks >= 137 && liars.includes(1) && amnesiacs.includes(3) && forgetShare > 0,
  )
  const none = { crashShare: 0, boundaryShare: 0, duplicateShare: 0, withholdShare: 0, equivocateShare: 0 }
  expect(small).toEqual({ ...FULL, ...none, picks: 137, liars: [1], amnesiacs: [3], laggards: [], makesCheckpoints: false })
})

test('a failure that needs everything loses nothing', () => {
  const isFull = (plan: SchedulePlan): boolean => JSON.stringify(plan) === JSON.stringify(FULL)
  expect(changesOf(FULL, shrinkPlan(FULL, isFull))).toEqual({})
})

test('whoever loses its laggards keeps none without an amnesiac', () => {
  const needsLaggards = ({ laggards, amnesiacs }: SchedulePlan): boolean => laggards.length > 0 && amnesiacs.length > 0
  expect(shrinkPlan(FULL, needsLaggards)).toMatchObject({ picks: 0, liars: [], amnesiacs: [3], laggards: [4, 5] })
})

test('a core that throws is shrunk to a plan that replays', () => {
  const careless: CoreMaker = (components, setup, options) => {
    const core = CORES.certified(components, setup, options)
    const step = core.step.bind(core)
    return Object.assign(core, {
      step: (...args: Parameters<typeof step>) => {
        step(...args)
        if (core.gauges.round >= 2) throw new Error('a second round')
      },
    })
  }
  const { plan, broken } = playSchedule('certified', 1, () => careless)
  expect(broken?.message).toContain('a second round')
  const text = replayOf(plan, broken!, () => careless)
  const changes = JSON.parse(text.slice(text.indexOf('{'))) as Partial<SchedulePlan>
  expect(changes.picks).toBeLessThan(plan.picks)
  const again = playPlan({ ...plan, ...changes }, () => careless)
  expect(again.broken?.invariant).toBe(broken!.invariant)
  expect(again.broken?.message).toContain('a second round')
})
