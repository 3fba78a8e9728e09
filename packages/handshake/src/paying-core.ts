/**
 * The part of a session core that a guest does without: it turns frames into calls of the meter (node) or the payer (client), calls of theirs
 * into frames, and keeps the order of both. It decides nothing about money.
 *
 * Invariants: PRICE is the first frame after WELCOME; a lane is told once when it is accepted and once when it is over; after `over` neither
 * side is called again, and what it asks of its link does nothing.
 */
import { CODES } from './codes.ts'
import { FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { CoreLane } from './lane-core.ts'
import type { LaneTable } from './lane-table.ts'
import type { Outbox } from './outbox.ts'
import * as frames from './payment-frames.ts'
import { EpochLog } from './epoch-log.ts'
import type { Admission, LaneEnd, PayingSession, ResumedChains, SessionMeter, SessionPayer } from './paying.ts'
import type { ResumeBody } from './resume-frame.ts'
import { UnitGate } from './unit-gate.ts'

/** What a payment asks of its core, and may reach of it. */
export class PaymentWishes {
  readonly outbox: Outbox
  readonly lanes: LaneTable
  /** Called when something is to be sent, or the session to end, outside of an event: `tick` is wanted, and then `take`. */
  onAsk: () => void = () => {}
  /** An event is running: the core looks at the wishes when it is over. */
  isHeld = false
  leaveCode: number | undefined
  /** The other end does not answer. */
  isCut = false

  constructor(outbox: Outbox, lanes: LaneTable) {
    this.outbox = outbox
    this.lanes = lanes
  }

  cut(): void {
    this.isCut = true
    this.ask()
  }

  ask(leaveCode?: number): void {
    this.leaveCode ??= leaveCode
    if (!this.isHeld) this.onAsk()
  }
}

/** What the core tells its payment. A returned code ends the session. */
export interface Payment {
  readonly deadlineMs: number
  begin(): void
  /** Whether a frame of this type may come now. */
  mayCome(type: number): boolean
  frame(header: FrameHeader, body: Uint8Array, nowMs: number): number | undefined
  pong(body: Uint8Array, nowMs: number): void
  /** `acceptBody`: of the ACCEPT that takes the lane. */
  lane(lane: CoreLane, acceptBody: Uint8Array): void
  laneOver(lane: CoreLane, how: LaneEnd): void
  due(nowMs: number): void
  /** Whether the session may outlive its connection. */
  readonly isResumable: boolean
  /** False: it may not. */
  suspend(): boolean
  /** For RESUME. */
  readonly place: ResumedChains
  /** The other side's RESUME came: to be told before anything of its lanes. A code ends the session. */
  resumed(frame: ResumeBody, nowMs: number): number | undefined
  /** ACCEPTs that were lost are on their way again. */
  caughtUp(frame: ResumeBody): void
  /** A lane that was over goes on. */
  restored(lane: CoreLane): void
  /** The session is over: all lanes with it, then the session. */
  over(): void
}
export type CreatePayment = (wishes: PaymentWishes) => Payment

type Admitted = Exclude<Admission, { readonly refuse: number }>

/** What both ends have in common: which lanes were told, and how much of each there is. */
abstract class PaymentBase {
  protected readonly wishes: PaymentWishes
  protected isOver = false
  readonly #told = new Set<CoreLane>()

  constructor(wishes: PaymentWishes) {
    this.wishes = wishes
  }

  protected abstract tellLane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void
  protected abstract tellLaneOver(lane: CoreLane, how: LaneEnd): void
  protected abstract tellOver(): void

  lane(lane: CoreLane, acceptBody: Uint8Array): void {
    if (lane.request === undefined) return
    this.#told.add(lane)
    this.tellLane(lane.id, lane.request.serviceId, lane.request.openBody, acceptBody)
  }

  laneOver(lane: CoreLane, how: LaneEnd): void {
    if (this.#told.delete(lane)) this.tellLaneOver(lane, how)
  }

  restored(lane: CoreLane): void {
    this.#told.add(lane)
  }

  over(): void {
    if (this.isOver) return
    this.isOver = true
    for (const lane of this.#told) this.tellLaneOver(lane, 'session-over')
    this.#told.clear()
    this.tellOver()
  }

  /** Nothing while there is no connection: what it would say is part of RESUME, or follows it. */
  protected send(type: number, flags: number, body: Uint8Array): void {
    if (this.isOver || this.wishes.outbox.isDetached) return
    this.wishes.outbox.pushControl(type, flags, 0, body)
    this.wishes.ask()
  }

  protected leave(code: number): void {
    if (!this.isOver) this.wishes.ask(code)
  }
}

/** The node's end. */
export function createNodePayment(session: PayingSession, admitted: Admitted): CreatePayment {
  return (wishes) => new NodePayment(wishes, session, admitted)
}

class NodePayment extends PaymentBase implements Payment {
  readonly #session: PayingSession
  readonly #said: EpochLog
  readonly #admitted: Admitted
  readonly #meter: SessionMeter

  constructor(wishes: PaymentWishes, session: PayingSession, admitted: Admitted) {
    super(wishes)
    this.#session = session
    this.#admitted = admitted
    this.#meter = admitted.meter
    this.#said = new EpochLog(session.epoch, admitted.price)
  }

  get deadlineMs(): number {
    return this.isOver ? Number.POSITIVE_INFINITY : this.#meter.deadlineMs
  }

  begin(): void {
    this.send(FRAME.price, 0, frames.encodePrice(this.#admitted.price))
    this.wishes.outbox.gate = new UnitGate(this.#meter, () => this.wishes.outbox.wake())
    this.#meter.begin(this.#session, {
      window: (frame) => this.send(FRAME.window, frame.isStopped ? frames.FLAG_STOPPED : 0, frames.encodeWindow(frame)),
      epoch: (frame) => this.send(FRAME.epoch, 0, this.#said.epoch(frame)),
      price: (frame) => this.send(FRAME.price, 0, this.#said.price(frame)),
      meter: (frame) => this.send(FRAME.meter, 0, this.#said.meter(frame)),
      ping: (nonce) => this.send(FRAME.ping, 0, nonceBody(nonce)),
      wake: () => {
        if (this.isOver) return
        this.wishes.outbox.wake()
        this.wishes.ask()
      },
      cut: () => {
        if (!this.isOver) this.wishes.cut()
      },
      leave: (code) => this.leave(code),
    })
  }

  get isResumable(): boolean {
    return this.#meter.suspend !== undefined && this.#meter.resume !== undefined
  }

  suspend(): boolean {
    return this.#meter.suspend?.() === true
  }

  get place(): ResumedChains {
    return { epoch: this.#said.newest, chains: this.#meter.chains ?? [] }
  }

  resumed({ epoch, lanes }: ResumeBody, nowMs: number): number | undefined {
    const price = this.#said.priceAt(epoch)
    if (price === undefined) return epoch > this.#said.newest ? CODES.badFrame : CODES.epochClosed
    this.send(FRAME.price, 0, price)
    const { lanes: table } = this.wishes
    return this.#meter.resume?.(
      lanes.map(({ lane, received }) => ({ lane, received, sent: table.find(lane)?.sentMost })),
      nowMs,
    )
  }

  caughtUp({ epoch }: ResumeBody): void {
    for (const { type, body } of this.#said.after(epoch)) this.send(type, 0, body)
  }

  mayCome(): boolean {
    return true
  }

  frame({ flags }: FrameHeader, body: Uint8Array, nowMs: number): number | undefined {
    return flags === frames.FLAG_TICK ? this.#meter.tick(frames.decodeTick(body)) : this.#meter.ack(frames.decodeAck(body), nowMs)
  }

  pong(body: Uint8Array, nowMs: number): void {
    this.#meter.pong(new DataView(body.buffer, body.byteOffset).getBigUint64(0, true), nowMs)
  }

  due(nowMs: number): void {
    if (nowMs >= this.deadlineMs) this.#meter.due(nowMs)
  }

  protected tellLane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    this.#meter.lane(lane, serviceId, openBody, acceptBody)
  }

  protected tellLaneOver(lane: CoreLane, how: LaneEnd): void {
    this.#meter.laneOver(lane.id, BigInt(lane.sent), how)
  }

  protected tellOver(): void {
    this.#meter.over()
  }
}

/** The client's end. */
export function createClientPayment(session: PayingSession, payer: SessionPayer): CreatePayment {
  return (wishes) => new ClientPayment(wishes, session, payer)
}

class ClientPayment extends PaymentBase implements Payment {
  readonly deadlineMs: number = Number.POSITIVE_INFINITY
  readonly #session: PayingSession
  readonly #payer: SessionPayer
  #isPriced = false
  #hasResumed = false
  #epoch: bigint
  /** Services that lanes were taken by. */
  readonly #services = new Set<number>()
  /** CPU time that the node has named, by service, of this epoch and of the one before. */
  #metered = new Map<number, bigint>()
  #meteredBefore = new Map<number, bigint>()

  constructor(wishes: PaymentWishes, session: PayingSession, payer: SessionPayer) {
    super(wishes)
    this.#session = session
    this.#payer = payer
    this.#epoch = session.epoch
  }

  begin(): void {
    this.#payer.begin(this.#session, {
      ack: (frame) => this.send(FRAME.ack, 0, frames.encodeAck(frame)),
      tick: (frame) => this.send(FRAME.ack, frames.FLAG_TICK, frames.encodeTick(frame)),
      ping: (nonce) => this.send(FRAME.ping, 0, nonceBody(nonce)),
      leave: (code) => this.leave(code),
    })
  }

  mayCome(type: number): boolean {
    return this.#isPriced || type === FRAME.price || type === FRAME.goaway
  }

  frame({ type, flags }: FrameHeader, body: Uint8Array): number | undefined {
    switch (type) {
      case FRAME.price:
        this.#isPriced = true
        this.wishes.lanes.left.length = 0 // the first that a node says once it has our RESUME
        return this.#payer.price(frames.decodePrice(body))
      case FRAME.window:
        this.#payer.window(frames.decodeWindow(body, flags))
        return undefined
      case FRAME.epoch:
        return this.#onEpoch(body)
      default:
        return this.#onMeter(body)
    }
  }

  pong(body: Uint8Array): void {
    this.#payer.pong?.(new DataView(body.buffer, body.byteOffset).getBigUint64(0, true))
  }

  get isResumable(): boolean {
    return this.#payer.resume !== undefined
  }

  suspend(): boolean {
    return true
  }

  get place(): ResumedChains {
    return { epoch: this.#epoch, chains: [] }
  }

  resumed({ epoch, chains }: ResumeBody): number | undefined {
    if (epoch < this.#epoch) return CODES.badFrame
    this.#hasResumed = true
    this.#isPriced = false
    this.#payer.resume?.({ epoch, chains })
    return undefined
  }

  caughtUp(): void {}

  due(): void {}

  /** One after the other, and of lanes that were: where the old chain of each ends is before what has come of it. */
  #onEpoch(body: Uint8Array): undefined {
    const frame = frames.decodeEpoch(body)
    if (frame.epoch !== this.#epoch + 1n) throw protocolError(CODES.badFrame, `EPOCH ${frame.epoch} after ${this.#epoch}`)
    for (const { lane: id, offset } of frame.lanes) {
      const lane = this.wishes.lanes.get(id)
      // What comes before it may have been lost, and come again; no farther than it was granted.
      const came = lane === undefined ? 0 : this.#hasResumed ? lane.receiveLimit : lane.received
      const isRight = lane === undefined ? this.wishes.lanes.wasUsed(id) : lane.isAccepted && offset <= BigInt(came)
      if (!isRight) throw protocolError(CODES.badFrame, `EPOCH: lane ${id} has no byte ${offset}`)
    }
    this.#epoch = frame.epoch
    this.#meteredBefore = this.#metered
    this.#metered = new Map()
    this.#payer.epoch(frame)
  }

  #onMeter(body: Uint8Array): undefined {
    const frame = frames.decodeMeter(body)
    const isCurrent = frame.epoch === this.#epoch
    if (!isCurrent && frame.epoch !== this.#epoch - 1n) throw protocolError(CODES.badFrame, `METER of epoch ${frame.epoch}`)
    const metered = isCurrent ? this.#metered : this.#meteredBefore
    if (!this.#services.has(frame.serviceId)) throw protocolError(CODES.badFrame, `METER of service ${frame.serviceId}, which took no lane`)
    if (frame.cumCpuMicros < (metered.get(frame.serviceId) ?? 0n)) throw protocolError(CODES.badFrame, 'METER falls')
    metered.set(frame.serviceId, frame.cumCpuMicros)
    this.#payer.meter(frame)
  }

  protected tellLane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    this.#services.add(serviceId)
    this.#payer.lane(lane, serviceId, openBody, acceptBody)
  }

  protected tellLaneOver(lane: CoreLane, how: LaneEnd): void {
    this.#payer.laneOver(lane.id, BigInt(lane.received), how)
  }

  protected tellOver(): void {
    this.#payer.over()
  }
}

function nonceBody(nonce: bigint): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, nonce, true)
  return out
}
