/**
 * One validator through its epochs (2.12): a core for the current one, and of those before what others may still need.
 *
 * The executor closes an epoch by the sub-DAG that it finds to be the last, and says what follows. What consensus had emitted beyond is
 * dropped; own transactions in it that clients were told of are carried over, durably. The old core goes on answering, and takes part in
 * checkpoints, until members of stake V reported that they closed too and one whole further epoch has passed.
 *
 * Early frames of the next epoch are held for its known members; one of a current member also tells that it has closed, so it is asked
 * for what is missing here. Nothing else is believed of it.
 *
 * Invariants: an epoch's effects come after its `begin`; there is one live core at most.
 */
import { ConsensusError } from '../errors.ts'
import { toHex } from '../wire/bytes.ts'
import { encodeFrame, frameEpochOf, frameTypeOf, type FrameType } from '../wire/frames.ts'
import type { Authority } from '../wire/types.ts'
import { Carried, carriedRecord, type Returned } from './carried.ts'
import type { ClosedBy, CoreEffect, CoreEvent, CoreGauges, CoreOptions, EpochSetup, StoredRecord, Time } from './contract.ts'
import { EarlyFrames } from './early-frames.ts'
import type { Epochs, EpochsComponents, EpochsEffect, EpochsEvent, EpochsSetup, NextEpoch, PeerFrame, PeerKey } from './epochs-contract.ts'
import { endedSetup, type HeldEpoch, holdEpoch } from './held-epoch.ts'

/** A peer is asked, or told, at most so often on account of frames of another epoch. */
const HINT_MS = 1_000
/** Who sends these is at work in the epoch that they name. */
const WORK: ReadonlySet<FrameType> = new Set(['header', 'vote', 'certificate', 'certificateRequest', 'block', 'blockRequest', 'floorQuery'])

/** `undefined` for what is no frame. */
function epochOf(frame: Uint8Array): number | undefined {
  try {
    return frameEpochOf(frame)
  } catch (error) {
    if (error instanceof ConsensusError) return undefined
    throw error
  }
}

/** @throws {ConsensusError} for a committee or a store that cannot be. */
export function createEpochs(components: EpochsComponents, setup: EpochsSetup, options: CoreOptions = {}): Epochs {
  return new EpochChain(components, setup, options)
}

class EpochChain implements Epochs {
  readonly #components: EpochsComponents
  readonly #options: CoreOptions
  readonly #closed = new Map<number, HeldEpoch>()
  readonly #early = new EarlyFrames()
  readonly #hintedAtMs = new Map<PeerKey, number>()
  readonly #self: PeerKey | undefined
  /** How the epoch before the one that this node started in ended. */
  readonly #closedBy: ClosedBy | undefined
  #current: HeldEpoch | undefined
  #epoch: number
  #isFirst: boolean
  #timerAtMs = Number.POSITIVE_INFINITY
  #time: Time = { nowMs: 0, unixMs: 0 }
  #effects: EpochsEffect[] = []
  constructor(components: EpochsComponents, { current, parameters, closed = [], closedBy }: EpochsSetup, options: CoreOptions) {
    this.#components = components
    this.#options = options
    this.#closedBy = closedBy
    this.#epoch = current.epoch
    this.#isFirst = current.isFirstBoot
    const own = [current, ...closed].find(({ self }) => self >= 0)
    this.#self = own === undefined ? undefined : toHex(own.committee[own.self]!.key)
    for (const each of closed) {
      if (each.self < 0) continue
      const ended = endedSetup(each, current, components.storeOf(each.epoch))
      this.#closed.set(each.epoch, this.#hold(ended, each.parameters))
    }
    if (current.self >= 0) this.#current = this.#hold(current, parameters)
  }

  get epoch(): number {
    return this.#epoch
  }

  get gauges(): CoreGauges | undefined {
    return this.#current?.core.gauges
  }

  step(event: EpochsEvent, time: Time, effects: EpochsEffect[]): void {
    this.#time = time
    this.#effects = effects
    this.#take(event)
    this.#feed()
    this.#arm()
  }

  #take(event: EpochsEvent): void {
    switch (event.type) {
      case 'start':
        return this.#start()
      case 'tick':
        return this.#tick()
      case 'frame':
        return this.#frame(event.from, event.frame)
      case 'frames':
        return this.#frames(event.frames)
      case 'connected': {
        const peer = this.#current?.places.get(event.peer)
        return peer === undefined ? undefined : this.#stepCurrent({ type: 'connected', peer })
      }
      case 'transactions':
        return this.#submit(event.transactions)
      case 'systemTransaction':
        return this.#stepCurrent(event)
      case 'executed':
        return this.#executed(event)
      case 'nextCommittee':
        if (event.epoch === this.#epoch + 1) this.#early.expect(event.members)
        return
      case 'epoch': {
        const held = this.#heldOf(event.epoch)
        return held === undefined ? undefined : this.#step(held, event.event)
      }
    }
  }

  /**
   * What an epoch that was closed before a restart still owes is found in its store, unless the next one has taken it over: it goes into
   * that one, or back to the application where this node has no seat. Nobody tells when the application has kept it: it is handed back
   * at each start, as long as the closed epoch is held.
   */
  #start(): void {
    const current = this.#current
    for (const held of [...this.#closed.values()].toSorted((a, b) => a.setup.epoch - b.setup.epoch)) {
      const { epoch } = held.setup
      const closedBy = epoch + 1 === this.#epoch ? this.#closedBy : undefined // what earlier ones owed stands in later ones
      const { promised } = this.#finish(held, held.setup.lastApplied, closedBy)
      this.#step(held, { type: 'start' })
      const next = this.#heldOf(epoch + 1)
      if (next !== undefined && next === current && next.carried === undefined) this.#carry(next, promised)
      else if (next === undefined && current === undefined) this.#giveBack(epoch, promised, promised.length)
      this.#report(held, 'others')
    }
    if (current?.isCarriedRecordBehind === true && current.carried !== undefined) this.#keep(current, current.carried.record)
    this.#stepCurrent({ type: 'start' })
  }

  #tick(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    for (const held of this.#all()) {
      if (held.timerAtMs > this.#time.nowMs) continue
      held.timerAtMs = Number.POSITIVE_INFINITY
      this.#step(held, { type: 'tick' })
    }
  }

  /** Those of the current epoch go to its core together; the others matter to no order. */
  #frames(frames: readonly PeerFrame[]): void {
    const current: { readonly from: Authority; readonly frame: Uint8Array }[] = []
    for (const { from, frame } of frames) {
      const authority = epochOf(frame) === this.#epoch ? this.#current?.places.get(from) : undefined
      if (authority === undefined) this.#frame(from, frame)
      else current.push({ from: authority, frame })
    }
    if (current.length > 0) this.#stepCurrent({ type: 'frames', frames: current })
  }

  #frame(from: PeerKey, frame: Uint8Array): void {
    try {
      this.#route(from, frame, frameEpochOf(frame))
    } catch (error) {
      if (!(error instanceof ConsensusError)) throw error
      this.#count('malformed')
    }
  }

  #route(from: PeerKey, frame: Uint8Array, epoch: number): void {
    if (epoch === this.#epoch + 1) return this.#holdEarly(from, frame)
    const held = this.#heldOf(epoch)
    const authority = held?.places.get(from)
    if (held === undefined || authority === undefined) return this.#count('frameOfNoEpoch')
    if (held === this.#current) return this.#step(held, { type: 'frame', from: authority, frame })
    this.#routeClosed(held, authority, from, frame)
  }

  /** Who is still at work in an epoch that is over is told so: it will ask for what it lacks. */
  #routeClosed(held: HeldEpoch, authority: Authority, from: PeerKey, frame: Uint8Array): void {
    if (frameTypeOf(frame) === 'closeReport') {
      held.closedBy.add(authority)
      return this.#forget()
    }
    this.#step(held, { type: 'frame', from: authority, frame })
    if (held.closedBy.has(authority) || !WORK.has(frameTypeOf(frame)) || !this.#mayHint(from)) return
    this.#report(held, authority)
  }

  #holdEarly(from: PeerKey, frame: Uint8Array): void {
    if (!this.#early.hold(from, frame)) this.#count('earlyFrameDropped')
    const authority = this.#current?.places.get(from)
    if (this.#current === undefined || authority === undefined || !this.#mayHint(from)) return
    const hint = encodeFrame({ type: 'closeReport', epoch: this.#epoch }, this.#current.committee.size)
    this.#step(this.#current, { type: 'frame', from: authority, frame: hint })
  }

  #mayHint(peer: PeerKey): boolean {
    if (this.#time.nowMs < (this.#hintedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) + HINT_MS) return false
    this.#hintedAtMs.set(peer, this.#time.nowMs)
    return true
  }

  #submit(transactions: readonly Uint8Array[]): void {
    const held = this.#current
    if (held === undefined) {
      this.#effects.push({ type: 'epoch', epoch: this.#epoch, effect: { type: 'overloaded', transactions } })
      return
    }
    this.#give(held, transactions, false)
  }

  /** The next piece of what was carried over. What is refused comes again with the next turn. */
  #feed(): void {
    const piece = this.#current?.carried?.takePiece() ?? []
    if (this.#current !== undefined && piece.length > 0) this.#give(this.#current, piece, true)
  }

  /** Counted as entered before anything is heard of them. */
  #give(held: HeldEpoch, transactions: readonly Uint8Array[], isCarried: boolean): void {
    const effects: CoreEffect[] = []
    held.core.step({ type: 'transactions', transactions }, this.#time, effects)
    const refused = effects.flatMap((effect) => (effect.type === 'overloaded' ? effect.transactions : []))
    held.carried?.entered(isCarried, transactions.length - refused.length, isCarried ? refused : [])
    for (const effect of effects) if (!(isCarried && effect.type === 'overloaded')) this.#forward(held, effect)
  }

  #executed({ epoch, index, next, closedBy }: Extract<EpochsEvent, { readonly type: 'executed' }>): void {
    const held = this.#current
    if (held === undefined || epoch !== this.#epoch) return
    const last = held.emitted.get(index)
    for (const each of held.emitted.keys()) if (each <= index) held.emitted.delete(each)
    if (next === undefined) {
      this.#step(held, { type: 'executed', index, isFinal: false })
      return
    }
    if (last === undefined || next.epoch !== epoch + 1)
      throw new Error(`epoch ${epoch} cannot end with sub-DAG ${index} and go on with ${next.epoch}`)
    const returned = this.#finish(held, index, closedBy)
    this.#closed.set(epoch, held)
    for (const each of this.#closed.values()) this.#report(each, 'others')
    this.#begin(held, next, last, returned)
    this.#forget()
  }

  #begin(before: HeldEpoch, next: NextEpoch, previous: EpochSetup['previous'], { promised, clients }: Returned): void {
    const { epoch, committee, mode, beacon } = next
    const { chainId, genesisHash } = before.setup
    const self = committee.findIndex(({ key }) => toHex(key) === this.#self)
    this.#isFirst &&= !before.core.isLive
    this.#epoch = epoch
    this.#current = undefined
    const early = this.#early.take()
    if (self < 0) {
      this.#effects.push({ type: 'leave', epoch })
      this.#giveBack(epoch - 1, [...promised, ...clients], promised.length)
      return
    }
    const setup = { chainId, genesisHash, epoch, committee, self, mode, beacon, previous, lastApplied: 0, isFirstBoot: this.#isFirst }
    const held = this.#hold(setup, next.parameters)
    this.#current = held
    this.#effects.push({ type: 'begin', setup, peers: this.#peers() })
    this.#carry(held, promised)
    this.#giveBack(epoch, clients, 0)
    this.#stepCurrent({ type: 'start' })
    for (const { from, frame } of early) this.#frame(from, frame)
  }

  #carry(held: HeldEpoch, promised: readonly Uint8Array[]): void {
    held.carried = new Carried(promised)
    this.#keep(held, carriedRecord(promised))
  }

  #giveBack(epoch: number, transactions: readonly Uint8Array[], told: number): void {
    if (transactions.length > 0) this.#effects.push({ type: 'epoch', epoch, effect: { type: 'retry', transactions, told } })
  }

  /** Ends a core. @returns what it did not order. */
  #finish(held: HeldEpoch, index: number, closedBy: ClosedBy | undefined): Returned {
    const effects: CoreEffect[] = []
    held.core.step({ type: 'executed', index, isFinal: true, closedBy }, this.#time, effects)
    const promised: Uint8Array[] = []
    const untold: Uint8Array[] = []
    for (const effect of effects) {
      if (effect.type !== 'retry') this.#forward(held, effect)
      else {
        promised.push(...effect.transactions.slice(0, effect.told))
        untold.push(...effect.transactions.slice(effect.told))
      }
    }
    held.closedBy.add(held.setup.self)
    const split = (held.carried ?? new Carried([])).split(untold)
    return { promised: [...promised, ...split.promised], clients: split.clients }
  }

  /** Stake V has reported the close, and the epoch after it is over too. */
  #forget(): void {
    for (const [epoch, { closedBy, committee }] of this.#closed) {
      if (epoch + 2 > this.#epoch || committee.stakeOf(closedBy) < committee.validity) continue
      this.#closed.delete(epoch)
      this.#effects.push({ type: 'forget', epoch, peers: this.#peers() })
    }
  }

  #stepCurrent(event: CoreEvent): void {
    if (this.#current !== undefined) this.#step(this.#current, event)
  }

  #step(held: HeldEpoch, event: CoreEvent): void {
    const effects: CoreEffect[] = []
    held.core.step(event, this.#time, effects)
    for (const effect of effects) this.#forward(held, effect)
  }

  #forward(held: HeldEpoch, effect: CoreEffect): void {
    const { epoch } = held.setup
    switch (effect.type) {
      case 'send':
        return this.#send(held, effect.to, effect.frame)
      case 'answer':
        this.#effects.push({ type: 'answer', epoch, to: held.keys[effect.to]!, request: effect.request })
        return
      case 'timer':
        held.timerAtMs = effect.atMs
        return
      case 'accepted':
        return this.#accepted(held, effect.count)
      case 'emit': {
        const { index, timestampMs } = effect.commit.subDag
        held.emitted.set(index, { subDagDigest: effect.commit.digest, timestampMs })
        this.#effects.push({ type: 'epoch', epoch, effect })
        return
      }
      default:
        this.#effects.push({ type: 'epoch', epoch, effect })
    }
  }
  #accepted(held: HeldEpoch, count: number): void {
    const { epoch } = held.setup
    const clients = held.carried === undefined ? count : held.carried.accepted(count)
    if (held.carried !== undefined && clients < count) this.#keep(held, held.carried.record)
    if (clients > 0) this.#effects.push({ type: 'epoch', epoch, effect: { type: 'accepted', count: clients } })
  }

  #keep(held: HeldEpoch, record: StoredRecord): void {
    this.#effects.push({ type: 'epoch', epoch: held.setup.epoch, effect: { type: 'persist', records: [record] } })
  }

  #send(held: HeldEpoch, to: Authority | 'others', frame: Uint8Array): void {
    const { keys, setup } = held
    const peers = to === 'others' ? keys.filter((_, authority) => authority !== setup.self) : [keys[to]!]
    if (peers.length > 0) this.#effects.push({ type: 'send', to: peers, frame })
  }

  #report(held: HeldEpoch, to: Authority | 'others'): void {
    this.#send(held, to, encodeFrame({ type: 'closeReport', epoch: held.setup.epoch }, held.committee.size))
  }

  #count(name: string): void {
    this.#effects.push({ type: 'epoch', epoch: this.#epoch, effect: { type: 'count', name, by: 1 } })
  }

  /** One timer for all cores. */
  #arm(): void {
    const atMs = Math.min(...this.#all().map(({ timerAtMs }) => timerAtMs))
    if (atMs === this.#timerAtMs || atMs === Number.POSITIVE_INFINITY) return
    this.#timerAtMs = atMs
    this.#effects.push({ type: 'timer', atMs })
  }

  #all(): HeldEpoch[] {
    return this.#current === undefined ? [...this.#closed.values()] : [...this.#closed.values(), this.#current]
  }

  #heldOf(epoch: number): HeldEpoch | undefined {
    return epoch === this.#epoch ? this.#current : this.#closed.get(epoch)
  }

  #peers(): PeerKey[] {
    return [...new Set(this.#all().flatMap(({ keys }) => keys))].filter((key) => key !== this.#self)
  }

  #hold(setup: EpochSetup, parameters: CoreOptions['parameters']): HeldEpoch {
    return holdEpoch(this.#components, setup, parameters, this.#options)
  }
}
