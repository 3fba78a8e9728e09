/**
 * From a committed leader to a sub-DAG: what it brings, in which order, at which time, and what follows for the leaders to come.
 *
 * Everything here is a function of the leader's history and of the commits before it. The floor of a sub-DAG comes from its LEADER and
 * never from local progress: with a floor from the highest round seen, members that are not equally far order different vertices.
 *
 * Source: docs/protocol/consensus-order.md §4.
 */
import { subDagDigest } from '../wire/sub-dag.ts'
import type { Authority, Digest } from '../wire/types.ts'
import { historyOf } from './causal-history.ts'
import type { Commit, InsertOutcome, Mode, OrderSetup, Vertex } from './contract.ts'
import { DagStore, isParent } from './dag-store.ts'
import { byPlace, DoneSet } from './done-set.ts'
import { assert } from './invariant.ts'
import { LeaderSchedule } from './leader-schedule.ts'
import { decodeOrderState, encodeOrderState, type Leader, type OrderState, type Version } from './order-state.ts'
import { NO_STANDING, standingOf } from './reputation.ts'

export class Linearizer<M extends Mode> {
  readonly dag: DagStore<M>
  readonly #setup: OrderSetup
  readonly #gcDepth: number
  readonly #scheduleCommits: number
  readonly #done = new DoneSet()
  readonly #excluded: Set<Authority>
  #lastCommittedRound: number
  #commits: number
  #timestampMs: number
  #previousDigest: Digest
  #lastLeader: Leader | undefined
  #schedule: LeaderSchedule
  /** The schedule before, which the rest of `#lastLeader`'s round keeps. */
  #former: LeaderSchedule | undefined
  #scores: number[]

  constructor(mode: M, setup: OrderSetup, snapshot: Uint8Array | undefined) {
    const { gcDepth = 50, scheduleCommits = 100, stakes } = setup
    assert(gcDepth >= 1 && scheduleCommits >= 1, 'gcDepth and scheduleCommits are at least 1')
    this.dag = new DagStore(mode, stakes)
    this.#setup = setup
    this.#gcDepth = gcDepth
    this.#scheduleCommits = scheduleCommits
    const state = snapshot === undefined ? firstState(setup) : decodeOrderState(snapshot, stakes.length)
    const scheduleOf = ({ version, standing }: Version): LeaderSchedule => new LeaderSchedule(mode, setup, version, standing)
    this.#lastCommittedRound = state.lastCommittedRound
    this.#commits = state.commits
    this.#timestampMs = state.timestampMs
    this.#previousDigest = state.previousDigest
    this.#lastLeader = state.lastLeader
    this.#schedule = scheduleOf(state.current)
    this.#former = state.former === undefined ? undefined : scheduleOf(state.former)
    this.#scores = [...state.scores]
    this.#excluded = new Set(state.excluded)
    for (const vertex of state.done) this.#done.add(vertex)
  }

  get lastCommittedRound(): number {
    return this.#lastCommittedRound
  }

  get gcRound(): number {
    return Math.max(0, this.#lastCommittedRound - this.#gcDepth)
  }

  get scheduleVersion(): number {
    return this.#schedule.version
  }

  get lastLeader(): Leader | undefined {
    return this.#lastLeader
  }

  get doneCount(): number {
    return this.#done.size
  }

  insert(vertex: Vertex): InsertOutcome {
    return this.dag.insert(vertex, this.gcRound)
  }

  leaderOf(round: number, rank: number): Authority | undefined {
    return this.#scheduleOf(round).leaderOf(round, rank)
  }

  exclude(authority: Authority): void {
    this.#excluded.add(authority)
  }

  /** Orders what `leader` brings. The last act is the schedule: `scheduleVersion` tells whether it changed. */
  commit(leader: Vertex, rank = 0): Commit {
    const floor = Math.max(0, leader.round - this.#gcDepth)
    const vertices = historyOf(this.dag, leader, floor, (vertex) => this.#done.has(vertex)).sort(byPlace)
    this.#timestampMs = Math.max(this.#timestampMs, this.#medianOfParents(leader))
    const subDag = {
      index: this.#commits + 1,
      epoch: this.#setup.epoch,
      leader: { round: leader.round, author: leader.author, digest: leader.digest },
      vertices: vertices.map((vertex) => vertex.digest),
      timestampMs: this.#timestampMs,
      previousDigest: this.#previousDigest,
      scheduleVersion: this.#scheduleOf(leader.round).version,
    }
    const digest = subDagDigest(this.#setup.chainId, subDag)
    this.#commits += 1
    this.#previousDigest = digest
    this.#lastCommittedRound = leader.round
    for (const vertex of vertices) this.#done.add(vertex)
    this.#done.dropThrough(this.gcRound)
    this.dag.dropThrough(this.gcRound)
    this.#follow(leader, rank, vertices)
    return { subDag, digest, vertices }
  }

  snapshot(): Uint8Array {
    const versionOf = ({ version, standing }: LeaderSchedule): Version => ({ version, standing })
    return encodeOrderState({
      lastCommittedRound: this.#lastCommittedRound,
      commits: this.#commits,
      timestampMs: this.#timestampMs,
      previousDigest: this.#previousDigest,
      lastLeader: this.#lastLeader,
      current: versionOf(this.#schedule),
      former: this.#former === undefined ? undefined : versionOf(this.#former),
      scores: this.#scores,
      excluded: [...this.#excluded].sort((a, b) => a - b),
      done: this.#done.sorted(),
    })
  }

  #scheduleOf(round: number): LeaderSchedule {
    return this.#former !== undefined && round <= this.#lastCommittedRound ? this.#former : this.#schedule
  }

  /** By stake: sorted by (createdAt, author), the first whose running stake reaches half of theirs. Parents of the round before only. */
  #medianOfParents(leader: Vertex): number {
    const parents = leader.parents.filter(({ round }) => round === leader.round - 1)
    const times = parents.map(({ round, author, key }) => {
      const createdAtMs = round === 0 ? this.#setup.previous.timestampMs : this.dag.get(key)?.createdAtMs
      assert(createdAtMs !== undefined, `a parent of leader ${leader.key} is missing: ${key}`)
      return { createdAtMs, author, stake: this.#setup.stakes[author]! }
    })
    times.sort((a, b) => a.createdAtMs - b.createdAtMs || a.author - b.author)
    const total = times.reduce((sum, { stake }) => sum + stake, 0)
    let running = 0
    const median = times.find(({ stake }) => (running += stake) * 2 >= total)
    assert(median !== undefined, `leader ${leader.key} has no parents`)
    return median.createdAtMs
  }

  /** Scores of what named the leader before, and, every `scheduleCommits` commits, the next schedule. */
  #follow(leader: Vertex, rank: number, vertices: readonly Vertex[]): void {
    const last = this.#lastLeader
    if (last !== undefined) {
      for (const vertex of vertices) if (vertex.round === last.round + 1 && isParent(last, vertex)) this.#scores[vertex.author]! += 1
    }
    this.#lastLeader = { round: leader.round, author: leader.author, digest: leader.digest, key: leader.key, rank }
    if (last?.round !== leader.round) this.#former = undefined
    if (this.#commits % this.#scheduleCommits !== 0) return
    this.#former ??= this.#schedule
    const standing = standingOf(this.#scores, this.#setup.stakes, this.#excluded)
    this.#schedule = new LeaderSchedule(this.dag.mode, this.#setup, this.#schedule.version + 1, standing)
    this.#scores = this.#scores.map(() => 0)
  }
}

function firstState({ stakes, previous }: OrderSetup): OrderState {
  return {
    lastCommittedRound: 0,
    commits: 0,
    timestampMs: previous.timestampMs,
    previousDigest: previous.subDagDigest,
    lastLeader: undefined,
    current: { version: 0, standing: NO_STANDING },
    former: undefined,
    scores: stakes.map(() => 0),
    excluded: [],
    done: [],
  }
}
