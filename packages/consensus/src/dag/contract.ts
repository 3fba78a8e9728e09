/**
 * The order of the DAG as a pure thing: vertices in, sub-DAGs out. No I/O, no clock, no chance; committed data alone decides.
 *
 * `Mode` keeps the unsafe pairing out: Bullshark's rule on an uncertified DAG forks, so a `CommitRule<'certified'>` takes a
 * `DagStore<'certified'>` and nothing else.
 */
import type { Authority, Digest, SubDag } from '../wire/types.ts'

/** `certified`: Narwhal certificates under Bullshark. `uncertified`: Mysticeti-C blocks. */
export type Mode = 'certified' | 'uncertified'

/** What the order knows of a certificate or block. `key` is the lower-case hex of `digest`, and the identity everywhere inside. */
export interface Vertex {
  readonly round: number
  readonly author: Authority
  readonly digest: Digest
  readonly key: string
  readonly createdAtMs: number
  /** Of round-1 for certificates; of any earlier round for blocks, whose first is the author's own previous one. In the wire's order. */
  readonly parents: readonly VertexReference[]
}

export interface VertexReference {
  readonly round: number
  readonly author: Authority
  readonly key: string
}

export type InsertOutcome =
  | 'added'
  | 'known' // this digest is in the DAG already
  | 'old' // at or below gcRound, or the rule is halted: ignored, never inserted
  | 'conflict' // certified only: another digest stands in this slot; the quorum is broken and the epoch must halt

/** One commit: the record, its digest, and the vertices that it orders, in order. */
export interface Commit {
  readonly subDag: SubDag
  readonly digest: Digest
  readonly vertices: readonly Vertex[]
}

/** Why an epoch cannot go on. More than a third of the stake is faulty. */
export interface Halt {
  readonly reason: 'two certificates' | 'two certified blocks'
  readonly slot: { readonly round: number; readonly author: Authority }
}

/** What may be asked of a DAG. Lists are in the order of (author, arrival): where arrival matters, sort by `key`. */
export interface DagView<M extends Mode> {
  readonly mode: M
  /** Vertices held, all of rounds above the rule's gcRound. */
  readonly size: number
  /** 0 while there is none. */
  readonly highestRound: number
  get(key: string): Vertex | undefined
  /** Certified: none or one. Uncertified: every block of the slot that was accepted. */
  slot(round: number, author: Authority): readonly Vertex[]
  /** Everything of one round, by author. */
  round(round: number): readonly Vertex[]
  /** Stake of the distinct authors that have a vertex in this round; all of it for round 0, whose vertices are implicit. */
  stakeAt(round: number): number
  /** Stake of the distinct authors of the next round that name `vertex` as a parent. */
  supportOf(vertex: Vertex): number
}

/** Decides from the DAG what is committed and in which order. One instance lives for one epoch. */
export interface CommitRule<M extends Mode> {
  readonly mode: M
  readonly dag: DagView<M>
  readonly lastCommittedRound: number
  readonly gcRound: number
  readonly scheduleVersion: number
  /** Committed vertices above gcRound. */
  readonly doneCount: number
  /** Set once and for ever: nothing is inserted or committed after it. */
  readonly halted: Halt | undefined
  /** Adds a vertex whose parents above gcRound are all in the DAG. */
  insert(vertex: Vertex): InsertOutcome
  /**
   * What can be committed now, oldest first: everything, or the first `limit`. Calling it late, or never between inserts, changes no
   * result; one call with 2 is two calls with 1. A core commits one by one, so that `exclude` for evidence that commit i ordered falls
   * between i and i + 1 on every member, and takes its snapshot after that.
   */
  tryCommit(limit?: number): readonly Commit[]
  /** Leader of a round under the newest schedule; `undefined` where the round has none. `rank` counts from 0. */
  leaderOf(round: number, rank?: number): Authority | undefined
  /** The signer of proven equivocation is bad from the next schedule version on (2.12.6). Part of the snapshot. */
  exclude(authority: Authority): void
  /** Taken after a commit; what `restore` needs beside the vertices above gcRound. One canonical encoding. */
  snapshot(): Uint8Array
}

/** What a rule is made with; the same on every member. */
export interface OrderSetup {
  readonly chainId: number
  readonly epoch: number
  readonly genesisHash: Digest
  /** Stakes in authority order. */
  readonly stakes: readonly number[]
  readonly beacon: Digest
  readonly previous: { readonly subDagDigest: Digest; readonly timestampMs: number }
  /** Rounds kept below the last committed leader. @default 50 */
  readonly gcDepth?: number
  /** Commits between two schedules. @default 100 */
  readonly scheduleCommits?: number
  /** Leader slots a round, uncertified only. @default 1 */
  readonly leadersPerRound?: number
}
