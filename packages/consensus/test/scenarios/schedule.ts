/**
 * Whole cores under the asynchronous adversarial scheduler: no time, only what is picked next. Frames, timers, syncs, executions and
 * verdicts all wait in its pools; a clock goes on when its owner's timer is picked. Members die with or without what they had not synced,
 * some lose their disks, and as many lie as the budget bears: two stories a slot, votes for both, certificates for either, silence. In one
 * schedule of eight every block is signed as a checkpoint.
 *
 * At the end a fair phase: all are up, all is delivered, liars say nothing. Before its rounds are over every promise is kept, and all logs
 * are one, with something new. Where more lie than a committee bears, they go on with it until somebody halts or holds the proof.
 */
import {
  type AdversarialScheduler,
  createAdversarialScheduler,
  createDisk,
  createRandom,
  type Disk,
  dropping,
  equivocating,
  type Loss,
  type Outgoing,
  type Random,
  SimulatorError,
} from '@selvedge/simulator'
import type { Mode } from '../../src/dag/contract.ts'
import { RETRY_MS_MAX } from '../../src/core/settings.ts'
import { decodeFrame, encodeFrame, type Frame, frameTypeOf } from '../../src/wire/frames.ts'
import type { Authority } from '../../src/wire/types.ts'
import type { TestCommittee } from '../support/committee.ts'
import { createScenarioCommittee } from './cheap-committee.ts'
import { drawPlan, fairRoundsOf, type SchedulePlan } from './schedule-plan.ts'
import { encodeTransfer } from './executor.ts'
import { Broken, expectThat } from './invariant.ts'
import { Conspiracy, forkOf, isOf } from './liars.ts'
import { type CoreMaker, GENESIS_MS, Member } from './member.ts'
import { Referee } from './referee.ts'

export interface Outcome {
  readonly plan: SchedulePlan
  readonly broken: Broken | undefined
  readonly commits: number
  /** Digest of the last commit: what a seed leads to. */
  readonly trace: string
  readonly counts: Readonly<Record<string, number>>
}

interface Place {
  readonly member: Member
  readonly disk: Disk
  nowMs: number
  restartsAt: number
  /** Of its clock: when whatever it waited to say again at the beginning of the fair phase is said; and the round of that moment. */
  backsOffToMs: number
  backedOff: number
}

/** Of wall time, for each pick. */
const PICK_MS = 0.2
/** Of picks: a liar tells an old story again. */
const STORY_SHARE = 0.05
const STORIES_MAX = 16
/** Where members lag, one of the others loses its disk meanwhile. */
const FORGETS_PICKS_BEFORE = 400
/** Of a fair phase in which no round goes by. */
const FAIR_PICKS_MAX = 40_000
const FAIR_JUMP_SHARE = 0.02
/** Of a fair phase: how often it is asked whether it is over. */
const FAIR_PICKS_A_LOOK = 10
/** Picks in which all that is on its way arrives, while no clock goes on. */
const STILL_PICKS_MAX = 4_000
const LOSSES: readonly Loss[] = ['none', 'all', 'prefix', 'torn']

export class Schedule {
  readonly plan: SchedulePlan
  readonly referee: Referee
  readonly counts: Record<string, number> = {}
  readonly #places: Place[] = []
  readonly #committee: TestCommittee
  readonly #scheduler: AdversarialScheduler<() => void>
  readonly #random: Random
  /** Of liars: both sides of what they forked lately. */
  readonly #stories: { readonly from: Authority; readonly frame: Uint8Array }[] = []
  /** What is on its way to members that lag. */
  #held: (() => void)[] = []
  #picks = 0
  /** Of `#picks`, those in which clocks went on. */
  #clockPicks = 0
  #isFair = false
  #isStill = false
  #nextTransfer = 1

  constructor(plan: SchedulePlan, createCoreOf: CoreMakerOf) {
    const { size, seed, mode, liars, gcDepth } = plan
    this.plan = plan
    this.#committee = createScenarioCommittee(size)
    this.#random = createRandom(seed, mode, 'whole', 'run')
    this.referee = new Referee({ mode, committee: this.#committee, gcDepth, liars: new Set(liars) })
    this.#scheduler = createAdversarialScheduler(createRandom(seed, mode, 'whole', 'schedule'), { receivers: size })
    for (let authority = 0; authority < size; authority++) this.#places.push(this.#create(authority, createCoreOf(authority, plan)))
    this.#conspire()
    for (const { member } of this.#places) member.boot()
  }

  /** @throws {Broken} */
  run(): void {
    for (this.#picks = 0; this.#picks < this.plan.picks; ) {
      this.#disturb()
      this.#pick()
    }
    if (this.referee.signatures.isOverBudget) this.#provoke()
    else this.#settle()
  }

  #pick(): void {
    if (!this.#isStill) this.#clockPicks++
    if (++this.#picks === this.plan.lagPicks) this.#catchUp()
    const forgets = this.#picks === this.plan.lagPicks - FORGETS_PICKS_BEFORE && this.plan.laggards.length > 0
    if (forgets && !this.#isFair) this.#crash(this.#places[this.plan.amnesiacs[0]!]!, true) // nobody dies in the fair phase
    const delivery = this.#scheduler.next()
    if (delivery === undefined) return
    delivery.item()
  }

  #disturb(): void {
    const { crashShare, feedShare } = this.plan
    if (this.#random.chance(feedShare)) this.#feed()
    for (const place of this.#places) if (place.restartsAt <= this.#picks) this.#restart(place)
    if (this.#random.chance(crashShare)) this.#crash(this.#random.pick(this.#places))
    this.#lieAgain()
  }

  /** Now and then: the other story of a slot, to somebody who may have forgotten what it heard and signed. */
  #lieAgain(): void {
    if (this.#stories.length === 0 || !this.#random.chance(STORY_SHARE)) return
    const { from, frame } = this.#random.pick(this.#stories)
    const { member } = this.#random.pick(this.#places)
    if (member.authority !== from) this.#scheduler.add(member.authority, from, () => member.receive(from, frame.slice()))
  }

  #remember(from: Authority, frame: Uint8Array): void {
    this.#stories.push({ from, frame })
    if (this.#stories.length > STORIES_MAX) this.#stories.shift()
  }

  #feed(): void {
    const { member } = this.#random.pick(this.#places)
    member.submit([encodeTransfer(this.#nextTransfer++, this.#random.below(16), this.#random.below(16), this.#random.below(90))])
  }

  #crash(place: Place, forgets = false): void {
    const { member, disk } = place
    if (!member.isUp) return
    this.#count('crashes')
    disk.crash(this.#random.pick(LOSSES))
    member.crash()
    if (forgets || (this.plan.amnesiacs.includes(member.authority) && this.#random.chance(0.3))) {
      this.#count('amnesias')
      member.forget()
      this.referee.signatures.excuse(member.authority, 2)
      this.referee.release(member.authority)
    }
    this.#scheduler.forget(member.authority)
    place.nowMs = 0
    place.restartsAt = this.#picks + 1 + this.#random.below(this.plan.awayPicks)
  }

  #restart(place: Place): void {
    place.restartsAt = Number.POSITIVE_INFINITY
    place.member.boot()
  }

  /** Nobody dies any more, all that is sent arrives once, and no pool is preferred. */
  #beFair(): void {
    this.#isFair = true
    this.#scheduler.beFair()
    this.#catchUp()
    for (const { member } of this.#places) member.diesAt = () => false
    for (const place of this.#places) {
      if (!place.member.isUp) this.#restart(place)
      place.backsOffToMs = this.#nowMs(place) + RETRY_MS_MAX
    }
  }

  /** I8, I9: before the rounds of a fair phase are over all logs are one, with something new, and every promise was kept in time. */
  #settle(): void {
    this.#beFair()
    const { referee } = this
    const { mode, size } = this.plan
    const honest = this.#places.map(({ member }) => member.authority).filter((authority) => referee.isHonest(authority))
    const whole = referee.round
    const before = referee.log.length
    const fairRounds = fairRoundsOf(mode, size)
    const backedOff = (by: Authority): number => this.#places[by]!.backedOff
    const isOne = (): boolean => referee.isOneAbove(honest, before)
    const isKept = (): boolean => referee.openOf(honest).length === 0
    this.#playUntil(() => isOne() || referee.round >= Math.max(...honest.map(backedOff)) + fairRounds)
    this.#isStill = true // what was said by now is heard, and no more rounds are made for it
    for (let pick = 0; pick < STILL_PICKS_MAX && !isOne(); pick++) this.#pick()
    this.#isStill = false
    this.#count('fair rounds', referee.round - whole)
    this.#count('late logs', referee.round > whole + fairRounds ? 1 : 0)
    const logs = honest.map((authority) => referee.emittedBy(authority)).join()
    expectThat(isOne(), 'I9', () => `logs at ${logs} after ${before}, round ${referee.round}, whole at ${whole}`)
    this.#playUntil(isKept)
    this.#count('late answers', referee.expectAnswered(honest, whole, backedOff, fairRounds))
    for (const authority of honest) this.#count('checkpoint certificates', this.#places[authority]!.member.certified.size)
  }

  /** I11: who lies goes on, and it ends in a halt or in the proof of it. That nothing has parted yet is not enough. */
  #provoke(): void {
    this.#beFair()
    const { halts, evidenceAgainst } = this.referee
    const isOver = (): boolean => halts.length > 0 || evidenceAgainst.size > 0
    this.#playUntil(isOver)
    expectThat(isOver(), 'I11', () => `more lie than a committee bears, and nobody halted or holds evidence, round ${this.referee.round}`)
    this.#count(halts.length > 0 ? 'halts over budget' : 'evidence over budget')
  }

  #playUntil(isOver: () => boolean): void {
    for (let pick = 0; pick < FAIR_PICKS_MAX; pick++) {
      if (this.referee.signatures.isOverBudget) this.#lieAgain()
      this.#pick()
      if (pick % FAIR_PICKS_A_LOOK > 0) continue
      for (const place of this.#places) {
        if (place.backedOff === Number.POSITIVE_INFINITY && this.#nowMs(place) >= place.backsOffToMs) place.backedOff = this.referee.round
      }
      if (isOver()) return
    }
  }

  #create(authority: Authority, createCore: CoreMaker): Place {
    const { seed, mode, core, makesCheckpoints } = this.plan
    const world = { now: () => this.#picks, at: (_: number, run: () => void) => this.#scheduler.add(authority, authority, run) }
    const disk = createDisk(world, createRandom(seed, mode, 'whole', 'disk', authority))
    const chance = createRandom(seed, mode, 'whole', 'member', authority)
    const time = (): { readonly nowMs: number; readonly unixMs: number } => {
      return { nowMs: this.#nowMs(place), unixMs: GENESIS_MS + Math.floor(this.#clockPicks * PICK_MS) }
    }
    const member = new Member(
      {
        authority,
        mode,
        committee: this.#committee,
        createCore,
        options: core,
        disk,
        referee: this.referee,
        random: () => chance.u32(),
        makesCheckpoints,
        asksForFloor: false,
      },
      {
        time,
        send: (to, frame) => this.#send(authority, to, frame),
        after: (delayMs, run) => this.#later(place, time().nowMs + delayMs, run),
      },
    )
    const never = Number.POSITIVE_INFINITY
    const place: Place = { member, disk, nowMs: 0, restartsAt: never, backsOffToMs: never, backedOff: never }
    const dice = createRandom(seed, mode, 'whole', 'boundaries', authority)
    member.diesAt = () => !this.#isFair && this.plan.boundaryShare > 0 && dice.chance(this.plan.boundaryShare)
    member.die = () => this.#crash(place)
    return place
  }

  /** Of its monotonic clock. */
  #nowMs({ nowMs }: Place): number {
    return nowMs + this.#clockPicks * PICK_MS
  }

  /** What is picked before its time makes time jump, or waits on: a clock that runs away from the network starves it with repetitions. */
  #later(place: Place, dueMs: number, run: () => void): void {
    const { authority } = place.member
    this.#scheduler.add(authority, authority, () => {
      const waitMs = dueMs - place.nowMs - this.#clockPicks * PICK_MS
      if (waitMs > 0 && !this.#jumps()) return this.#later(place, dueMs, run)
      place.nowMs += Math.max(0, waitMs)
      run()
    })
  }

  #jumps(): boolean {
    return !this.#isStill && this.#random.chance(this.#isFair ? FAIR_JUMP_SHARE : this.plan.jumpShare)
  }

  /** To a pool of its link; lost, doubled or changed on the way out as the plan says. */
  #send(from: Authority, to: Authority, frame: Uint8Array): void {
    const { duplicateShare, forgetShare } = this.plan
    const outgoing: Outgoing<Uint8Array> = { to, message: frame, bytes: frame.length, delayMs: 0 }
    for (const { to: at, message } of this.#isMute(from) ? [] : this.#lies(from, outgoing)) {
      if (message !== frame) this.referee.signatures.tryFrame(from, message)
      if (!this.#isFair && this.#random.chance(forgetShare)) continue
      const copies = !this.#isFair && this.#random.chance(duplicateShare) ? 2 : 1
      const { member } = this.#places[at]!
      for (let copy = 0; copy < copies; copy++)
        this.#bring({ from, to: at }, message, () => this.#scheduler.add(at, from, () => member.receive(from, message.slice())))
    }
  }

  /** Who lags hears only who asks for a floor; and what it answers comes before what those say that know more. */
  #bring({ from, to }: { readonly from: Authority; readonly to: Authority }, frame: Uint8Array, bring: () => void): void {
    const { lagPicks, laggards, liars } = this.plan
    const isLate = frameTypeOf(frame) === 'floorAnswer' ? !laggards.includes(from) && !liars.includes(from) : laggards.includes(to)
    const isOver = this.#isFair || laggards.length === 0 || this.#picks >= lagPicks
    const isHeld = isLate && !isOver && frameTypeOf(frame) !== 'floorQuery'
    if (isHeld) this.#held.push(bring)
    else bring()
  }

  #catchUp(): void {
    for (const bring of this.#held) bring()
    this.#held = []
  }

  /** A liar in a fair phase, where so few lie that the others must go on without them. */
  #isMute(from: Authority): boolean {
    return this.#isFair && !this.referee.isHonest(from) && !this.referee.signatures.isOverBudget
  }

  #lies: (from: Authority, outgoing: Outgoing<Uint8Array>) => readonly Outgoing<Uint8Array>[] = (_, outgoing) => [outgoing]

  #conspire(): void {
    const { liars, seed, mode, equivocateShare, withholdShare, copies, votesForBoth, size } = this.plan
    const say = (from: Authority, to: Authority, frame: Frame): void => {
      if (this.#isMute(from)) return
      const bytes = encodeFrame(frame, size)
      this.referee.signatures.tryFrame(from, bytes)
      const { member } = this.#places[to]!
      if (to !== from) this.#scheduler.add(to, from, () => member.receive(from, bytes.slice()))
    }
    const conspiracy = new Conspiracy(this.#committee, liars, say)
    const forks = liars.map((liar) => {
      const random = createRandom(seed, mode, 'whole', 'liar', liar)
      const isMeant = (round: number): boolean => random.stream('slot', round).chance(equivocateShare)
      const onVariant = (frame: Uint8Array, original: Uint8Array): void => {
        this.#count('equivocations')
        this.#remember(liar, original)
        this.#remember(liar, frame)
        if (frameTypeOf(frame) === 'header') conspiracy.spread(frame)
      }
      return {
        random,
        fork: equivocating(forkOf(this.#committee, liar, copies, isMeant, onVariant)),
        withheld: dropping<Uint8Array>({ isMeant: WITHHELD }),
      }
    })
    this.#lies = (from, outgoing) => {
      const { random, fork, withheld } = forks[liars.indexOf(from)] ?? {}
      if (random === undefined || fork === undefined || withheld === undefined) return [outgoing]
      const context = { from, nodes: size, nowMs: this.#picks, random }
      if (frameTypeOf(outgoing.message) === 'floorAnswer') return [{ ...outgoing, message: emptyAnswer(outgoing.message, size) }]
      if (random.chance(withholdShare)) return withheld.apply(outgoing, context) ?? [outgoing]
      return fork.apply(outgoing, context) ?? [outgoing]
    }
    if (!votesForBoth) return
    for (const liar of liars) {
      this.#places[liar]!.member.hears = (from, frame) => {
        this.#count('votes for both')
        return conspiracy.hears(liar, from, frame)
      }
    }
  }

  #count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }
}

/** What a liar tells who lost its disk: that it knows nothing. */
function emptyAnswer(frame: Uint8Array, size: number): Uint8Array {
  const answer = decodeFrame(frame, size)
  return encodeFrame(answer.type === 'floorAnswer' ? { ...answer, proof: new Uint8Array(0), statements: [] } : answer, size)
}

const WITHHELD = isOf('vote', 'certificate', 'batch', 'block', 'header')

export type CoreMakerOf = (authority: Authority, plan: SchedulePlan) => CoreMaker

export function playSchedule(mode: Mode, seed: number, createCoreOf: CoreMakerOf): Outcome {
  return playPlan(drawPlan(mode, seed), createCoreOf)
}

/** A core that throws is as broken as one that forks: nothing that a peer says may make it. */
export function playPlan(plan: SchedulePlan, createCoreOf: CoreMakerOf): Outcome {
  const schedule = new Schedule(plan, createCoreOf)
  let broken: Broken | undefined
  try {
    schedule.run()
  } catch (error) {
    if (error instanceof SimulatorError || !(error instanceof Error)) throw error
    broken = error instanceof Broken ? error : new Broken('I3', `a core threw: ${error.stack ?? error.message}`)
  }
  const { log } = schedule.referee
  return { plan, broken, commits: log.length, trace: log.at(-1)?.digest ?? '', counts: schedule.counts }
}
