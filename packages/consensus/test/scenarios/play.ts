/** One scenario from start to end: the fault, then a whole network, then what must have followed. */
import type { Mode } from '../../src/dag/contract.ts'
import { createCertifiedCore } from '../../src/core/certified-core.ts'
import { createUncertifiedCore } from '../../src/core/uncertified.ts'
import { decodeEvidence } from '../../src/wire/evidence.ts'
import type { Authority } from '../../src/wire/types.ts'
import { expectThat } from './invariant.ts'
import type { CoreMaker } from './member.ts'
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
  /** How long the fault reigns. @default 300, and less in large committees: a round of theirs is more work */
  readonly runMs?: number | ((size: number) => number)
  /** Whether commits must resume within six rounds of the healing; where members stay down or lie they need not. @default true there */
  readonly resumes?: boolean
  readonly mustFollow: (world: TimedWorld) => void
  readonly mustNot: (world: TimedWorld) => void
}

const runMsOf = (size: number): number => (size > 7 ? 80 : size > 4 ? 110 : 180)
/** As many transfers come to a large committee as to a small one. */
const feedMsOf = (size: number): number => 5 * size
/** Virtual time in which a whole network answers everything. */
const SETTLE_MS = 30_000
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
  world.run(runMs)
  settle(world, silent, scenario.resumes ?? (liars.length === 0 && silent.length === 0))
  world.plan.require(...scenario.faults)
  scenario.mustFollow(world)
  scenario.mustNot(world)
  return world
}

/** The network is whole, everybody who may is up: all that was promised is answered, all logs go on and are one. */
function settle(world: TimedWorld, silent: readonly Authority[], resumes: boolean): void {
  const { referee, network } = world
  network.heal()
  for (let authority = 0; authority < world.size; authority++) {
    world.member(authority).diesAt = () => false
    network.setUplink(authority, Number.POSITIVE_INFINITY)
    if (!silent.includes(authority)) world.restart(authority)
  }
  if (referee.signatures.isOverBudget) {
    world.run(500)
    return
  }
  const wholeSinceRound = referee.round
  const wholeSinceMs = world.sim.now()
  const before = referee.log.length
  if (resumes) expectResumes(world, before, wholeSinceRound)
  const members = world.up
  const isWhole = (): boolean =>
    members.every((authority) => referee.emittedBy(authority) >= before + COMMITS_AFTER) && referee.openOf(members).length === 0
  const name = (): string =>
    `${referee.openOf(members).length} promises open, logs at ${members.map((at) => referee.emittedBy(at)).join()} after ${before}`
  expectThat(world.runUntil(SETTLE_MS, isWhole), 'I9', name)
  referee.expectAnswered(members, { round: wholeSinceRound, ms: wholeSinceMs })
}

/** I9: the first commit after the healing comes before six rounds are over. */
function expectResumes(world: TimedWorld, before: number, round: number): void {
  const { referee } = world
  const hasResumed = world.runUntil(SETTLE_MS, () => referee.log.length > before)
  expectThat(hasResumed, 'I9', () => `no commit after the healing at round ${round}`)
  expectThat(referee.round <= round + ROUNDS_TO_RESUME, 'I9', () => `commits resume at round ${referee.round}, healed at ${round}`)
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
