/**
 * The invariants of the order, checked at each step. What is checked against what all members did needs a budget that holds; over budget
 * each member is still held to its own log, and a member that was shown the proof must have halted.
 *
 * I1 agreement · I2 slot agreement · I3 integrity · I4 causal order · I10 memory · I11 halting · I12 schedule version · I13 time
 */
import type { Commit, Vertex } from '../../src/dag/contract.ts'
import { compareBytes, toHex } from '../../src/wire/bytes.ts'
import type { Config } from './config.ts'
import type { Member } from './member.ts'
import type { Pool } from './pool.ts'

export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I9' | 'I10' | 'I11' | 'I12' | 'I13'

/** Thrown by the referee: the one way in which a schedule fails. */
export class Broken extends Error {
  override readonly name = 'Broken'
  readonly invariant: Invariant
  constructor(invariant: Invariant, what: string) {
    super(`${invariant}: ${what}`)
    this.invariant = invariant
  }
}

interface Log {
  readonly digests: Uint8Array[]
  /** By index: the version after the commit, where somebody stopped there. */
  readonly versions: Map<number, number>
  /** By round * size + author. */
  readonly slots: Map<number, Uint8Array>
  readonly ordered: Set<string>
  timestampMs: number
  leaderRound: number
}

export class Referee {
  readonly #config: Config
  readonly #pool: Pool
  readonly #logs: readonly Log[]
  readonly #counts: number[]

  constructor(config: Config, pool: Pool) {
    this.#config = config
    this.#pool = pool
    const logs = Array.from({ length: config.isOverBudget ? config.size : 1 }, () => createLog(config))
    this.#logs = Array.from({ length: config.size }, (_, member) => logs[member % logs.length]!)
    this.#counts = Array.from({ length: config.size }, () => 0)
  }

  countOf(member: number): number {
    return this.#counts[member]!
  }

  get highestCount(): number {
    return Math.max(...this.#counts)
  }

  /** Digest of the last commit of the longest log: the trace of a schedule. */
  get lastDigest(): string {
    const last = this.#logs[this.#config.honest[0]!]!.digests.at(-1)
    return last === undefined ? '' : toHex(last)
  }

  onCommits(member: Member, commits: readonly Commit[]): void {
    const { self, rule } = member
    const log = this.#logs[self]!
    for (const commit of commits) {
      const { digest } = commit
      const { index } = commit.subDag
      this.#counts[self]! += 1
      expectThat(index === this.#counts[self], 'I1', () => `member ${self} gave index ${index} to commit ${this.#counts[self]}`)
      this.#checkSlot(log, commit, self)
      const known = log.digests[index - 1]
      if (known === undefined) {
        this.#checkNew(log, commit)
        log.digests.push(digest)
      } else expectThat(isEqual(known, digest), 'I1', () => `member ${self} committed another sub-DAG at index ${index}`)
    }
    if (commits.length === 0) return
    const version = log.versions.get(this.#counts[self]!) ?? rule.scheduleVersion
    log.versions.set(this.#counts[self]!, version)
    expectThat(
      version === rule.scheduleVersion,
      'I12',
      () => `version ${rule.scheduleVersion} after commit ${this.#counts[self]}, not ${version}`,
    )
    this.#checkMemory(member)
  }

  /** A rule that was shown two certificates of one slot stands still for ever. */
  onConflict({ self, rule }: Member, conflict: Vertex): void {
    expectThat(this.#config.isOverBudget, 'I3', () => `member ${self} saw a conflict in slot ${conflict.round}.${conflict.author}`)
    this.expectHalted({ self, rule } as Member, `two certificates of ${conflict.round}.${conflict.author}`)
  }

  expectHalted({ self, rule }: Member, why: string): void {
    expectThat(rule.halted !== undefined, 'I11', () => `member ${self} goes on after ${why}`)
    expectThat(rule.tryCommit().length === 0, 'I11', () => `member ${self} commits after ${why}`)
  }

  /** At the end, vertex by vertex: nothing of the collected rounds is left. */
  expectCollected({ self, rule }: Member): void {
    for (const { round, author, key } of this.#pool.vertices) {
      const isCollected = round > rule.gcRound || rule.dag.get(key) === undefined
      expectThat(isCollected, 'I10', () => `member ${self} still holds ${round}.${author} at gcRound ${rule.gcRound}`)
    }
  }

  #checkSlot(log: Log, { subDag }: Commit, self: number): void {
    const { round, author, digest } = subDag.leader
    const slot = round * this.#config.size + author
    const known = log.slots.get(slot)
    if (known === undefined) log.slots.set(slot, digest)
    else expectThat(isEqual(known, digest), 'I2', () => `member ${self} decided slot ${round}.${author} differently`)
  }

  #checkNew(log: Log, { subDag, vertices }: Commit): void {
    const { leader } = subDag
    const floor = Math.max(0, leader.round - this.#config.setup.gcDepth)
    const leaderKey = toHex(leader.digest)
    expectThat(leader.round >= log.leaderRound, 'I4', () => `leader ${leader.round} after ${log.leaderRound}`)
    log.leaderRound = leader.round
    for (let at = 0; at < vertices.length; at++) {
      const vertex = vertices[at]!
      expectThat(this.#pool.get(vertex.key) === vertex && subDag.vertices[at] === vertex.digest, 'I3', () => `a vertex that nobody made`)
      expectThat(!log.ordered.has(vertex.key), 'I3', () => `${vertex.round}.${vertex.author} is ordered twice`)
      for (const parent of vertex.parents) {
        const isBefore = parent.round <= floor || log.ordered.has(parent.key)
        expectThat(isBefore, 'I4', () => `${vertex.round}.${vertex.author} is ordered before its parent ${parent.round}.${parent.author}`)
      }
      log.ordered.add(vertex.key)
    }
    expectThat(log.ordered.has(leaderKey), 'I4', () => `leader ${leader.round}.${leader.author} is not in its own history`)
    this.#checkTime(log, subDag, leaderKey)
  }

  #checkTime(log: Log, { leader, timestampMs }: Commit['subDag'], leaderKey: string): void {
    expectThat(timestampMs >= log.timestampMs, 'I13', () => `time fell from ${log.timestampMs} to ${timestampMs}`)
    const parents = this.#pool.get(leaderKey)!.parents.filter(({ round }) => round === leader.round - 1)
    let latest = log.timestampMs
    for (const { author, key } of parents) {
      const createdAtMs = this.#pool.get(key)?.createdAtMs ?? this.#config.setup.previous.timestampMs
      if (this.#config.honest.includes(author)) latest = Math.max(latest, createdAtMs)
    }
    const isBounded = this.#config.isOverBudget || timestampMs <= latest
    expectThat(isBounded, 'I13', () => `time ${timestampMs} is above every honest parent of leader ${leader.round}.${leader.author}`)
    log.timestampMs = timestampMs
  }

  #checkMemory({ self, rule }: Member): void {
    const { gcRound, lastCommittedRound, dag, doneCount } = rule
    const held = this.#pool.countIn(gcRound + 1, Number.POSITIVE_INFINITY)
    const done = this.#pool.countIn(gcRound + 1, lastCommittedRound)
    expectThat(dag.size <= held, 'I10', () => `member ${self} holds ${dag.size} vertices where ${held} are above gcRound`)
    expectThat(doneCount <= done, 'I10', () => `member ${self} remembers ${doneCount} commits where ${done} are above gcRound`)
    expectThat(gcRound >= lastCommittedRound - this.#config.setup.gcDepth, 'I10', () => `member ${self} collects too late`)
  }
}

function createLog({ setup }: Config): Log {
  return {
    digests: [],
    versions: new Map(),
    slots: new Map(),
    ordered: new Set(),
    timestampMs: setup.previous.timestampMs,
    leaderRound: 0,
  }
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => a === b || compareBytes(a, b) === 0

export function expectThat(holds: boolean, invariant: Invariant, what: () => string): asserts holds {
  if (!holds) throw new Broken(invariant, what())
}
