/** What one schedule of whole cores is played with, drawn from its seed. Small depths, so that collection meets everything else. */
import { createRandom } from '@selvedge/simulator'
import type { CoreOptions } from '../../src/core/contract.ts'
import type { Mode } from '../../src/dag/contract.ts'
import type { Authority } from '../../src/wire/types.ts'

export interface SchedulePlan {
  readonly mode: Mode
  readonly seed: number
  readonly size: number
  readonly gcDepth: number
  readonly core: CoreOptions
  readonly liars: readonly Authority[]
  /** Who may lose its disk: together with the liars within the budget. */
  readonly amnesiacs: readonly Authority[]
  /** Before the fair phase. */
  readonly picks: number
  /** Shares of picks. */
  readonly crashShare: number
  readonly feedShare: number
  /** Share of timers that fire as soon as they are picked, though their time has not come. */
  readonly jumpShare: number
  /** Share of persists, sends and emissions at which a member dies. */
  readonly boundaryShare: number
  /** Shares of frames. */
  readonly duplicateShare: number
  readonly forgetShare: number
  /** Share of a liar's slots that are two or three, and of its frames that some never get. */
  readonly equivocateShare: number
  readonly withholdShare: number
  readonly copies: number
  readonly votesForBoth: boolean
  /** Picks that a dead member is away, at most: one that is back at once finds the others where it left them. */
  readonly awayPicks: number
  /** Honest members that hear nothing but questions after floors until so many picks are over: the rest goes on without them. */
  readonly laggards: readonly Authority[]
  readonly lagPicks: number
  /** Whether every block is signed as a checkpoint. */
  readonly makesCheckpoints: boolean
}

const OVER_BUDGET_SHARE = 1 / 16
/** Drawn from a stream of its own, so that it moves nothing else of a plan; by that stream's name none of the seeds in kills.json is among them. */
const CHECKPOINT_SHARE = 1 / 8
/** Whoever is over budget says two things often enough to be found out. */
const OVER_BUDGET_EQUIVOCATE_SHARE_MIN = 0.3

/** Rounds within which all logs are one again once everything is delivered (I9): of 6n each member leads three, of 3n + 6 as many. */
export function fairRoundsOf(mode: Mode, size: number): number {
  return mode === 'certified' ? 6 * size : 3 * size + 6
}

export function drawPlan(mode: Mode, seed: number): SchedulePlan {
  const random = createRandom(seed, mode, 'whole', 'plan')
  const size = random.pick([4, 4, 7])
  const faultyMax = Math.floor((size - 1) / 3)
  const isOverBudget = random.chance(OVER_BUDGET_SHARE)
  const shuffled = random.shuffle(Array.from({ length: size }, (_, at) => at))
  const faultyCount = isOverBudget ? faultyMax + 1 : faultyMax
  const [faulty, sound] = [shuffled.slice(0, faultyCount), shuffled.slice(faultyCount)]
  const amnesiacCount = isOverBudget ? 0 : random.below(faultyMax + 1)
  const gcDepth = 4 + random.below(5)
  const plan: SchedulePlan = {
    mode,
    seed,
    size,
    gcDepth,
    core: {
      batchDelayMsMax: 5,
      idleDelayMsMax: 10,
      roundDelayMsMin: 2,
      leaderTimeoutMsMin: 20,
      leaderTimeoutMsMax: 60,
      parameters: { gcDepth, scheduleCommits: 2 + random.below(4) },
    },
    liars: faulty.slice(amnesiacCount),
    amnesiacs: faulty.slice(0, amnesiacCount),
    picks: size === 4 ? 2_000 : 4_000,
    crashShare: random.pick([0, 0.001, 0.003]),
    jumpShare: random.pick([0.02, 0.1, 0.4]),
    feedShare: random.pick([0.01, 0.03]),
    boundaryShare: random.pick([0, 0, 0.003, 0.01]),
    duplicateShare: random.pick([0, 0.05]),
    forgetShare: random.pick([0, 0, 0.02]),
    equivocateShare: random.pick([0, 0.3, 1]),
    withholdShare: random.pick([0, 0.1, 0.4]),
    copies: random.pick([2, 2, 3]),
    votesForBoth: random.chance(0.7),
    awayPicks: random.pick([300, 300, 10]),
    laggards: !isOverBudget && amnesiacCount > 0 && random.chance(0.5) ? sound.slice(0, faultyMax) : [],
    lagPicks: 1_000 * (1 + random.below(3)),
    makesCheckpoints: createRandom(seed, mode, 'whole', 'keeps every height').chance(CHECKPOINT_SHARE),
  }
  return isOverBudget ? { ...plan, equivocateShare: Math.max(plan.equivocateShare, OVER_BUDGET_EQUIVOCATE_SHARE_MIN) } : plan
}
