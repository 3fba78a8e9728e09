/** One scenario from start to end: the fault, then a whole network, then what must have followed. */
import type { Mode } from '../../src/dag/contract.ts'
import { createCertifiedCore } from '../../src/core/certified-core.ts'
import { createUncertifiedCore } from '../../src/core/uncertified.ts'
import { RETRY_MS_MAX } from '../../src/core/settings.ts'
import { decodeEvidence } from '../../src/wire/evidence.ts'
import type { Authority } from '../../src/wire/types.ts'
import { expectThat } from './invariant.ts'
import type { CoreMaker } from './member.ts'
import { fairRoundsOf } from './schedule-plan.ts'
import { TimedWorld, type WorldOptions } from './timed-world.ts'

export const CORES: Readonly<Record<Mode, CoreMaker>> = { certified: createCertifiedCore, uncertified: createUncertifiedCore }

export interface Scenario {
  /** A sentence. */
  readonly name: string
  /** @default both */
  readonly rules?: readonly Mode[]
  /** Names of the plan that must have happened. */
  readonly faults: readonly string[]
  /** How many lie, by the most that may. @default 0 */
  readonly liars?: (faultyMax: number) => number
  /** Members that stay down, by the most that may. @default 0 */
  readonly silent?: (faultyMax: number) => number
  readonly options?: (size: number) => Partial<WorldOptions>
  /** Plans the fault; the world has machines and no time has gone by. */
  readonly fault: (world: TimedWorld) => void
  /** How long the fault reigns. @default 180, and less in large committees: a round of theirs is more work */
  readonly runMs?: number | ((size: number) => number)
  /** It has reigned long enough, before `runMs` are over. @default never */
  readonly isOver?: (world: TimedWorld) => boolean
  readonly mustFollow: (world: TimedWorld) => void
  readonly mustNot: (world: TimedWorld) => void
}

const runMsOf = (size: number): number => (size > 7 ? 80 : size > 4 ? 110 : 180)
/** As many transfers come to a large committee as to a small one. */
const feedMsOf = (size: number): number => 5 * size
/** Virtual time in which a whole network answers everything. */
const SETTLE_MS = 30_000
/** Virtual time in which all that is on its way arrives. */
const STILL_MS = 500
const COMMITS_AFTER = 3
const ROUNDS_TO_RESUME = 6

export function playScenario(
  scenario: Scenario,
  { mode, size, seed, ...rest }: Pick<WorldOptions, 'mode' | 'size' | 'seed'> & Partial<WorldOptions>,
): TimedWorld {
  const faultyMax = Math.floor((size - 1) / 3)
  const liars = Array.from({ length: scenario.liars?.(faultyMax) ?? 0 }, (_, place) => size - 1 - 2 * place)
  const silent = Array.from({ length: scenario.silent?.(faultyMax) ?? 0 }, (_, place) => size - 1 - place)
  const world = new TimedWorld({
    mode,
    size,
    seed,
    createCore: () => CORES[mode],
    liars,
    asksForFloor: liars.length + silent.length === 0,
    ...scenario.options?.(size),
    ...rest,
  })
  const { runMs: given = runMsOf } = scenario
  const runMs = typeof given === 'number' ? given : given(size)
  world.start(silent)
  world.feed(world.honest, feedMsOf(size), runMs)
  scenario.fault(world)
  world.runUntil(runMs, () => scenario.isOver?.(world) ?? false)
  world.endFeeding()
  settle(world, silent)
  world.plan.require(...scenario.faults)
  scenario.mustFollow(world)
  scenario.mustNot(world)
  return world
}

/**
 * The network is whole, everybody who may is up, and clocks are right. Commits resume at once; before the rounds of a fair phase are over
 * all logs are one and have gone on (I9), and all that was promised is answered in time (I8).
 */
function settle(world: TimedWorld, silent: readonly Authority[]): void {
  const { referee, network, options } = world
  for (let authority = 0; authority < world.size; authority++) {
    world.member(authority).diesAt = () => false
    network.setUplink(authority, Number.POSITIVE_INFINITY)
    if (!silent.includes(authority)) world.restart(authority)
  }
  world.heal()
  world.rightClocks()
  if (referee.signatures.isOverBudget) return provoke(world)
  const whole = referee.round
  const before = referee.log.length
  expectResumes(world, before, whole)
  const members = world.up
  let backedOff = Number.POSITIVE_INFINITY
  world.sim.after(RETRY_MS_MAX, () => void (backedOff = referee.round))
  const fairRounds = fairRoundsOf(options.mode, world.size)
  const isOne = (): boolean => referee.isOneAbove(members, before + COMMITS_AFTER - 1)
  const isKept = (): boolean => referee.openOf(members).length === 0
  world.runUntil(SETTLE_MS, () => (isOne() && isKept()) || referee.round >= whole + fairRounds)
  world.stopClocks() // what was said by now is heard, and no more rounds are made for it
  const isOneInTime = world.runUntil(STILL_MS, isOne)
  const logs = members.map((at) => referee.emittedBy(at)).join()
  expectThat(isOneInTime, 'I9', () => `logs at ${logs} after ${before}, round ${referee.round}, whole at ${whole}`)
  world.startClocks()
  world.runUntil(SETTLE_MS, isKept)
  referee.expectAnswered(members, whole, () => backedOff, fairRounds)
}

/** I9: the first commit after the healing comes before six rounds are over. */
function expectResumes(world: TimedWorld, before: number, round: number): void {
  const { referee } = world
  const hasResumed = world.runUntil(SETTLE_MS, () => referee.log.length > before)
  expectThat(hasResumed, 'I9', () => `no commit after the healing at round ${round}`)
  expectThat(referee.round <= round + ROUNDS_TO_RESUME, 'I9', () => `commits resume at round ${referee.round}, healed at ${round}`)
}

/** I11: more lie than a committee bears, and go on: it ends in a halt or in the proof of it. */
function provoke(world: TimedWorld): void {
  const { halts, evidenceAgainst } = world.referee
  const isOver = world.runUntil(SETTLE_MS, () => halts.length > 0 || evidenceAgainst.size > 0)
  expectThat(isOver, 'I11', () => 'more lie than a committee bears, and nobody halted or holds evidence')
}

/** How often something was counted by honest members, in their latest lives. */
export function counted(world: TimedWorld, ...names: readonly string[]): number {
  return world.honest.reduce((sum, at) => sum + names.reduce((each, name) => each + world.member(at).countOf(name), 0), 0)
}

export function expectTrue(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** What honest members hold as proven, by signer. */
export function offendersIn(world: TimedWorld): ReadonlySet<Authority> {
  return new Set([...world.referee.evidenceAgainst].map((hex) => decodeEvidence(Uint8Array.from(Buffer.from(hex, 'hex'))).signer))
}
