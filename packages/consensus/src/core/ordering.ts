/**
 * From the DAG to the executor: commits one by one, each recorded, what it means for own headers and batches, and the hand-over once all
 * its batches are here (2.9).
 */
import type { Commit, CommitRule, Vertex } from '../dag/contract.ts'
import { toHex } from '../wire/bytes.ts'
import { decodeCertificate } from '../wire/certificate.ts'
import type { PayloadEntry } from '../wire/types.ts'
import type { BatchIndex } from './batch-index.ts'
import type { CertificateIntake } from './certificate-intake.ts'
import { candidateOf, itemsOfHeader, type VertexContent, vertexOf } from './certified-vertex.ts'
import type { CoreContext } from './context.ts'
import type { ClosedBy, OrderedItem } from './contract.ts'
import { type Emission, Emitter } from './emitter.ts'
import type { EvidencePool } from './evidence-pool.ts'
import type { OrderedOnce } from './ordered-once.ts'
import type { OwnBatches } from './own-batches.ts'
import type { OwnHeaders } from './own-headers.ts'
import type { PeerBatches } from './peer-batches.ts'

/** Commits ahead of the hand-over whose batches are already asked for. */
const LOOK_AHEAD = 32
/** Sub-DAGs between two snapshots: a restart finds at most so many commits again. */
const SNAPSHOT_COMMITS = 16
const NO_SNAPSHOT = new Uint8Array()

export interface OrderingParts {
  readonly context: CoreContext
  readonly rule: CommitRule<'certified'>
  readonly intake: CertificateIntake
  readonly evidence: EvidencePool
  readonly index: BatchIndex
  readonly once: OrderedOnce
  readonly ownBatches: OwnBatches
  readonly peerBatches: PeerBatches
  readonly ownHeaders: OwnHeaders
  /** Content of own headers that will never be ordered, oldest first. */
  readonly orphaned: (contents: readonly VertexContent[]) => void
}

export class Ordering {
  readonly #parts: OrderingParts
  readonly #emitter: Emitter
  #lookedAhead: number
  #hasOwn = false

  /** @param recorded - index of the last sub-DAG that an earlier run stored. */
  constructor(parts: OrderingParts, recorded: number) {
    const { context } = parts
    this.#parts = parts
    this.#emitter = new Emitter({ context, read: (key) => this.#read(key), prepare: (emission) => this.#prepare(emission) }, recorded)
    this.#lookedAhead = context.setup.lastApplied
  }

  /** Whether payload may still be proposed (2.14). */
  get isKeepingUp(): boolean {
    return this.#emitter.isKeepingUp
  }

  /** Why nothing may follow. */
  get haltReason(): string | undefined {
    return this.#emitter.haltReason
  }

  /** A vertex of this node, made in this run, was ordered. */
  get hasOrderedOwn(): boolean {
    return this.#hasOwn
  }

  /** A vertex is in the DAG: what it names will be executed, unless the whole node is far behind. */
  inserted(vertex: Vertex): void {
    const { recorded, executed } = this.#emitter
    const content = recorded <= executed + LOOK_AHEAD ? this.#parts.intake.contentOf(vertex.key) : undefined
    if (content !== undefined) this.#want(content.payload, vertex)
  }

  /** Commits what can be committed. @returns whether gcRound may have moved. */
  commit(isOwnOfThisRun: (round: number) => boolean): boolean {
    const { rule, context } = this.#parts
    let count = 0
    for (let [commit] = rule.tryCommit(1); commit !== undefined; [commit] = rule.tryCommit(1)) {
      const emission = { commit, items: this.#contentOf(commit) }
      this.#exclude(commit)
      this.#settle(commit, isOwnOfThisRun)
      this.#emitter.record(emission, commit.subDag.index % SNAPSHOT_COMMITS === 0 ? rule.snapshot() : NO_SNAPSHOT)
      count++
    }
    if (count > 0) context.count('commits', count)
    return count > 0
  }

  executed(index: number): void {
    this.#emitter.executedUpTo(index)
    this.#parts.once.executedUpTo(this.#emitter.executed)
    this.#parts.ownBatches.executedUpTo(this.#emitter.executed)
  }

  /** The epoch ended with sub-DAG `index`: own transactions that it did not execute go back. */
  close(index: number, closedBy: ClosedBy | undefined): void {
    const { context, ownBatches, once } = this.#parts
    const { told, waiting } = ownBatches.release(index, once.unexecutedOf(index, closedBy))
    if (told.length + waiting.length > 0) context.push({ type: 'retry', transactions: [...told, ...waiting], told: told.length })
  }

  advance(): void {
    this.#emitter.advance()
    this.#lookAhead()
  }

  #contentOf({ vertices, subDag }: Commit): OrderedItem[] {
    const isNear = subDag.index <= this.#emitter.executed + LOOK_AHEAD
    if (isNear) this.#lookedAhead = Math.max(this.#lookedAhead, subDag.index)
    return vertices.flatMap((vertex) => {
      const content = this.#parts.intake.contentOf(vertex.key)
      if (content === undefined) return []
      if (isNear) this.#want(content.payload, vertex)
      return itemsOfHeader({ author: vertex.author, ...content })
    })
  }

  /** Who is proven guilty in this commit, before the next one is found: so it is the same on every member (2.12.6). */
  #exclude({ vertices }: Commit): void {
    const { rule, intake, evidence } = this.#parts
    for (const { key } of vertices) {
      for (const offender of evidence.offendersOf(intake.contentOf(key)?.systemTransactions ?? [])) rule.exclude(offender)
    }
  }

  #settle({ vertices, subDag }: Commit, isOwnOfThisRun: (round: number) => boolean): void {
    const { context, intake, ownHeaders, ownBatches, orphaned } = this.#parts
    for (const { author, round, key } of vertices) {
      for (const { digest } of intake.contentOf(key)?.payload ?? []) ownBatches.commit(toHex(digest), subDag.index)
      intake.dropContent(key)
      if (author !== context.self) continue
      ownHeaders.commit(round)
      this.#hasOwn ||= isOwnOfThisRun(round)
    }
    const orphans = ownHeaders.takeOrphans(subDag.leader.round)
    if (orphans.length === 0) return
    context.count('orphans', orphans.length)
    orphaned(orphans)
  }

  /** All or nothing: before every batch is here, nothing is marked. */
  #prepare({ commit, items }: Emission): readonly OrderedItem[] | undefined {
    const areHere = items.every((item) => item.type !== 'batch' || this.#parts.index.has(toHex(item.digest)))
    return areHere ? this.#parts.once.take(commit.subDag.index, items) : undefined
  }

  /** Reading a committed vertex back asks for those of its batches that are missing. */
  #lookAhead(): void {
    const { executed, recorded } = this.#emitter
    while (this.#lookedAhead < Math.min(recorded, executed + LOOK_AHEAD)) {
      if (this.#emitter.read(this.#lookedAhead + 1) === undefined) return
      this.#lookedAhead++
    }
  }

  #read(key: string): { readonly vertex: Vertex; readonly items: readonly OrderedItem[] } | undefined {
    const { context } = this.#parts
    const bytes = context.store.get('certificate', key)
    if (bytes === undefined) return undefined
    const candidate = candidateOf(decodeCertificate(bytes, context.committee.size), bytes, context.setup.chainId)
    const { header } = candidate.certificate
    const vertex = vertexOf(candidate)
    this.#want(header.payload, vertex)
    return { vertex, items: itemsOfHeader(header) }
  }

  #want(payload: readonly PayloadEntry[], vertex: Vertex): void {
    const { index, peerBatches } = this.#parts
    for (const entry of payload) {
      const key = toHex(entry.digest)
      if (!index.has(key)) peerBatches.want(key, entry, vertex, true)
    }
  }
}
