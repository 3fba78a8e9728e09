/**
 * n cores in memory, in virtual time: a network whose links are in order and have a latency, stores that keep what was synced, an executor
 * a node. Everything is drawn from the seed. Both modes run in it: it is given the function that makes a core.
 *
 * Effects go through the shipped queue, so that a `persist` is the barrier it is in the driver. A node can be crashed before or after any
 * effect: what was not done by then is lost with all that was in memory; `restart` makes a new core over what was synced. */
import { answersOf } from '../../src/core/answers.ts'
import type {
  Core,
  CoreComponents,
  CoreEffect,
  CoreEvent,
  CoreOptions,
  EpochSetup,
  OrderedItem,
  StoredRecord,
  StoreView,
} from '../../src/core/contract.ts'
import { EffectQueue, type DoableEffect } from '../../src/core/effect-queue.ts'
import type { Commit, Mode } from '../../src/dag/contract.ts'
import { decodeBatch } from '../../src/wire/batch.ts'
import { decodeSignedBlock } from '../../src/wire/block.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { encodeFrame, type Frame } from '../../src/wire/frames.ts'
import type { Authority } from '../../src/wire/types.ts'
import { Agenda } from './agenda.ts'
import { createCheapCommittee, type TestCommittee } from './committee.ts'
import { MemoryRecords } from './memory-records.ts'
import { createRandom, type Random } from './random.ts'

export interface ClusterOptions {
  readonly size: number
  readonly mode: Mode
  readonly seed: number
  readonly createCore: (components: CoreComponents, setup: EpochSetup, options?: CoreOptions) => Core
  readonly core?: CoreOptions
  readonly committee?: TestCommittee
  /** @default 1 to 5 ms */
  readonly latencyMs?: (from: Authority, to: Authority, random: Random) => number
  /** Time from an emission to its execution. @default 1 ms */
  readonly executeMs?: (node: Authority) => number
  /** What a `verify` answers, and after how long. @default everything is valid, and 0 */
  readonly verify?: (transactions: readonly Uint8Array[]) => boolean
  readonly verifyMs?: (nowMs: number, transactions: readonly Uint8Array[]) => number
  /** What is on its way is lost where this says so. @default nothing is */
  readonly isLost?: (from: Authority, to: Authority, frame: Uint8Array) => boolean
  /** How many items are executed of the sub-DAG that closes the epoch; `undefined` for every other. @default the epoch goes on */
  readonly closingItemsOf?: (node: Authority, emitted: Emitted) => number | undefined
  /** How often a frame arrives. @default once */
  readonly copies?: (random: Random) => number
  /** Whether a node without records asks the others first (2.11); not in an epoch that follows one in which it took part. @default true */
  readonly asksOnFirstBoot?: boolean
  /** Nodes that never start. */
  readonly silent?: readonly Authority[]
  /** Whether a sync takes time, so that effects wait in the queue. @default 0 */
  readonly syncMs?: number
}

export interface Emitted {
  readonly commit: Commit
  readonly items: readonly OrderedItem[]
}

/** An effect of a node that is done; `persist` once for the records of a sync. */
export type Boundary = { readonly type: 'persist'; readonly records: readonly StoredRecord[] } | DoableEffect

export interface ClusterNode {
  readonly authority: Authority
  core: Core | undefined
  readonly records: MemoryRecords
  /** By index, from 1; survives crashes, as the executor's own store does. */
  readonly executed: Emitted[]
  /** Of all that was executed, in order, as hex. Tests make each of theirs different. */
  readonly transactions: string[]
  readonly counts: Map<string, number>
  /** Effects of a kind that a test looks at. */
  readonly evidence: Uint8Array[]
  readonly halts: string[]
  readonly overloaded: Uint8Array[]
  readonly retried: Uint8Array[]
  /** Own transactions that a client was told of; survives crashes, as the client does. */
  readonly accepted: Uint8Array[]
  /** Persists and sends done so far: what crash tests enumerate. */
  boundaries: number
  /** Added to this node's wall clock. */
  skewMs: number
}

interface Running extends ClusterNode {
  queue: EffectQueue
  /** What this life of the core has put away, durable or not: it reads that at once. */
  pending: MemoryRecords
  /** Rises with every crash: what was planned for an earlier life means nothing. */
  life: number
  /** Own transactions that no client was told of yet. */
  waiting: Uint8Array[]
  timerAtMs: number
  hasBooted: boolean
  hasClosed: boolean
  executorFreeAtMs: number
}

const CHAIN_ID = 1337
const GENESIS_MS = 1_700_000_000_000

export class Cluster {
  readonly options: ClusterOptions
  readonly committee: TestCommittee
  readonly nodes: readonly ClusterNode[]
  readonly random: Random
  /** Called before each persist and each effect is done. Answer 'crash' to kill the node first, 'crashAfter' to kill it behind. */
  onBoundary: (node: ClusterNode, boundary: Boundary) => 'crash' | 'crashAfter' | undefined = () => undefined
  /** Sees every frame that is sent, before loss. */
  onSend: (from: Authority, to: Authority, frame: Uint8Array) => void = () => {}
  readonly #running: readonly Running[]
  readonly #agenda = new Agenda()
  readonly #linkFreeAtMs = new Map<string, number>()
  #nowMs = 0

  constructor(options: ClusterOptions) {
    this.options = options
    this.committee = options.committee ?? createCheapCommittee(options.size)
    this.random = createRandom(options.seed)
    this.#running = Array.from({ length: options.size }, (_, authority) => createNode(authority))
    this.nodes = this.#running
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Starts all nodes but the silent ones. */
  start(): this {
    for (const { authority } of this.nodes) if (!(this.options.silent ?? []).includes(authority)) this.restart(authority)
    return this
  }

  setupOf(authority: Authority): EpochSetup {
    const genesisHash = new Uint8Array(32).fill(7)
    return {
      chainId: CHAIN_ID,
      epoch: 3,
      genesisHash,
      committee: this.committee.members,
      self: authority,
      mode: this.options.mode,
      beacon: new Uint8Array(32).fill(9),
      previous: { subDagDigest: genesisHash, timestampMs: GENESIS_MS },
      lastApplied: this.nodes[authority]!.executed.length,
      isFirstBoot: this.options.asksOnFirstBoot !== false && !this.#running[authority]!.hasBooted,
    }
  }

  /** A new core over what the node has on disk. */
  restart(authority: Authority): void {
    const node = this.#running[authority]!
    node.pending = new MemoryRecords()
    const components = { crypto: this.committee.cryptos[authority]!, store: storeOf(node), random: () => this.random.u32() }
    node.core = this.options.createCore(components, this.setupOf(authority), this.options.core)
    node.hasBooted = true
    this.#step(node, { type: 'start' })
  }

  /** All in memory is gone, and everything that no sync covered. */
  crash(authority: Authority): void {
    const node = this.#running[authority]!
    node.core = undefined
    node.queue = new EffectQueue()
    node.waiting = []
    node.executorFreeAtMs = 0
    node.life++
    node.timerAtMs = Number.POSITIVE_INFINITY
  }

  /** The disk is gone too: the next start is an amnesiac's. */
  forget(authority: Authority): void {
    this.crash(authority)
    const node = this.#running[authority]!
    Object.assign(node, { records: new MemoryRecords(), hasBooted: false })
  }

  submit(authority: Authority, transactions: readonly Uint8Array[]): void {
    const node = this.#running[authority]!
    if (node.core === undefined) return
    node.waiting.push(...transactions)
    this.#step(node, { type: 'transactions', transactions })
  }

  event(authority: Authority, event: CoreEvent): void {
    const node = this.#running[authority]!
    if (node.core !== undefined) this.#step(node, event)
  }

  /** A frame that a (Byzantine) member sends over its own connection. */
  inject(from: Authority, to: Authority, frame: Frame | Uint8Array): void {
    const bytes = frame instanceof Uint8Array ? frame : encodeFrame(frame, this.options.size)
    this.#deliverLater(from, to, bytes)
  }

  /** Lets virtual time go on for `forMs`, or until `isDone`, which is asked every 10 ms of it. @returns whether `isDone` held. */
  run(forMs: number, isDone: () => boolean = () => false): boolean {
    const endMs = this.#nowMs + forMs
    let askAtMs = this.#nowMs
    for (let next = this.#agenda.next; next !== undefined && next.atMs <= endMs; next = this.#agenda.next) {
      if (next.atMs >= askAtMs) {
        if (isDone()) return true
        askAtMs = next.atMs + 10
      }
      this.#agenda.pop()
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
    }
    this.#nowMs = endMs
    return isDone()
  }

  /** Digests of the sub-DAGs that a node executed, in order. */
  logOf(authority: Authority): string[] {
    return this.nodes[authority]!.executed.map(({ commit }) => toHex(commit.digest))
  }

  after(delayMs: number, run: () => void): void {
    this.#agenda.plan(this.#nowMs + delayMs, run)
  }

  #step(node: Running, event: CoreEvent): void {
    const effects: CoreEffect[] = []
    node.core?.step(event, { nowMs: this.#nowMs, unixMs: GENESIS_MS + Math.floor(this.#nowMs) + node.skewMs }, effects)
    for (const effect of effects) if (effect.type === 'persist') node.pending.write(effect.records)
    node.queue.push(effects)
    this.#drain(node)
  }

  #drain(node: Running): void {
    const { life, queue } = node
    for (;;) {
      for (const effect of queue.takeReady()) {
        this.#do(node, effect)
        if (node.life !== life) return
      }
      const records = queue.takeRecords()
      if (records === undefined) return
      const { syncMs = 0 } = this.options
      if (syncMs > 0)
        return this.#agenda.plan(this.#nowMs + syncMs, () => node.life === life && this.#synced(node, records) && this.#drain(node))
      if (!this.#synced(node, records)) return
    }
  }

  /** @returns whether the node is still alive. */
  #synced(node: Running, records: readonly StoredRecord[]): boolean {
    const { life, queue } = node
    node.boundaries++
    const verdict = this.onBoundary(node, { type: 'persist', records })
    if (verdict === 'crash') this.crash(node.authority)
    if (node.life !== life) return false
    node.records.write(records)
    if (verdict === 'crashAfter') this.crash(node.authority)
    if (node.life !== life) return false
    for (const effect of queue.durable()) {
      this.#do(node, effect)
      if (node.life !== life) return false
    }
    return true
  }

  #do(node: Running, effect: DoableEffect): void {
    if (effect.type === 'send') node.boundaries++
    const { life } = node
    const verdict = this.onBoundary(node, effect)
    if (verdict === 'crash') this.crash(node.authority)
    if (node.life !== life) return
    this.#perform(node, effect)
    if (verdict === 'crashAfter') this.crash(node.authority)
  }

  #perform(node: Running, effect: DoableEffect): void {
    const { size, executeMs = () => 1, verify = () => true, verifyMs = () => 0 } = this.options
    switch (effect.type) {
      case 'send': {
        const others = this.nodes.map(({ authority }) => authority).filter((authority) => authority !== node.authority)
        for (const to of effect.to === 'others' ? others : [effect.to]) this.#deliverLater(node.authority, to, effect.frame)
        return
      }
      case 'answer':
        for (const frame of answersOf(effect.request, node.records, size)) {
          this.#deliverLater(node.authority, effect.to, encodeFrame(frame, size))
        }
        return
      case 'timer':
        node.timerAtMs = effect.atMs
        this.#later(node, effect.atMs - this.#nowMs, () => {
          if (node.timerAtMs === effect.atMs) this.#step(node, { type: 'tick' })
        })
        return
      case 'emit':
        node.executorFreeAtMs = Math.max(node.executorFreeAtMs, this.#nowMs) + executeMs(node.authority)
        this.#later(node, node.executorFreeAtMs - this.#nowMs, () => this.#execute(node, effect))
        return
      case 'verify': {
        const verdict = { type: 'verified', id: effect.id, isValid: verify(effect.transactions) } as const
        return this.#later(node, verifyMs(this.nowMs, effect.transactions), () => this.#step(node, verdict))
      }
      default:
        return noteEffect(node, effect)
    }
  }

  /** What follows the closing sub-DAG is dropped. */
  #execute(node: Running, { commit, items }: Emitted): void {
    if (node.hasClosed) return
    const { index } = commit.subDag
    if (index !== node.executed.length + 1) throw new Error(`node ${node.authority}: emitted out of order`)
    const executedCount = this.options.closingItemsOf?.(node.authority, { commit, items })
    node.hasClosed = executedCount !== undefined
    node.executed.push({ commit, items })
    node.transactions.push(...items.slice(0, executedCount).flatMap((item) => transactionsOf(item, node.records)))
    const closedBy = items[(executedCount ?? 0) - 1] as Extract<OrderedItem, { type: 'system' }> | undefined
    this.#step(node, { type: 'executed', index, ...(node.hasClosed ? { isFinal: true, closedBy } : { isFinal: false }) })
  }

  /** Within this life of the node. */
  #later(node: Running, delayMs: number, run: () => void): void {
    const { life } = node
    this.#agenda.plan(this.#nowMs + Math.max(0, delayMs), () => {
      if (node.life === life) run()
    })
  }

  #deliverLater(from: Authority, to: Authority, frame: Uint8Array): void {
    this.onSend(from, to, frame)
    if (this.options.isLost?.(from, to, frame) === true) return
    const { latencyMs = (_from, _to, random) => 1 + random.below(5) } = this.options
    const link = `${from}>${to}`
    const atMs = Math.max(this.#linkFreeAtMs.get(link) ?? 0, this.#nowMs + latencyMs(from, to, this.random))
    this.#linkFreeAtMs.set(link, atMs)
    const bytes = frame.slice()
    const target = this.#running[to]!
    for (let copies = this.options.copies?.(this.random) ?? 1; copies > 0; copies--) {
      this.#agenda.plan(atMs, () => target.core !== undefined && this.#step(target, { type: 'frame', from, frame: bytes }))
    }
  }
}

function createNode(authority: Authority): Running {
  return {
    authority,
    core: undefined,
    records: new MemoryRecords(),
    executed: [],
    transactions: [],
    counts: new Map(),
    evidence: [],
    halts: [],
    overloaded: [],
    retried: [],
    accepted: [],
    boundaries: 0,
    skewMs: 0,
    queue: new EffectQueue(),
    pending: new MemoryRecords(),
    life: 0,
    waiting: [],
    timerAtMs: Number.POSITIVE_INFINITY,
    hasBooted: false,
    hasClosed: false,
    executorFreeAtMs: 0,
  }
}

/** Lists are read when a core starts, and then there is nothing but what is durable. */
function storeOf({ records, pending }: Running): StoreView {
  return {
    get: (kind, key) => pending.get(kind, key) ?? records.get(kind, key),
    has: (kind, key) => pending.has(kind, key) || records.has(kind, key),
    entries: (kind, afterRound) => records.entries(kind, afterRound),
  }
}

/** What an executor would read from the store; a missing one is an error of the core. */
function transactionsOf(item: OrderedItem, records: MemoryRecords): string[] {
  if (item.type === 'system') return []
  const bytes = records.get(item.type, toHex(item.digest))
  if (bytes === undefined) throw new Error(`a ${item.type} was executed that is not here`)
  const { transactions } = item.type === 'batch' ? decodeBatch(bytes) : decodeSignedBlock(bytes).block
  return transactions.map(toHex)
}

function noteEffect(node: Running, effect: DoableEffect): void {
  if (effect.type === 'count') node.counts.set(effect.name, (node.counts.get(effect.name) ?? 0) + effect.by)
  else if (effect.type === 'evidence') node.evidence.push(effect.bytes)
  else if (effect.type === 'halt') node.halts.push(effect.reason)
  else if (effect.type === 'retry') node.retried.push(...effect.transactions)
  else if (effect.type === 'accepted') node.accepted.push(...node.waiting.splice(0, effect.count))
  else if (effect.type === 'overloaded') {
    node.overloaded.push(...effect.transactions)
    const refused = new Set(effect.transactions)
    node.waiting = node.waiting.filter((transaction) => !refused.has(transaction))
  }
}
