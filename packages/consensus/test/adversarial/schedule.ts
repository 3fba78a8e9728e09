/**
 * One schedule: honest members and liars, without a clock. Each step delivers something that pends, or lets somebody propose, commit or
 * crash. Then comes the fair phase: everything is delivered, liars are silent, and all logs must be equal with a new commit in them.
 *
 * All of it is drawn from (mode, seed). What the members were made to do is recorded, so that a failure can be played again without the
 * generator, and shrunk (recording.ts).
 */
import { type AdversarialScheduler, createAdversarialScheduler, createRandom, type Random } from '@selvedge/simulator'
import type { Mode, Vertex } from '../../src/dag/contract.ts'
import { type Config, drawConfig, type RuleMaker } from './config.ts'
import { Liars } from './liars.ts'
import { type Accepted, Member } from './member.ts'
import { createPool, type Pool } from './pool.ts'
import { cover, honestParents } from './proposals.ts'
import type { Action } from './recording.ts'
import { Broken, Referee } from './referee.ts'
import { expectProofsHeeded } from './two-certified.ts'

const STEPS_MAX = 6_000
/** Steps without a delivery after which the adversary has no more to give. */
const IDLE_STEPS_MAX = 40

export interface Outcome {
  readonly config: Config
  readonly pool: Pool
  readonly actions: readonly Action[]
  readonly broken: Broken | undefined
  readonly commits: number
  /** Equal runs have equal ones. */
  readonly trace: string
  readonly counts: Readonly<Record<'crashes' | 'late' | 'equivocations' | 'versions' | 'halts', number>>
}

/** @param makerOf - the rule that a member runs: the same for all, or one that is not patched among patched ones. */
export function playSchedule(mode: Mode, seed: number, makerOf: (self: number, config: Config) => RuleMaker): Outcome {
  const config = drawConfig(mode, seed)
  const play = new Play(config, makerOf)
  let broken: Broken | undefined
  try {
    play.adversarialPhase()
    play.fairPhase()
  } catch (error) {
    broken = error instanceof Broken ? error : new Broken('I9', `a member ends: ${error instanceof Error ? error.message : String(error)}`)
  }
  return play.outcome(broken)
}

class Play {
  readonly #config: Config
  readonly #random: Random
  readonly #pool: Pool
  readonly #members: readonly (Member | undefined)[]
  readonly #honest: readonly Member[]
  readonly #referee: Referee
  readonly #liars: Liars
  readonly #scheduler: AdversarialScheduler<Vertex>
  readonly #actions: Action[] = []
  /** By receiver: what is on its way or there. */
  readonly #sent: readonly Set<string>[]
  readonly #counts = { crashes: 0, late: 0, equivocations: 0, versions: 0, halts: 0 }
  /** What a blackout holds back, and the newest round that ends it. */
  #held: { readonly until: number; readonly receiver: number; readonly vertex: Vertex }[] = []
  #clockMs: number

  constructor(config: Config, makerOf: (self: number, config: Config) => RuleMaker) {
    const { mode, seed, size, setup, honest } = config
    this.#config = config
    this.#random = createRandom(seed, mode, 'play')
    this.#pool = createPool(config, this.#random)
    this.#members = Array.from({ length: size }, (_, self) =>
      honest.includes(self) ? new Member(self, config, makerOf(self, config)) : undefined,
    )
    this.#honest = this.#members.filter((member) => member !== undefined)
    this.#referee = new Referee(config, this.#pool)
    this.#liars = new Liars(config, this.#pool, createRandom(seed, mode, 'lies'))
    this.#scheduler = createAdversarialScheduler(createRandom(seed, mode, 'deliveries'), { receivers: size, duplicateShare: 0.01 })
    this.#sent = Array.from({ length: size }, () => new Set<string>())
    this.#clockMs = setup.previous.timestampMs
  }

  adversarialPhase(): void {
    const { size, commitShare, proposeShare, crashShare } = this.#config
    let idle = 0
    for (let step = 0; step < STEPS_MAX; step++) {
      this.#clockMs += this.#random.below(10)
      let draw = this.#random.next()
      const self = this.#random.below(size)
      const member = this.#members[self]
      if ((draw -= commitShare) < 0) {
        if (member !== undefined) this.#commit(member)
      } else if ((draw -= crashShare) < 0) {
        if (member !== undefined && this.#scheduler.size > 0) this.#crash(member)
      } else if ((draw -= proposeShare) < 0) {
        if (member === undefined) this.#lie(self)
        else this.#propose(member)
      } else if (this.#deliver()) idle = 0
      if (++idle < IDLE_STEPS_MAX) continue
      if (this.#held.length === 0) return
      this.#release(Number.POSITIVE_INFINITY)
      idle = 0
    }
  }

  /** @throws {Broken} I9 where logs stay different, or nothing new is committed. */
  fairPhase(): void {
    const { isOverBudget, mode, size } = this.#config
    for (const vertex of this.#pool.vertices.toSorted((a, b) => a.round - b.round)) {
      for (const member of this.#honest) if (vertex.round > member.rule.gcRound && !member.has(vertex.key)) this.#accept(member, vertex)
    }
    for (const member of this.#honest) this.#commit(member)
    if (isOverBudget) return expectProofsHeeded(this.#config, this.#honest, this.#referee)
    const before = this.#referee.highestCount
    const rounds = mode === 'certified' ? 6 * size : 3 * size + 6
    for (let round = 0; round < rounds; round++) {
      if (this.#areEqual() && this.#referee.highestCount > before)
        return this.#honest.forEach((member) => this.#referee.expectCollected(member))
      this.#fairRound()
    }
    for (const member of this.#honest) this.#commitUpTo(member, undefined) // of many that stop early, one may be a commit short at every look
    if (!this.#areEqual()) throw new Broken('I9', `logs differ after ${rounds} fair rounds`)
    if (this.#referee.highestCount === before) throw new Broken('I9', `no commit in ${rounds} fair rounds`)
  }

  outcome(broken: Broken | undefined): Outcome {
    const commits = this.#referee.highestCount
    this.#counts.equivocations = this.#liars.equivocations
    const trace = [commits, this.#pool.vertices.length, this.#actions.length, this.#referee.lastDigest.slice(0, 16)].join(' ')
    for (const { rule } of this.#honest) {
      this.#counts.versions += rule.scheduleVersion
      this.#counts.halts += rule.halted === undefined ? 0 : 1
    }
    return { config: this.#config, pool: this.#pool, actions: this.#actions, broken, commits, trace, counts: this.#counts }
  }

  #areEqual(): boolean {
    return this.#honest.every(({ self }) => this.#referee.countOf(self) === this.#referee.highestCount)
  }

  /** Everyone's view is the same and complete: who is behind goes to the newest round. */
  #fairRound(): void {
    const top = Math.max(...this.#honest.map(({ round }) => round))
    const drawn = this.#honest.flatMap((member) => {
      const parents = member.proposedRound > top ? undefined : honestParents(member, top + 1, this.#config, this.#pool)
      return parents === undefined ? [] : [this.#create(member, top + 1, parents)]
    })
    for (const vertex of drawn) for (const member of this.#honest) if (member.self !== vertex.author) this.#accept(member, vertex)
    for (const member of this.#honest) this.#commit(member)
  }

  #deliver(): boolean {
    if (this.#held.length > 0) this.#release(this.#pool.highestRound)
    const delivery = this.#scheduler.next()
    if (delivery === undefined) return false
    const member = this.#members[delivery.receiver]
    if (member !== undefined) this.#accept(member, delivery.item)
    return true
  }

  #accept(member: Member, vertex: Vertex): void {
    this.#actions.push({ type: 'deliver', member: member.self, vertex: this.#pool.indexOf(vertex) })
    if (vertex.round <= member.rule.gcRound) this.#counts.late += 1
    this.#sent[member.self]!.add(vertex.key)
    const wasHalted = member.rule.halted !== undefined
    const accepted = member.accept(vertex)
    if (wasHalted && accepted.vertices.length > 0) throw new Broken('I11', `member ${member.self} takes vertices after it halted`)
    this.#onAccepted(member, accepted)
  }

  #onAccepted(member: Member, { missing, conflict }: Accepted): void {
    if (conflict !== undefined) this.#referee.onConflict(member, conflict)
    for (const key of missing) this.#send(member.self, this.#pool.get(key)!)
  }

  #send(receiver: number, vertex: Vertex): void {
    const sent = this.#sent[receiver]!
    if (sent.has(vertex.key) || this.#members[receiver] === undefined) return
    sent.add(vertex.key)
    const until = this.#blackoutOf(receiver, vertex.author)
    if (until === 0) this.#scheduler.add(receiver, vertex.author, vertex)
    else this.#held.push({ until, receiver, vertex })
  }

  /** The round at which what is sent now comes through, or 0. */
  #blackoutOf(receiver: number, author: number): number {
    const now = this.#pool.highestRound
    let until = 0
    for (const blackout of this.#config.blackouts) {
      const isMeant = (blackout.receiver ?? receiver) === receiver && (blackout.author ?? author) === author
      if (isMeant && blackout.from <= now && now < blackout.to) until = Math.max(until, blackout.to)
    }
    return until
  }

  #release(now: number): void {
    const due = this.#held.filter(({ until }) => until <= now)
    if (due.length === 0) return
    this.#held = this.#held.filter(({ until }) => until > now)
    for (const { receiver, vertex } of due) this.#scheduler.add(receiver, vertex.author, vertex)
  }

  #commit(member: Member): void {
    this.#commitUpTo(member, this.#random.chance(0.2) ? 1 : undefined)
  }

  /** @param limit - commits that it stops after; all there are without one. */
  #commitUpTo(member: Member, limit: number | undefined): void {
    this.#actions.push({ type: 'commit', member: member.self, limit })
    this.#referee.onCommits(member, member.commit(limit))
    this.#onAccepted(member, member.accept())
  }

  #crash(member: Member): void {
    if (member.rule.halted !== undefined) return
    this.#counts.crashes += 1
    const lostMax = this.#random.below(6)
    const tryFirst = this.#random.chance(0.5)
    this.#actions.push({ type: 'crash', member: member.self, lostMax, tryFirst })
    for (const vertex of member.crash(lostMax, tryFirst)) {
      this.#sent[member.self]!.delete(vertex.key)
      this.#send(member.self, vertex)
    }
  }

  #lie(liar: number): void {
    const leaderOf = (round: number): number | undefined => this.#honest[0]?.rule.leaderOf(round)
    for (const { vertex, receivers } of this.#liars.lie(liar, leaderOf, this.#clockMs)) {
      for (const receiver of receivers) this.#send(receiver, vertex)
    }
  }

  /** The next round, or the newest: a member that is behind may do either (2.5). */
  #propose(member: Member): void {
    const { roundMax, jumpShare } = this.#config
    const next = member.proposedRound + 1
    const isBehind = member.round + 1 > next
    const round = isBehind && (this.#random.chance(jumpShare) || next <= member.rule.gcRound + 1) ? member.round + 1 : next
    if (round > member.round + 1 || round > roundMax) return
    const parents = honestParents(member, round, this.#config, this.#pool)
    if (parents === undefined) return
    const vertex = this.#create(member, round, parents)
    for (const { self } of this.#honest) if (self !== member.self) this.#send(self, vertex)
  }

  #create(member: Member, round: number, parents: Vertex['parents']): Vertex {
    const vertex = this.#pool.create(round, member.self, parents, this.#clockMs)
    this.#actions.push({ type: 'deliver', member: member.self, vertex: this.#pool.indexOf(vertex) })
    this.#sent[member.self]!.add(vertex.key)
    this.#onAccepted(member, member.propose(vertex))
    if (this.#config.mode === 'uncertified') cover(member, vertex)
    return vertex
  }
}
