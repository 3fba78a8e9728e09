/**
 * One validator of a simulation: a shipped core, the shipped effect queue, records on a simulated disk, and the executor above. It lives
 * in whatever `host` is: time that passes (timed-world.ts), or an adversary that picks what happens next (schedule.ts).
 *
 * A crash ends everything that was planned for this life; what the disk keeps, the next one starts from.
 */
import type { Disk } from '@selvedge/simulator'
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
  Time,
} from '../../src/core/contract.ts'
import { type DoableEffect, EffectQueue } from '../../src/core/effect-queue.ts'
import type { Commit, Mode } from '../../src/dag/contract.ts'
import { decodeBatch } from '../../src/wire/batch.ts'
import { decodeSignedBlock } from '../../src/wire/block.ts'
import { ByteReader, ByteWriter, toHex } from '../../src/wire/bytes.ts'
import { checkpointSigningBytes } from '../../src/wire/checkpoint.ts'
import { encodeFrame, type Frame } from '../../src/wire/frames.ts'
import type { Authority } from '../../src/wire/types.ts'
import type { TestCommittee } from '../support/committee.ts'
import { MemoryRecords } from '../support/memory-records.ts'
import { cheapSign } from '../support/cheap-signatures.ts'
import { aggregateOf, isAggregate } from './cheap-committee.ts'
import { Accounts } from './executor.ts'
import { appendRecords, readRecords } from './journal.ts'
import type { Referee } from './referee.ts'

export type CoreMaker = (components: CoreComponents, setup: EpochSetup, options?: CoreOptions) => Core

export interface MemberHost {
  time(): Time
  /** Over the own connection to `to`. */
  send(to: Authority, frame: Uint8Array): void
  /** Some time later; what is planned twice keeps its order when the delays are equal. */
  after(delayMs: number, run: () => void): void
}

export interface MemberSetup {
  readonly authority: Authority
  readonly mode: Mode
  readonly committee: TestCommittee
  readonly createCore: CoreMaker
  readonly options: CoreOptions
  readonly disk: Disk
  readonly random: () => number
  readonly referee: Referee
  readonly makesCheckpoints: boolean
  readonly asksForFloor: boolean
}

/** A place where a machine may die. */
export type Boundary = 'beforePersist' | 'afterPersist' | 'beforeSend' | 'afterSend' | 'beforeEmit' | 'afterEmit'

export const CHAIN_ID = 1337
export const EPOCH = 3
export const GENESIS_HASH: Uint8Array = new Uint8Array(32).fill(7)
export const BEACON: Uint8Array = new Uint8Array(32).fill(9)
export const GENESIS_MS = 1_799_999_999_000
const APPLIED = 'applied'
/** No timer is finer, or rounding could keep time from going on. */
const TICK_MS_MIN = 0.01

export class Member {
  readonly setup: MemberSetup
  readonly authority: Authority
  readonly counts: Map<string, number> = new Map()
  readonly evidence: Uint8Array[] = []
  readonly certified: Map<number, Uint8Array> = new Map()
  readonly accounts: Accounts = new Accounts()
  core: Core | undefined
  records: MemoryRecords = new MemoryRecords()
  host: MemberHost
  halted: string | undefined
  /** Index of the last block whose state is durable. */
  applied = 0
  executeMs = 1
  /** Its records may be lost, or nobody knows whether it took part in the epoch before. */
  asksForFloor: boolean
  /** Asked at each boundary; the answer `true` kills the member there. */
  diesAt: (boundary: Boundary) => boolean = () => false
  /** How it dies then. */
  die: () => void = () => this.crash()
  /** What a liar hears, before its core does; `false` keeps it from the core. */
  hears: (from: Authority, frame: Uint8Array) => boolean = () => true
  /** For who watches: after each step of its core, and what is durable from now on. */
  stepped: (core: Core) => void = () => {}
  kept: (records: readonly StoredRecord[]) => void = () => {}
  verifies: (transactions: readonly Uint8Array[]) => boolean = () => true
  /** What it says its state root is. */
  rootOf: (index: number, root: Uint8Array) => Uint8Array = (_, root) => root
  #queue = new EffectQueue()
  #life = 0
  #waiting: Uint8Array[] = []
  #timerAtMs = Number.POSITIVE_INFINITY
  #emitted: { readonly commit: Commit; readonly items: readonly OrderedItem[] }[] = []
  #isExecuting = false
  #lastExecuted = 0

  constructor(setup: MemberSetup, host: MemberHost) {
    this.setup = setup
    this.authority = setup.authority
    this.host = host
    this.asksForFloor = setup.asksForFloor
  }

  get isUp(): boolean {
    return this.core !== undefined
  }

  /** Starts over what the disk holds. */
  boot(): void {
    const { disk, createCore, committee, options, random, mode, authority, referee } = this.setup
    this.records = readRecords(disk)
    const applied = disk.read(APPLIED)
    this.applied = applied === undefined ? 0 : new ByteReader(applied).u32()
    this.#lastExecuted = this.applied
    this.accounts.rewind(this.applied)
    referee.onBoot(authority, this.records, this.applied)
    const components = { crypto: committee.cryptos[authority]!, store: this.records, random }
    const setup: EpochSetup = {
      chainId: CHAIN_ID,
      epoch: EPOCH,
      genesisHash: GENESIS_HASH,
      committee: committee.members,
      self: authority,
      mode,
      beacon: BEACON,
      previous: { subDagDigest: GENESIS_HASH, timestampMs: GENESIS_MS },
      lastApplied: this.applied,
      isFirstBoot: this.asksForFloor && [...this.records.entries('floor')].length === 0, // as the driver finds out
    }
    this.core = createCore(components, setup, options)
    this.step({ type: 'start' })
  }

  /** All in memory is gone. The disk is the caller's. */
  crash(): void {
    this.core = undefined
    this.#queue = new EffectQueue()
    this.#waiting = []
    this.#emitted = []
    this.#isExecuting = false
    this.#timerAtMs = Number.POSITIVE_INFINITY
    this.#life++
  }

  /** The disk is gone too: an amnesiac's next boot is its first. */
  forget(): void {
    const { disk } = this.setup
    for (const file of disk.files()) disk.remove(file)
    disk.crash('none') // for good: no later crash brings an old disk back
    this.setup.disk.crash('none') // a lost disk does not come back when a later crash loses what was not synced
    this.asksForFloor = true
  }

  submit(transactions: readonly Uint8Array[]): void {
    if (this.core === undefined || this.halted !== undefined) return
    this.#waiting.push(...transactions)
    this.step({ type: 'transactions', transactions })
  }

  receive(from: Authority, frame: Uint8Array): void {
    if (this.core !== undefined && this.hears(from, frame)) this.step({ type: 'frame', from, frame })
  }

  step(event: CoreEvent): void {
    if (this.core === undefined) return
    const effects: CoreEffect[] = []
    this.core.step(event, this.host.time(), effects)
    this.setup.referee.onStep(this, this.core)
    this.stepped(this.core)
    this.#queue.push(effects)
    this.#drain()
  }

  countOf(name: string): number {
    return this.counts.get(name) ?? 0
  }

  #drain(): void {
    const life = this.#life
    for (const effect of this.#queue.takeReady()) {
      this.#perform(effect)
      if (life !== this.#life) return
    }
    const records = this.#queue.takeRecords()
    if (records !== undefined) this.#persist(records)
  }

  #persist(records: readonly StoredRecord[]): void {
    const life = this.#life
    const { disk, referee } = this.setup
    appendRecords(disk, records)
    if (this.#dies('beforePersist')) return
    disk.sync(() => {
      if (life !== this.#life) return
      this.records.write(records)
      referee.onDurable(this.authority, records)
      this.kept(records)
      if (this.#dies('afterPersist')) return
      for (const effect of this.#queue.durable()) {
        this.#perform(effect)
        if (life !== this.#life) return
      }
      this.#drain()
    })
  }

  #dies(boundary: Boundary): boolean {
    if (!this.diesAt(boundary)) return false
    this.die()
    return true
  }

  #perform(effect: DoableEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect.to, effect.frame)
      case 'answer':
        return this.#answer(effect.to, effect.request)
      case 'timer':
        this.#timerAtMs = effect.atMs
        return this.#later(Math.max(TICK_MS_MIN, effect.atMs - this.host.time().nowMs), () => {
          if (this.#timerAtMs === effect.atMs) this.step({ type: 'tick' })
        })
      case 'emit':
        if (this.#dies('beforeEmit')) return
        this.setup.referee.onEmit(this.authority, effect.commit)
        this.#emitted.push(effect)
        this.#execute()
        this.#dies('afterEmit')
        return
      case 'verify':
        return this.#later(0, () => this.step({ type: 'verified', id: effect.id, isValid: this.verifies(effect.transactions) }))
      default:
        return this.#note(effect)
    }
  }

  #send(to: Authority | 'others', frame: Uint8Array): void {
    if (this.#dies('beforeSend')) return
    const { committee, referee } = this.setup
    referee.onFrame(this.authority, frame)
    const all = committee.members.keys()
    for (const other of to === 'others' ? all : [to]) if (other !== this.authority) this.host.send(other, frame)
    this.#dies('afterSend')
  }

  #answer(to: Authority, request: Uint8Array): void {
    const size = this.setup.committee.members.length
    for (const frame of answersOf(request, this.records, size)) this.say(to, frame)
  }

  /** What no effect asks for. */
  say(to: Authority, frame: Frame): void {
    const bytes = encodeFrame(frame, this.setup.committee.members.length)
    this.setup.referee.onFrame(this.authority, bytes)
    this.host.send(to, bytes)
  }

  #note(effect: DoableEffect): void {
    const { referee } = this.setup
    if (effect.type === 'count') this.counts.set(effect.name, this.countOf(effect.name) + effect.by)
    else if (effect.type === 'evidence') {
      this.evidence.push(effect.bytes)
      referee.onEvidence(this.authority, effect.bytes)
    } else if (effect.type === 'halt') {
      this.halted = effect.reason
      referee.onHalt(this.authority, effect.reason)
    } else if (effect.type === 'accepted') referee.onAccepted(this.authority, this.#waiting.splice(0, effect.count))
    else if (effect.type === 'overloaded') {
      const refused = new Set(effect.transactions)
      this.#waiting = this.#waiting.filter((transaction) => !refused.has(transaction))
    } else this.#certify(effect)
  }

  /** BLS, as the driver has it done by others. */
  #certify(effect: DoableEffect): void {
    const { members } = this.setup.committee
    const { authority } = this
    if (effect.type === 'signCheckpoint') {
      const { height, bytes } = effect
      const signature = cheapSign(checkpointSigningBytes(bytes), members[authority]!.blsKey, 96)
      this.#later(0, () => this.step({ type: 'checkpointSigned', height, signature }))
    } else if (effect.type === 'checkCheckpoint') {
      const { height, bytes, signers, signatures } = effect
      const message = checkpointSigningBytes(bytes)
      const bad = signers.filter((signer, at) => !isAggregate(signatures[at]!, message, members, [signer]))
      const aggregate = bad.length > 0 ? undefined : aggregateOf(signatures)
      this.#later(0, () => this.step({ type: 'checkpointChecked', height, bad, aggregate }))
    } else if (effect.type === 'checkCertificate') {
      const { height, bytes, signers, aggregate } = effect
      const isValid = isAggregate(aggregate, checkpointSigningBytes(bytes), members, signers)
      this.#later(0, () => this.step({ type: 'certificateChecked', height, isValid }))
    } else if (effect.type === 'certified') this.certified.set(effect.height, effect.certificate)
  }

  #later(delayMs: number, run: () => void): void {
    const life = this.#life
    this.host.after(delayMs, () => {
      if (life === this.#life) run()
    })
  }

  #execute(): void {
    if (this.#isExecuting) return
    this.#isExecuting = true
    this.#later(this.executeMs, () => {
      this.#isExecuting = false
      const emitted = this.#emitted.shift()
      if (emitted !== undefined) this.#apply(emitted.commit, emitted.items)
      if (this.#emitted.length > 0) this.#execute()
    })
  }

  /** Told to the core once it is durable. */
  #apply({ subDag: { index } }: Commit, items: readonly OrderedItem[]): void {
    const { disk, referee } = this.setup
    const life = this.#life
    referee.onExecution(this.authority, index, this.#lastExecuted)
    const executed = this.accounts.execute(
      index,
      items.flatMap((item) => this.#transactionsOf(item)),
    )
    this.#lastExecuted = index
    referee.onExecuted(this.authority, index, executed)
    disk.put(APPLIED, new ByteWriter(4).u32(index).finish())
    disk.sync(() => {
      if (life !== this.#life) return
      this.applied = index
      this.step({ type: 'executed', index, isFinal: false })
      if (life === this.#life && this.setup.makesCheckpoints) this.#checkpoint(index, executed.stateRoot, executed.receiptsRoot)
    })
  }

  #checkpoint(height: number, stateRoot: Uint8Array, receiptsRoot: Uint8Array): void {
    const out = new ByteWriter(84).u32(CHAIN_ID).u64(EPOCH).u64(height).raw(this.rootOf(height, stateRoot)).raw(receiptsRoot)
    this.step({ type: 'checkpoint', height, bytes: out.finish() })
  }

  #transactionsOf(item: OrderedItem): Uint8Array[] {
    if (item.type === 'system') return [new Uint8Array([item.author, ...item.bytes])]
    const bytes = this.records.get(item.type, toHex(item.digest))
    if (bytes === undefined) throw new Error(`member ${this.authority} executes a ${item.type} that is not durable here`)
    return [...(item.type === 'batch' ? decodeBatch(bytes) : decodeSignedBlock(bytes).block).transactions]
  }
}
