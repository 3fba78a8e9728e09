/**
 * From accepted blocks to emitted sub-DAGs: the rule, what its blocks bring, the records, and where own transactions are on that way.
 *
 * Recovery (2.11): the rule starts from the last snapshot, every stored block above its gcRound is inserted again by (round, author), and
 * the commits after the snapshot are found a second time. They must be the ones that were recorded; if not, nothing may follow.
 */
import { createMysticetiRule } from '../dag/mysticeti-rule.ts'
import type { Commit, CommitRule, Vertex } from '../dag/contract.ts'
import { toHex } from '../wire/bytes.ts'
import type { Authority, Digest, SubDag } from '../wire/types.ts'
import { type BlockContent, itemsOfBlock, readBlock, vertexOfBlock } from './block-vertex.ts'
import { executedCountOf } from './closing.ts'
import type { CoreContext } from './context.ts'
import type { ClosedBy, CoreOptions, OrderedItem } from './contract.ts'
import { Emitter } from './emitter.ts'
import type { EvidencePool } from './evidence-pool.ts'
import { OwnTransactions } from './own-transactions.ts'
import { readSubDagRecord, readSubDagState, subDagRecord, type SubDagState } from './sub-dag-record.ts'
import { SystemOnce } from './system-once.ts'

/** Sub-DAGs between two snapshots: a restart finds at most so many commits again. */
const SNAPSHOT_COMMITS = 16
const NO_SNAPSHOT = new Uint8Array()

export interface BlockOrderParts {
  readonly context: CoreContext
  readonly evidence: EvidencePool
  readonly parameters: CoreOptions['parameters']
  /** gcRound has moved. May accept blocks that waited. */
  readonly onGc: (gcRound: number) => void
  /** An own block was ordered. */
  readonly onOwnOrdered: (round: number) => void
}

export class BlockOrder {
  readonly rule: CommitRule<'uncertified'>
  readonly emitter: Emitter
  readonly own: OwnTransactions
  readonly #parts: BlockOrderParts
  /** Of blocks that are accepted and not ordered, by key. */
  readonly #contents = new Map<string, { readonly round: number; readonly author: Authority; readonly content: BlockContent }>()
  /** By author: bytes accepted and not executed. */
  readonly #unexecuted: number[]
  readonly #orderedBytes = new Map<number, Map<Authority, number>>()
  readonly #orderedBefore: ReadonlySet<string>
  readonly #once: SystemOnce
  /** Items of sub-DAGs with own transactions that are ordered and not executed: the epoch may end inside each of them. */
  readonly #unexecutedItems = new Map<number, readonly OrderedItem[]>()
  #loadedCount = 0
  #gcRound: number
  #isChanged = true
  /** The last one found, while its record may be without a snapshot. */
  #last: SubDag | undefined

  constructor(parts: BlockOrderParts) {
    const { context, parameters } = parts
    const { store, setup, committee } = context
    const state = readSubDagState(store, setup.lastApplied)
    const { chainId, epoch, genesisHash, beacon, previous } = setup
    const order = { chainId, epoch, genesisHash, beacon, previous, stakes: committee.stakes, ...parameters }
    this.#parts = parts
    this.#unexecuted = committee.stakes.map(() => 0)
    this.rule = createMysticetiRule(order, state.snapshot)
    this.#gcRound = this.rule.gcRound
    this.own = new OwnTransactions(context)
    this.#once = new SystemOnce(context)
    this.emitter = new Emitter(
      {
        context,
        read: (key, digest) => this.#read(key, digest.slice()),
        prepare: ({ commit, items }) => this.#once.take(commit.subDag.index, items),
      },
      state.lastIndex,
    )
    this.#orderedBefore = this.#orderedUpTo(state)
    this.#restoreUnapplied(state)
  }

  /** Whether blocks with something in them wait for their commit. */
  get isLoaded(): boolean {
    return this.#loadedCount > 0
  }

  /** Why nothing may follow. */
  get haltReason(): string | undefined {
    return this.emitter.haltReason ?? this.rule.halted?.reason
  }

  unexecutedBytesOf(author: Authority): number {
    return this.#unexecuted[author]!
  }

  accepted(vertex: Vertex, content: BlockContent): void {
    this.#isChanged = true
    if (this.#orderedBefore.has(vertex.key)) return
    const { round, author } = vertex
    this.#contents.set(vertex.key, { round, author, content })
    this.#unexecuted[author]! += content.size
    if (isLoad(content)) this.#loadedCount++
  }

  /** An own block of an earlier run was inserted again. */
  restoredOwn({ key, digest }: Vertex): void {
    const block = this.#orderedBefore.has(key) ? undefined : readBlock(this.#parts.context.store, key)
    if (block !== undefined) this.own.restore(block, digest, undefined)
  }

  /** The epoch ended with sub-DAG `index`. @returns own transactions that it did not execute. */
  close(index: number, closedBy: ClosedBy | undefined): ReturnType<OwnTransactions['release']> {
    this.advance() // after a restart the commits since the last snapshot are still to be found again
    const items = this.#unexecutedItems.get(index) ?? []
    for (const item of items.slice(executedCountOf(items, closedBy)))
      if (item.type === 'block') this.own.committed(toHex(item.digest), Number.POSITIVE_INFINITY)
    this.executedUpTo(index)
    return this.own.release(index)
  }

  executedUpTo(index: number): void {
    this.emitter.executedUpTo(index)
    this.own.executedUpTo(index)
    for (const at of this.#unexecutedItems.keys()) {
      if (at > index) break // both ascend, and far behind there are thousands of them
      this.#unexecutedItems.delete(at)
    }
    for (const [at, bytes] of this.#orderedBytes) {
      if (at > index) break
      this.#orderedBytes.delete(at)
      for (const [author, size] of bytes) this.#unexecuted[author]! -= size
    }
  }

  /** Commits what can be committed. One by one, so that what gcRound lets in is there before the next is looked for. */
  advance(): void {
    while (this.#isChanged && this.haltReason === undefined) {
      const [commit] = this.rule.tryCommit(1)
      if (commit === undefined) {
        this.#isChanged = false
        return
      }
      this.#record(commit)
      if (this.rule.gcRound > this.#gcRound) this.#collect()
    }
  }

  /**
   * From here on a restart begins no earlier: a block is accepted whose ancestors were collected and never came, and at an earlier commit
   * they would still be asked for.
   */
  keepState(): void {
    if (this.#last === undefined) return
    this.#parts.context.note(subDagRecord({ subDag: this.#last, snapshot: this.rule.snapshot() }))
    this.#last = undefined
  }

  #record(commit: Commit): void {
    const { context, evidence, onOwnOrdered } = this.#parts
    const { index } = commit.subDag
    const ordered: OrderedItem[] = []
    const sizes = new Map<Authority, number>()
    const offenders = new Set<Authority>()
    for (const vertex of commit.vertices) {
      const held = this.#contents.get(vertex.key)
      if (held === undefined) throw new Error(`block ${vertex.key} is ordered and was not accepted, or was ordered before`)
      const { content } = held
      ordered.push(...itemsOfBlock(vertex, content.systemTransactions, content.hasTransactions))
      for (const offender of evidence.offendersOf(content.systemTransactions)) offenders.add(offender)
      sizes.set(vertex.author, (sizes.get(vertex.author) ?? 0) + content.size)
      this.#forget(vertex.key)
      if (vertex.author !== context.self) continue
      this.own.committed(vertex.key, index)
      onOwnOrdered(vertex.round)
    }
    for (const offender of offenders) this.rule.exclude(offender) // before the next commit, on every member
    this.#orderedBytes.set(index, sizes)
    const items = this.#once.take(index, ordered)
    this.#remember(index, items)
    this.emitter.record({ commit, items }, index % SNAPSHOT_COMMITS === 0 ? this.rule.snapshot() : NO_SNAPSHOT)
    if (index < this.emitter.executed) this.executedUpTo(index) // the last one may be the closing: what stands behind it there is still owed
    this.#last = commit.subDag
    context.count('commits')
  }

  #remember(index: number, items: readonly OrderedItem[]): void {
    const { self } = this.#parts.context
    if (items.some((item) => item.type === 'block' && item.author === self)) this.#unexecutedItems.set(index, items)
  }

  #collect(): void {
    const { gcRound } = this.rule
    this.#gcRound = gcRound
    for (const [key, { round, author, content }] of this.#contents) {
      if (round > gcRound) continue
      this.#unexecuted[author]! -= content.size
      this.#forget(key)
    }
    this.own.dropUpTo(gcRound)
    this.#parts.onGc(gcRound)
  }

  #forget(key: string): void {
    const held = this.#contents.get(key)
    if (held !== undefined && isLoad(held.content)) this.#loadedCount--
    this.#contents.delete(key)
  }

  /** Keys that records up to the snapshot order and that are inserted again. */
  #orderedUpTo({ snapshotIndex }: SubDagState): ReadonlySet<string> {
    const { store } = this.#parts.context
    const keys = new Set<string>()
    for (let index = snapshotIndex; index > 0; index--) {
      const subDag = readSubDagRecord(store, index)?.subDag
      if (subDag === undefined || subDag.leader.round <= this.#gcRound) break
      for (const digest of subDag.vertices) keys.add(toHex(digest))
    }
    return keys
  }

  /** Own blocks that are ordered and not executed: were the epoch to end before them, they would have to be given back. */
  #restoreUnapplied({ snapshotIndex }: SubDagState): void {
    const { store, setup, self } = this.#parts.context
    for (let index = Math.max(1, setup.lastApplied); index <= snapshotIndex; index++) {
      const items: OrderedItem[] = []
      for (const digest of readSubDagRecord(store, index)?.subDag.vertices ?? []) {
        const block = readBlock(store, toHex(digest))
        if (block === undefined) continue
        items.push(...itemsOfBlock({ author: block.author, digest }, block.systemTransactions, block.transactions.length > 0))
        if (block.author === self) this.own.restore(block, digest.slice(), index)
      }
      this.#remember(index, this.#once.take(index, items))
    }
  }

  #read(key: string, digest: Digest): { readonly vertex: Vertex; readonly items: readonly OrderedItem[] } | undefined {
    const { context } = this.#parts
    const block = readBlock(context.store, key)
    if (block === undefined) return undefined
    const vertex = vertexOfBlock(block, digest, key)
    return { vertex, items: itemsOfBlock(vertex, block.systemTransactions, block.transactions.length > 0) }
  }
}

function isLoad({ hasTransactions, systemTransactions }: BlockContent): boolean {
  return hasTransactions || systemTransactions.length > 0
}
