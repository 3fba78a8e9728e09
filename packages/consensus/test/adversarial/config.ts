/** What one schedule is played with, drawn from its seed. Small depths, so that collection and schedule changes meet everything else. */
import { createRandom, type Random } from '@selvedge/simulator'
import type { CommitRule, Mode, OrderSetup } from '../../src/dag/contract.ts'
import { thresholdsOf } from '../../src/dag/quorum.ts'

export type Rule = CommitRule<Mode>
export type RuleMaker = (setup: OrderSetup, snapshot?: Uint8Array) => Rule

export interface Config {
  readonly mode: Mode
  readonly seed: number
  readonly setup: Required<OrderSetup>
  readonly size: number
  readonly quorum: number
  readonly liars: readonly number[]
  readonly honest: readonly number[]
  /** More than a third lies: nothing is agreed any more, but a rule that sees the proof halts. */
  readonly isOverBudget: boolean
  /** Nobody proposes above it before the fair phase. */
  readonly roundMax: number
  /** Shares of steps. What is left delivers. */
  readonly commitShare: number
  readonly proposeShare: number
  readonly crashShare: number
  /** Share of a liar's proposals that are two or three. Uncertified only, unless over budget. */
  readonly equivocateShare: number
  /** Share of equivocations in which each copy plays an honest part for one of two camps that stay the same ("twins"). */
  readonly loyalShare: number
  /** Share of receivers that are sent another copy as well. */
  readonly overlapShare: number
  /** By authority: the camp that it is taken to be of. */
  readonly camps: readonly number[]
  /** Share of a liar's vertices that some never get unless they ask. */
  readonly withholdShare: number
  /** Deliveries that are held back while the newest round is in `from`..`to`, over gcDepth and more: who is cut off falls out of collection. */
  readonly blackouts: readonly Blackout[]
  /** Proven equivocators, by the index of the commit that ordered the proof. */
  readonly exclusions: ReadonlyMap<number, number>
  /** Share of proposals of a member that is behind that jump to the newest round instead of the next. */
  readonly jumpShare: number
}

export interface Blackout {
  /** Undefined is everyone. */
  readonly receiver: number | undefined
  readonly author: number | undefined
  readonly from: number
  readonly to: number
}

const OVER_BUDGET_SHARE = 1 / 16

export function drawConfig(mode: Mode, seed: number): Config {
  const random = createRandom(seed, mode, 'config')
  const size = random.pick([4, 7])
  const stakes = Array.from({ length: size }, () => 1)
  if (random.chance(0.3)) for (const authority of stakes.keys()) stakes[authority] = 1 + random.below(3)
  const isOverBudget = random.chance(OVER_BUDGET_SHARE)
  const liars = drawLiars(random, stakes, isOverBudget)
  const gcDepth = 4 + random.below(5)
  const previous = { subDagDigest: new Uint8Array(32).fill(3), timestampMs: 1_000 }
  return {
    mode,
    seed,
    setup: {
      chainId: 1337,
      epoch: 1 + random.below(3),
      genesisHash: new Uint8Array(32).fill(1),
      stakes,
      beacon: Uint8Array.from({ length: 32 }, () => random.below(256)),
      previous,
      gcDepth,
      scheduleCommits: 2 + random.below(4),
      leadersPerRound: mode === 'certified' ? 1 : 1 + random.below(2),
    },
    size,
    quorum: thresholdsOf(stakes).quorum,
    liars,
    honest: [...stakes.keys()].filter((authority) => !liars.includes(authority)),
    isOverBudget,
    roundMax: 6 + gcDepth + random.below(gcDepth + 4),
    commitShare: random.pick([0.03, 0.1, 0.2]),
    proposeShare: random.pick([0.2, 0.35, 0.5]),
    crashShare: random.pick([0, 0.001, 0.004]),
    equivocateShare: isOverBudget ? 1 : random.pick([0, 0.3, 0.7, 1]),
    loyalShare: isOverBudget ? 1 : random.pick([0, 0.5, 1]),
    overlapShare: random.pick([0, 0.2, 0.5]),
    camps: isOverBudget ? stakes.map((_, authority) => authority % 2) : stakes.map(() => random.below(2)),
    withholdShare: random.pick([0, 0.2, 0.5]),
    blackouts: Array.from({ length: random.below(4) }, () => drawBlackout(random, size, gcDepth)),
    exclusions: new Map(random.chance(0.3) ? liars.map((liar) => [1 + random.below(5), liar]) : []),
    jumpShare: random.pick([0.1, 0.5, 0.9]),
  }
}

/** A receiver that hears nobody, an author whom nobody hears, or one that does not hear the other. */
function drawBlackout(random: Random, size: number, gcDepth: number): Blackout {
  const style = random.below(4)
  const from = 1 + random.below(gcDepth)
  const to = from + 2 + random.below(2 * gcDepth)
  return { receiver: style === 0 ? undefined : random.below(size), author: style === 1 ? undefined : random.below(size), from, to }
}

/** As many as the budget bears, in 1 of 8 schedules fewer; over budget, one more than it bears. */
function drawLiars(random: Random, stakes: readonly number[], isOverBudget: boolean): number[] {
  const total = stakes.reduce((sum, stake) => sum + stake, 0)
  const liars: number[] = []
  let stake = 0
  for (const authority of random.shuffle([...stakes.keys()])) {
    const isAffordable = 3 * (stake + stakes[authority]!) < total
    if (!isAffordable && (!isOverBudget || 3 * stake >= total)) continue
    liars.push(authority)
    stake += stakes[authority]!
  }
  return !isOverBudget && random.chance(1 / 8) ? liars.slice(1) : liars
}
