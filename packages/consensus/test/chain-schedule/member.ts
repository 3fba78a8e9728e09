/**
 * One node of a chain's schedule: the shipped epochs, the shipped queue of effects, records that survive a crash once they are synced, and
 * a state machine behind its port. It has a seat, or it follows the blocks that others have executed until it is given one.
 */
import { answersOf } from '../../src/core/answers.ts'
import { BarrierQueue } from '../../src/core/barrier-queue.ts'
import type { StoredRecord, Time } from '../../src/core/contract.ts'
import { createEpochs } from '../../src/core/epochs.ts'
import type { EpochEvent, Epochs, EpochsEffect, EpochsEvent, PeerKey } from '../../src/core/epochs-contract.ts'
import { decodePlan, encodePlan, planAfter, setupOf } from '../../src/driver/plan.ts'
import type { BlockItem, EpochPlan, OrderedBlock } from '../../src/ports.ts'
import { decodeBatch } from '../../src/wire/batch.ts'
import { decodeSignedBlock } from '../../src/wire/block.ts'
import { toHex } from '../../src/wire/bytes.ts'
import { checkpointSigningBytes } from '../../src/wire/checkpoint.ts'
import { encodeFrame } from '../../src/wire/frames.ts'
import { aggregateOf, isAggregate } from '../scenarios/cheap-committee.ts'
import { cheapSign } from '../support/cheap-signatures.ts'
import { MemoryRecords } from '../support/memory-records.ts'
import type { ScheduledExecutor, ScheduledLedger } from './contract.ts'

type Emit = Extract<Extract<EpochsEffect, { type: 'epoch' }>['effect'], { type: 'emit' }>
type Inner = Extract<EpochsEffect, { type: 'epoch' }>

/** What a node does to the world around it, and what it asks of it. */
export interface MemberHost {
  time(place: number): Time
  random(): number
  send(from: number, to: PeerKey, frame: Uint8Array): void
  /** Picked later, among much else. */
  later(place: number, delayMs: number, run: () => void): void
  /** Whether this node dies between what it did and what it says about it. */
  dies(place: number): boolean
  /** Executed by `place`, as the block after `height - 1`. @returns nothing; throws where others executed another one. */
  onExecuted(place: number, height: number, block: OrderedBlock, executor: ScheduledExecutor, closing: BlockItem | undefined): void
  onAccepted(place: number, transactions: readonly Uint8Array[]): void
  onReturned(transactions: readonly Uint8Array[]): void
  onHalt(place: number, reason: string): void
  /** The block at `height`, once somebody has executed it. */
  blockAt(height: number): OrderedBlock | undefined
}

const isBarrier = (effect: EpochsEffect): boolean => effect.type === 'epoch' && effect.effect.type === 'persist'

export class ChainMember {
  readonly place: number
  readonly key: PeerKey
  readonly records: Map<number, MemoryRecords> = new Map()
  readonly counts: Map<string, number> = new Map()
  height = 0
  hasSeat = false
  /** What is signed of a checkpoint beside it, by a liar. */
  second: (bytes: Uint8Array) => Uint8Array | undefined = () => undefined
  executor: ScheduledExecutor
  #epochs: Epochs | undefined
  readonly #ledger: ScheduledLedger
  readonly #host: MemberHost
  #queue = new BarrierQueue<EpochsEffect>(isBarrier)
  /** Records that the core can read and a crash may lose, and how many of them the sync under way covers. */
  #unsynced: { readonly epoch: number; readonly record: StoredRecord }[] = []
  #syncing = 0
  /** By epoch, in the order of writing. */
  readonly #durable = new Map<number, StoredRecord[]>()
  #emitted: { readonly epoch: number; readonly emit: Emit }[] = []
  #isExecuting = false
  #waiting: Uint8Array[] = []
  /** What an `accepted` that waits for its sync is of: taken in step with the core, told when it is durable, as the driver does. */
  readonly #taken = new WeakMap<object, readonly Uint8Array[]>()
  #life = 0
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(place: number, ledger: ScheduledLedger, host: MemberHost) {
    this.place = place
    this.key = toHex(ledger.nodes[place]!.key)
    this.#ledger = ledger
    this.#host = host
    this.executor = ledger.open(place)
  }

  get isUp(): boolean {
    return this.#epochs !== undefined
  }

  get epoch(): number {
    return this.executor.lastApplied().plan.epoch
  }

  /** As the driver does: what the executor says, the plans in the store, and whether this store was ever used. */
  start(): void {
    const { chainId, genesisHash, nodes } = this.#ledger
    this.executor = this.#ledger.open(this.place)
    const { index, plan, closedBy } = this.executor.lastApplied()
    const identity = { chainId, genesisHash, publicKey: nodes[this.place]!.key }
    const store = this.#recordsOf(plan.epoch)
    const isFirstBoot = [...store.entries('floor')].length === 0
    const current = setupOf(plan, identity, { lastApplied: index, isFirstBoot })
    this.#notePlan(plan)
    const closed = [...this.records.keys()].flatMap((epoch) => {
      const bytes = epoch < plan.epoch ? this.#recordsOf(epoch).get('plan', 'plan') : undefined
      if (bytes === undefined) return []
      const over = decodePlan(bytes)
      return [{ ...setupOf(over, identity, { lastApplied: 0, isFirstBoot: false }), parameters: over.parameters ?? {} }]
    })
    this.hasSeat = current.self >= 0
    const components = {
      crypto: nodes[this.place]!.crypto,
      random: () => this.#host.random(),
      storeOf: (epoch: number) => this.#recordsOf(epoch),
    }
    const { parameters = {} } = plan
    this.#epochs = createEpochs(components, { current, parameters, closed, closedBy }, { ...CORE, parameters })
    for (const store of this.records.values()) for (const { bytes } of store.entries('evidence')) this.executor.addEvidence(bytes)
    this.step({ type: 'start' })
    if (!this.hasSeat) this.#follow()
  }

  /** @param kept - how many of the records on their way to the disk are there afterwards. @returns transactions that no client was told of. */
  crash(kept: (count: number) => number): readonly Uint8Array[] {
    this.#keep(kept(this.#unsynced.length))
    this.#unsynced = []
    this.records.clear()
    for (const [epoch, records] of this.#durable) this.#recordsOf(epoch).write(records)
    return this.#end()
  }

  submit(transactions: readonly Uint8Array[]): void {
    this.#waiting.push(...transactions)
    this.step({ type: 'transactions', transactions })
  }

  step(event: EpochsEvent): void {
    if (this.#epochs === undefined) return
    const effects: EpochsEffect[] = []
    this.#epochs.step(event, this.#host.time(this.place), effects)
    for (const effect of effects) {
      if (effect.type === 'begin' || effect.type === 'leave') this.hasSeat = effect.type === 'begin'
      if (effect.type === 'epoch' && effect.effect.type === 'persist') this.#append(effect.epoch, effect.effect.records)
    }
    this.#queue.push(effects.filter((effect) => !this.#isTold(effect)))
    this.#drain()
  }

  #end(): readonly Uint8Array[] {
    const left = this.#waiting
    this.#epochs = undefined
    this.#queue = new BarrierQueue<EpochsEffect>(isBarrier)
    this.#syncing = 0
    this.#emitted = []
    this.#isExecuting = false
    this.#waiting = []
    this.#life++
    this.#timerAtMs = Number.POSITIVE_INFINITY
    return left
  }

  /** As the driver's: what a core refuses or gives back is taken in at once, in step with it. */
  #isTold(effect: EpochsEffect): boolean {
    const inner = effect.type === 'epoch' ? effect.effect : undefined
    if (inner?.type === 'overloaded') {
      const refused = new Set(inner.transactions)
      this.#waiting = this.#waiting.filter((transaction) => !refused.has(transaction))
      return true
    }
    if (inner?.type === 'accepted') this.#taken.set(inner, this.#waiting.splice(0, inner.count))
    if (inner?.type !== 'retry') return false
    this.#waiting.splice(0, inner.transactions.length - inner.told)
    if (this.hasSeat) this.#later(0, () => this.submit(inner.transactions))
    else this.#host.onReturned(inner.transactions)
    return true
  }

  #recordsOf(epoch: number): MemoryRecords {
    let records = this.records.get(epoch)
    if (records === undefined) this.records.set(epoch, (records = new MemoryRecords()))
    return records
  }

  #notePlan(plan: EpochPlan): void {
    this.#append(plan.epoch, [{ kind: 'plan', key: 'plan', bytes: encodePlan(plan) }])
  }

  #append(epoch: number, records: readonly StoredRecord[]): void {
    this.#recordsOf(epoch).write(records)
    for (const record of records) this.#unsynced.push({ epoch, record })
  }

  /** The first so many are durable. */
  #keep(count: number): void {
    for (const { epoch, record } of this.#unsynced.splice(0, count)) {
      const records = this.#durable.get(epoch)
      if (records === undefined) this.#durable.set(epoch, [record])
      else records.push(record)
    }
  }

  #drain(): void {
    const life = this.#life
    for (const effect of this.#queue.takeReady()) {
      this.#perform(effect)
      if (life !== this.#life) return
    }
    if (this.#queue.takeBarriers() === undefined) return
    this.#syncing = this.#unsynced.length
    this.#later(0, () => this.#synced())
  }

  #synced(): void {
    const life = this.#life
    this.#keep(this.#syncing)
    this.#syncing = 0
    for (const effect of this.#queue.durable()) {
      this.#perform(effect)
      if (life !== this.#life) return
    }
    this.#drain()
  }

  #perform(effect: EpochsEffect): void {
    switch (effect.type) {
      case 'send':
        for (const to of effect.to) this.#host.send(this.place, to, effect.frame)
        return
      case 'answer': {
        const size = this.#sizeOf(effect.epoch)
        for (const frame of answersOf(effect.request, this.#recordsOf(effect.epoch), size))
          this.#host.send(this.place, effect.to, encodeFrame(frame, size))
        return
      }
      case 'timer':
        this.#timerAtMs = effect.atMs
        return this.#later(effect.atMs - this.#host.time(this.place).nowMs, () => {
          if (this.#timerAtMs === effect.atMs) this.step({ type: 'tick' })
        })
      case 'begin':
        return
      case 'leave':
        return this.#follow()
      case 'forget':
        this.records.delete(effect.epoch)
        this.#durable.delete(effect.epoch)
        return
      case 'epoch':
        return this.#performOf(effect.epoch, effect.effect)
    }
  }

  #performOf(epoch: number, effect: Inner['effect']): void {
    switch (effect.type) {
      case 'emit':
        this.#emitted.push({ epoch, emit: effect })
        return this.#execute()
      case 'verify':
        return this.#answer(epoch, { type: 'verified', id: effect.id, isValid: true })
      case 'accepted':
        return this.#host.onAccepted(this.place, this.#taken.get(effect)!)
      case 'halt':
        return this.#host.onHalt(this.place, effect.reason)
      case 'evidence':
        return this.executor.addEvidence(effect.bytes)
      case 'count':
        this.counts.set(effect.name, (this.counts.get(effect.name) ?? 0) + effect.by)
        return
      default:
        return this.#certify(epoch, effect)
    }
  }

  /** BLS, cheaply: as the driver has it done by others. */
  #certify(epoch: number, effect: Inner['effect']): void {
    const { committee } = decodePlan(this.#recordsOf(epoch).get('plan', 'plan')!)
    if (effect.type === 'signCheckpoint') {
      const { height, bytes } = effect
      const self = committee.findIndex(({ key }) => toHex(key) === this.key)
      const sign = (message: Uint8Array): Uint8Array => cheapSign(checkpointSigningBytes(message), committee[self]!.blsKey, 96)
      this.#answer(epoch, { type: 'checkpointSigned', height, signature: sign(bytes) })
      const other = this.second(bytes)
      if (other === undefined) return
      const signature = { height, bytes: other, signer: self, signature: sign(other) }
      const frame = encodeFrame({ type: 'checkpointSignature', signature }, committee.length)
      for (const { key } of committee) if (toHex(key) !== this.key) this.#host.send(this.place, toHex(key), frame)
    } else if (effect.type === 'checkCheckpoint') {
      const { height, bytes, signers, signatures } = effect
      const message = checkpointSigningBytes(bytes)
      const bad = signers.filter((signer, at) => !isAggregate(signatures[at]!, message, committee, [signer]))
      this.#answer(epoch, { type: 'checkpointChecked', height, bad, aggregate: bad.length > 0 ? undefined : aggregateOf(signatures) })
    } else if (effect.type === 'checkCertificate') {
      const { height, bytes, signers, aggregate } = effect
      const isValid = isAggregate(aggregate, checkpointSigningBytes(bytes), committee, signers)
      this.#answer(epoch, { type: 'certificateChecked', height, isValid })
    }
  }

  #answer(epoch: number, event: EpochEvent): void {
    this.#later(0, () => this.step({ type: 'epoch', epoch, event }))
  }

  #later(delayMs: number, run: () => void): void {
    const life = this.#life
    this.#host.later(this.place, Math.max(0, delayMs), () => {
      if (life === this.#life) run()
    })
  }

  #sizeOf(epoch: number): number {
    return decodePlan(this.#recordsOf(epoch).get('plan', 'plan')!).committee.length
  }

  /** One block after the other; what was emitted beyond a final one is no block. */
  #execute(): void {
    if (this.#isExecuting) return
    this.#isExecuting = true
    this.#later(0, () => {
      this.#isExecuting = false
      const next = this.#emitted.shift()
      if (next !== undefined && next.epoch === this.epoch) this.#apply(next.epoch, next.emit)
      if (this.#emitted.length > 0) this.#execute()
    })
  }

  #apply(epoch: number, { commit: { subDag, digest }, items }: Emit): void {
    const { index, timestampMs } = subDag
    const records = this.#recordsOf(epoch)
    const block = { epoch, index, subDag, digest, timestampMs, items: items.map((item) => itemOf(item, records)) }
    const executed = this.#run(block)
    if (executed === undefined) return
    const { final, closedBy, checkpoint, systemTransactions = [], nextMembers } = executed
    for (const bytes of systemTransactions) this.step({ type: 'systemTransaction', bytes })
    if (nextMembers !== undefined) this.step({ type: 'nextCommittee', epoch: epoch + 1, members: nextMembers.map(toHex) })
    if (checkpoint !== undefined) this.step({ type: 'epoch', epoch, event: { type: 'checkpoint', ...checkpoint } })
    if (final !== undefined) this.#notePlan(planAfter(block, final))
    this.step({ type: 'executed', epoch, index, ...(final === undefined ? {} : { next: final, closedBy }) })
    for (const transaction of this.executor.takeTransactions()) this.#bring(transaction)
  }

  #bring(transaction: Uint8Array): void {
    if (this.hasSeat && this.isUp) this.submit([transaction])
    else this.#host.onReturned([transaction])
  }

  /** @returns nothing where this node died before it could do anything about it. */
  #run(block: OrderedBlock): ReturnType<ScheduledExecutor['execute']> | undefined {
    const executed = this.executor.execute(block)
    const { closedBy } = executed
    this.height += 1
    const closing = closedBy === undefined || closedBy === 'unknown' ? undefined : ({ type: 'system', ...closedBy } as const)
    this.#host.onExecuted(this.place, this.height, block, this.executor, closing)
    return this.#host.dies(this.place) ? undefined : executed
  }

  /** Blocks that others have executed, until there is a seat. */
  #follow(): void {
    this.#later(0, () => {
      if (this.hasSeat) return
      const block = this.#host.blockAt(this.height + 1)
      const executed = block === undefined ? undefined : this.#run(block)
      if (!this.isUp) return
      for (const transaction of this.executor.takeTransactions()) this.#host.onReturned([transaction])
      const isSeated = executed?.final?.committee.some(({ key }) => toHex(key) === this.key) === true
      if (!isSeated) return this.#follow()
      this.#end()
      this.start()
    })
  }
}

const CORE = { batchDelayMsMax: 5, idleDelayMsMax: 10, roundDelayMsMin: 2, leaderTimeoutMsMin: 20, leaderTimeoutMsMax: 60 } as const

function itemOf(item: Emit['items'][number], records: MemoryRecords): BlockItem {
  const { type, author } = item
  if (type === 'system') return { type, author, bytes: item.bytes }
  const bytes = records.get(type, toHex(item.digest))
  if (bytes === undefined) throw new Error(`a member executes a ${type} that is not durable here`)
  const { transactions } = type === 'batch' ? decodeBatch(bytes) : decodeSignedBlock(bytes).block
  return { type: 'transactions', author, transactions }
}
