/**
 * From a plan whose schedule breaks an invariant to a smaller one that breaks the same: fewer picks, by halving; then without laggards, and
 * without amnesiacs, liars, crashes, repetitions and losses, one after the other. What is dropped moves what chance decides elsewhere, so a
 * smaller plan is another schedule: it is kept because it was played and broke the same. It need not be the smallest there is.
 */
import type { Broken } from './invariant.ts'
import type { SchedulePlan } from './schedule-plan.ts'
import { type CoreMakerOf, playPlan } from './schedule.ts'

const SHARES = ['crashShare', 'boundaryShare', 'duplicateShare', 'forgetShare', 'withholdShare', 'equivocateShare'] as const

/** @param breaks - whether the schedule of this plan breaks the invariant that is looked for; it does for `plan`. */
export function shrinkPlan(plan: SchedulePlan, breaks: (plan: SchedulePlan) => boolean): SchedulePlan {
  let small = withFewerPicks(plan, breaks)
  const tryWith = (change: Partial<SchedulePlan>): void => {
    const smaller = { ...small, ...change }
    if (breaks(smaller)) small = smaller
  }
  if (small.laggards.length > 0) tryWith({ laggards: [] })
  for (const each of small.amnesiacs) {
    const amnesiacs = small.amnesiacs.filter((other) => other !== each)
    tryWith({ amnesiacs, laggards: amnesiacs.length > 0 ? small.laggards : [] }) // where members lag, one must lose its disk
  }
  for (const each of small.liars) tryWith({ liars: small.liars.filter((other) => other !== each) })
  for (const share of SHARES) if (small[share] > 0) tryWith({ [share]: 0 })
  if (small.makesCheckpoints) tryWith({ makesCheckpoints: false })
  return small
}

/** More picks than a plan that breaks do not always break too: what is found is a boundary, not always the first. */
function withFewerPicks(plan: SchedulePlan, breaks: (plan: SchedulePlan) => boolean): SchedulePlan {
  let [low, high] = [-1, plan.picks]
  while (high - low > 1) {
    const picks = Math.floor((low + high) / 2)
    if (breaks({ ...plan, picks })) high = picks
    else low = picks
  }
  return { ...plan, picks: high }
}

/** What `small` has that `plan` has not, so that it replays: `playPlan({ ...drawPlan(mode, seed), ...changes }, …)`. */
export function changesOf(plan: SchedulePlan, small: SchedulePlan): Partial<SchedulePlan> {
  const before = new Map<string, unknown>(Object.entries(plan))
  return Object.fromEntries(Object.entries(small).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before.get(name))))
}

/** What broke, by which seed, and a smaller plan that breaks the same invariant: `playPlan({ ...drawPlan(mode, seed), ...changes }, …)` replays it. */
export function replayOf(plan: SchedulePlan, broken: Broken, createCoreOf: CoreMakerOf): string {
  const small = shrinkPlan(plan, (candidate) => playPlan(candidate, createCoreOf).broken?.invariant === broken.invariant)
  return `${plan.mode}, seed ${plan.seed}: ${broken.message}\nthe same breaks with these changes of its plan: ${JSON.stringify(changesOf(plan, small))}`
}
