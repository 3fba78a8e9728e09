/**
 * Validators through several epochs in virtual time: real epochs, cores and stores in memory; what each next epoch is made from is written
 * down beforehand. The executor ends an epoch as §2.12 says: members say `readyToClose` once block time is there, an earlier word is refused,
 * and the transaction that brings them to a quorum is the last of its epoch.
 */
import { answersOf } from '../../src/core/answers.ts'
import { BarrierQueue } from '../../src/core/barrier-queue.ts'
import type { ClosedBy, EpochSetup } from '../../src/core/contract.ts'
import { createEpochs } from '../../src/core/epochs.ts'
import type { Epochs, EpochsEffect, EpochsEvent, NextEpoch, PeerKey } from '../../src/core/epochs-contract.ts'
import type { Commit } from '../../src/dag/contract.ts'
import { compareBytes, toHex } from '../../src/wire/bytes.ts'
import { encodeFrame } from '../../src/wire/frames.ts'
import { encodeSystemTransaction } from '../../src/wire/system-transaction.ts'
import { createCheapCommittee } from './committee.ts'
import { runItems } from './chain-execution.ts'
import type { Applied, ChainOptions, Emitted } from './chain-types.ts'
import { MemoryRecords } from './memory-records.ts'
import { createRandom, type Random } from './random.ts'
import { VirtualTime } from './virtual-time.ts'

const CHAIN_ID = 7
const GENESIS_MS = 1_700_000_000_000
const GENESIS_HASH = new Uint8Array(32).fill(7)

export class ChainNode {
  readonly key: PeerKey
  readonly chain: Chain
  readonly place: number
  readonly stores: Map<number, MemoryRecords> = new Map()
  readonly counts: Map<string, number> = new Map()
  /** Own transactions that a client was told of. */
  readonly told: string[] = []
  readonly refused: string[] = []
  readonly forgotten: number[] = []
  applied: Applied
  hasLeft = false
  halted: string | undefined
  #epochs: Epochs | undefined
  #queue = new BarrierQueue<EpochsEffect>(isBarrier)
  #emitted: Emitted[] = []
  #isExecuting = false
  #waiting: Uint8Array[] = []
  #life = 0
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(chain: Chain, place: number) {
    this.chain = chain
    this.place = place
    this.key = toHex(chain.members[place]!.key)
    this.applied = chain.genesisOf(place)
  }

  get epoch(): number {
    return this.applied.setup.epoch
  }

  get isUp(): boolean {
    return this.#epochs !== undefined
  }

  start(isFirstBoot = false): void {
    const { chain, applied, place } = this
    const { setup, index } = applied
    this.hasLeft = setup.self < 0
    const random = createRandom(chain.options.seed * 1_000 + place * 10 + this.#life)
    const components = { crypto: chain.cryptos[place]!, random: () => random.u32(), storeOf: (epoch: number) => this.storeOf(epoch) }
    const current = { ...setup, lastApplied: index, isFirstBoot }
    const { parameters } = chain.planOf(setup.epoch)
    const { closed, closedBy } = applied
    this.#epochs = createEpochs(components, { current, parameters, closed: closed.slice(-1), closedBy }, chain.options.core)
    this.step({ type: 'start' })
    this.#sayEarly()
  }

  crash(): void {
    this.#epochs = undefined
    this.#queue = new BarrierQueue<EpochsEffect>(isBarrier)
    this.#emitted = []
    this.#isExecuting = false
    this.#waiting = []
    this.#life++
    this.#timerAtMs = Number.POSITIVE_INFINITY
  }

  storeOf(epoch: number): MemoryRecords {
    let store = this.stores.get(epoch)
    if (store === undefined) this.stores.set(epoch, (store = new MemoryRecords()))
    return store
  }

  submit(transactions: readonly Uint8Array[]): void {
    if (this.#epochs === undefined || this.hasLeft) return
    this.#waiting.push(...transactions)
    this.step({ type: 'transactions', transactions })
  }

  step(event: EpochsEvent): void {
    if (this.#epochs === undefined) return
    const effects: EpochsEffect[] = []
    this.#epochs.step(event, { nowMs: this.chain.time.nowMs, unixMs: GENESIS_MS + Math.floor(this.chain.time.nowMs) }, effects)
    this.#queue.push(effects)
    this.#drain()
  }

  #drain(): void {
    const life = this.#life
    for (;;) {
      for (const effect of this.#queue.takeReady()) {
        if (life !== this.#life) return
        this.#perform(effect)
      }
      const barriers = this.#queue.takeBarriers()
      if (barriers === undefined || life !== this.#life) return
      for (const barrier of barriers) {
        if (barrier.type === 'epoch' && barrier.effect.type === 'persist') this.storeOf(barrier.epoch).write(barrier.effect.records)
      }
      for (const effect of this.#queue.durable()) {
        if (life !== this.#life) return
        this.#perform(effect)
      }
    }
  }

  #perform(effect: EpochsEffect): void {
    const life = this.#life
    this.chain.onEffect(this, effect)
    if (life !== this.#life) return
    switch (effect.type) {
      case 'send':
        for (const to of effect.to) this.chain.send(this.key, to, effect.frame)
        return
      case 'answer': {
        const size = this.chain.committeeSizeOf(effect.epoch)
        for (const frame of answersOf(effect.request, this.storeOf(effect.epoch), size)) {
          this.chain.send(this.key, effect.to, encodeFrame(frame, size))
        }
        return
      }
      case 'timer':
        this.#timerAtMs = effect.atMs
        return this.#later(effect.atMs - this.chain.time.nowMs, () => {
          if (this.#timerAtMs === effect.atMs) this.step({ type: 'tick' })
        })
      case 'begin':
        this.chain.begun(effect.setup, this)
        return this.#later(0, () => this.#sayEarly())
      case 'leave':
        this.hasLeft = true
        this.chain.begun(this.applied.setup, this) // where all leave, those who come start from one of them
        return
      case 'forget':
        this.forgotten.push(effect.epoch)
        this.stores.delete(effect.epoch)
        return
      case 'epoch':
        return this.#performOf(effect.epoch, effect.effect)
    }
  }

  #performOf(epoch: number, effect: Extract<EpochsEffect, { type: 'epoch' }>['effect']): void {
    switch (effect.type) {
      case 'emit':
        this.#emitted.push({ epoch, commit: effect.commit, items: effect.items })
        return this.#execute()
      case 'verify':
        return this.#later(0, () => this.step({ type: 'epoch', epoch, event: { type: 'verified', id: effect.id, isValid: true } }))
      case 'accepted':
        this.told.push(...this.#waiting.splice(0, effect.count).map(toHex))
        return
      case 'overloaded': {
        const refused = new Set(effect.transactions)
        this.refused.push(...effect.transactions.map(toHex))
        this.#waiting = this.#waiting.filter((transaction) => !refused.has(transaction))
        return
      }
      case 'retry':
        return this.#retry(effect.transactions, effect.told)
      case 'halt':
        this.halted = effect.reason
        return
      case 'count':
        this.#count(effect.name, effect.by)
    }
  }

  /** As the driver does: what still waits goes into the next epoch; a node without a seat hands all to one that has. */
  #retry(transactions: readonly Uint8Array[], told: number): void {
    this.#waiting.splice(0, transactions.length - told)
    if (!this.hasLeft) return this.#later(0, () => this.submit(transactions))
    this.chain.adopt(transactions)
  }

  #later(delayMs: number, run: () => void): void {
    const life = this.#life
    this.chain.time.after(Math.max(0, delayMs), () => {
      if (life === this.#life) run()
    })
  }

  /** One block after the other; what was emitted beyond a final one is no block. */
  #execute(): void {
    if (this.#isExecuting) return
    this.#isExecuting = true
    this.#later(1, () => {
      this.#isExecuting = false
      const emitted = this.#emitted.shift()
      if (emitted !== undefined && emitted.epoch === this.epoch) this.#apply(emitted)
      if (this.#emitted.length > 0) this.#execute()
    })
  }

  #apply({ epoch, commit, items }: Emitted): void {
    const { applied } = this
    const { index, timestampMs } = commit.subDag
    if (index !== applied.index + 1) throw new Error(`node ${this.place}: sub-DAG ${index} of epoch ${epoch} after ${applied.index}`)
    const { closedBy, taken, refusedCount } = runItems(applied, items, this.storeOf(epoch), this.#mayEnd(timestampMs))
    this.#count('early word refused', refusedCount)
    applied.blocks.push({ epoch, index, digest: toHex(commit.digest), transactions: taken })
    applied.index = index
    this.chain.executed(this)
    if (closedBy !== undefined) return this.#end(commit, closedBy)
    this.step({ type: 'executed', epoch, index })
    if (this.#mayEnd(timestampMs)) this.#callForEnd()
  }

  #mayEnd(timestampMs: number): boolean {
    return timestampMs >= this.applied.startedAtMs + this.chain.options.epochMs
  }

  #count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** A liar's word: it stands in the order, and every executor refuses it. */
  #sayEarly(): void {
    const { hasty = [], epochs } = this.chain.options
    if (this.hasLeft || !hasty.includes(this.place) || this.epoch + 1 >= epochs.length) return
    this.step({ type: 'systemTransaction', bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch: this.epoch }) })
  }

  #callForEnd(): void {
    const { setup } = this.applied
    const name = `ready ${setup.epoch}`
    if (this.counts.has(name) || setup.epoch + 1 >= this.chain.options.epochs.length) return
    this.counts.set(name, 1)
    this.step({
      type: 'nextCommittee',
      epoch: setup.epoch + 1,
      members: this.chain.planOf(setup.epoch + 1).committee.map(({ key }) => toHex(key)),
    })
    this.step({ type: 'systemTransaction', bytes: encodeSystemTransaction({ kind: 'readyToClose', epoch: setup.epoch }) })
  }

  #end(commit: Commit, closedBy: ClosedBy): void {
    const { setup, index, closed } = this.applied
    const { timestampMs } = commit.subDag
    const next = this.chain.planOf(setup.epoch + 1)
    closed.push({ ...setup, lastApplied: 0, parameters: this.chain.planOf(setup.epoch).parameters })
    const previous = { subDagDigest: commit.digest, timestampMs }
    const self = next.committee.findIndex(({ key }) => toHex(key) === this.key)
    this.applied = {
      blocks: this.applied.blocks,
      setup: { ...setup, ...next, self, previous, lastApplied: 0 },
      index: 0,
      startedAtMs: timestampMs,
      ready: new Set(),
      closed,
      closedBy,
    }
    this.step({ type: 'executed', epoch: setup.epoch, index, next, closedBy })
  }
}

const isBarrier = (effect: EpochsEffect): boolean => effect.type === 'epoch' && effect.effect.type === 'persist'

export class Chain {
  readonly options: ChainOptions
  readonly time: VirtualTime = new VirtualTime()
  readonly random: Random
  readonly members: ReturnType<typeof createCheapCommittee>['members']
  readonly cryptos: ReturnType<typeof createCheapCommittee>['cryptos']
  readonly nodes: readonly ChainNode[]
  /** Links that carry nothing, as `from>to` by place. */
  readonly cut: Set<string> = new Set()
  onFrame: (from: number, to: number, frame: Uint8Array) => void = () => {}
  /** Sees every effect before it is done; a node may be killed here. */
  onEffect: (node: ChainNode, effect: EpochsEffect) => void = () => {}
  readonly #freeAtMs = new Map<string, number>()
  readonly #setups = new Map<number, string>()

  constructor(options: ChainOptions) {
    this.options = options
    this.random = createRandom(options.seed)
    const size = 1 + Math.max(...options.epochs.flatMap(({ nodes }) => nodes))
    const { members, cryptos } = createCheapCommittee(size)
    this.members = members
    this.cryptos = cryptos
    this.nodes = members.map((_, place) => new ChainNode(this, place))
  }

  start(): this {
    for (const place of this.options.epochs[0]!.nodes) this.nodes[place]!.start()
    return this
  }

  planOf(epoch: number): NextEpoch {
    const { mode, nodes, parameters = {} } = this.options.epochs[epoch]!
    const committee = nodes.map((place) => this.members[place]!).toSorted((a, b) => compareBytes(a.key, b.key))
    return { epoch, committee, mode, parameters, beacon: new Uint8Array(32).fill(epoch + 1) }
  }

  committeeSizeOf(epoch: number): number {
    return this.options.epochs[epoch]!.nodes.length
  }

  genesisOf(place: number): Applied {
    const plan = this.planOf(0)
    const key = toHex(this.members[place]!.key)
    const setup: EpochSetup = {
      ...plan,
      chainId: CHAIN_ID,
      genesisHash: GENESIS_HASH,
      self: plan.committee.findIndex((member) => toHex(member.key) === key),
      previous: { subDagDigest: GENESIS_HASH, timestampMs: GENESIS_MS },
      lastApplied: 0,
      isFirstBoot: false,
    }
    return { blocks: [], setup, index: 0, startedAtMs: GENESIS_MS, ready: new Set(), closed: [] }
  }

  send(from: PeerKey, to: PeerKey, frame: Uint8Array): void {
    const [source, target] = [from, to].map((key) => this.nodes.find((node) => node.key === key)!) as [ChainNode, ChainNode]
    this.onFrame(source.place, target.place, frame)
    const link = `${source.place}>${target.place}`
    if (this.cut.has(link)) return
    const atMs = Math.max(this.#freeAtMs.get(link) ?? 0, this.time.nowMs + 1 + this.random.below(5))
    this.#freeAtMs.set(link, atMs)
    const bytes = frame.slice()
    this.time.after(atMs - this.time.nowMs, () => target.step({ type: 'frame', from, frame: bytes }))
  }

  /** Who joins with this epoch starts from the state of a member that is in it, as after a state sync. All members begin it alike. */
  begun(setup: EpochSetup, by: ChainNode): void {
    const { previous, mode, epoch } = setup
    const name = `${mode} ${toHex(previous.subDagDigest)} ${previous.timestampMs}`
    const before = this.#setups.get(epoch)
    if (before !== undefined && before !== name) throw new Error(`epoch ${epoch} begins differently`)
    this.#setups.set(epoch, name)
    for (const place of this.options.epochs[epoch]!.nodes) {
      const joiner = this.nodes[place]!
      if (this.options.epochs[epoch - 1]!.nodes.includes(place) || joiner.isUp) continue
      const { blocks, setup: theirs, startedAtMs } = by.applied
      const self = theirs.committee.findIndex(({ key }) => toHex(key) === joiner.key)
      joiner.applied = { blocks: [...blocks], setup: { ...theirs, self }, index: 0, startedAtMs, ready: new Set(), closed: [] }
      joiner.start(true)
    }
  }

  /** Promised transactions of a node that left. */
  adopt(transactions: readonly Uint8Array[]): void {
    this.nodes.find((node) => node.isUp && !node.hasLeft)!.submit(transactions)
  }

  /** Each block that two nodes executed is the same. */
  executed(node: ChainNode): void {
    const { blocks } = node.applied
    const mine = blocks.at(-1)!
    for (const other of this.nodes) {
      const theirs = other.applied.blocks[blocks.length - 1]
      if (theirs !== undefined && JSON.stringify(theirs) !== JSON.stringify(mine)) {
        throw new Error(`nodes ${node.place} and ${other.place} differ at block ${blocks.length}`)
      }
    }
  }

  /** Every node is given a transaction each `everyMs`. */
  feed(everyMs: number, forMs: number): void {
    for (let atMs = 0; atMs < forMs; atMs += everyMs) {
      this.time.after(atMs, () => {
        for (const node of this.nodes) node.submit([this.random.bytes(48)])
      })
    }
  }

  /** In the order of execution, by the node that has executed most. */
  get transactions(): string[] {
    const longest = this.nodes.map(({ applied }) => applied.blocks).reduce((best, blocks) => (blocks.length > best.length ? blocks : best))
    return longest.flatMap(({ transactions }) => transactions)
  }
}
