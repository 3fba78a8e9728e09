/**
 * The part of a session core that a guest does without: it turns frames into calls of the meter (node) or the payer (client), calls of theirs
 * into frames, and keeps the order of both. It decides nothing about money.
 *
 * Invariants: PRICE is the first frame after WELCOME; a lane is told once when it is accepted and once when it is over; after `over` neither
 * side is called again, and what it asks of its link does nothing.
 */
import { decodeTokenAsk } from './access-token.ts'
import { CODES } from './codes.ts'
import { LANES_A_CONNECTION } from './constants.ts'
import { FLAG_TOKEN, FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { CoreLane } from './lane-core.ts'
import * as frames from './payment-frames.ts'
import { EpochLog, type Said } from './epoch-log.ts'
import type { AckFrame, Admission, LaneEnd, PayingSession, ResumedChains, SessionMeter, SessionPayer, TickFrame } from './paying.ts'
import type { Sharing } from './owner-sharing.ts'
import { type CreatePayment, nonceBody, nonceIn, type Payment, PaymentBase, type PaymentWishes } from './payment-base.ts'
import type { ResumeBody } from './resume-frame.ts'
import type { OwnConnection, SessionConnections } from './session-connections.ts'
import type { SessionSharing } from './session-sharing.ts'
import { UnitGate } from './unit-gate.ts'

type Admitted = Exclude<Admission, { readonly refuse: number }>

/** Of EPOCH, at a client: of the chain that is open and of the one that closes. */
const EPOCHS_KEPT = 2

/** The node's end. */
export function createNodePayment(session: PayingSession, admitted: Admitted, connections: SessionConnections): CreatePayment {
  return (wishes) => new NodePayment(wishes, session, admitted, connections)
}

class NodePayment extends PaymentBase implements Payment, OwnConnection {
  readonly #session: PayingSession
  readonly #said: EpochLog
  readonly #admitted: Admitted
  readonly #meter: SessionMeter
  readonly #connections: SessionConnections
  /** By its books. */
  #isStopped = false

  constructor(wishes: PaymentWishes, session: PayingSession, admitted: Admitted, connections: SessionConnections) {
    super(wishes)
    this.#session = session
    this.#admitted = admitted
    this.#meter = admitted.meter
    this.#connections = connections
    this.#said = new EpochLog(session.epoch, admitted.price)
    connections.begin(this)
  }

  get latest(): readonly Said[] {
    return this.#said.latest
  }

  override get sessionLanes(): number {
    return this.#connections.openLanes
  }

  override get joinedLanes(): number {
    return this.#connections.joinedLanes
  }

  get deadlineMs(): number {
    return this.isOver ? Number.POSITIVE_INFINITY : this.#meter.deadlineMs
  }

  begin(): void {
    this.send(FRAME.price, 0, frames.encodePrice(this.#admitted.price))
    this.wishes.outbox.gate = new UnitGate(this.#meter, () => this.wishes.outbox.wake())
    this.#meter.begin(this.#session, {
      window: (frame) => {
        this.#isStopped = frame.isStopped
        this.#connections.setWindow(frame)
      },
      epoch: (frame) => this.#connections.sayEpoch(frame.epoch, this.#said.epoch(frame)),
      price: (frame) => this.#connections.sayToAll(FRAME.price, this.#said.price(frame)),
      meter: (frame) => this.send(FRAME.meter, 0, this.#said.meter(frame)),
      ping: (nonce) => this.#connections.ping(nonce, nonceBody(nonce)),
      wake: () => {
        this.wake()
        this.#connections.wakeJoined()
      },
      cut: () => {
        const goesOn = this.#connections.cut()
        if (!goesOn && !this.isOver) this.wishes.cut()
        return goesOn && !this.isOver
      },
      giveUp: () => this.#connections.giveUp(),
      leave: (code) => this.leave(code),
    })
  }

  sayWindow(): void {
    this.send(FRAME.window, this.#isStopped ? frames.FLAG_STOPPED : 0, frames.encodeWindow({ window: this.#connections.spare }))
  }

  get isResumable(): boolean {
    return this.#meter.suspend !== undefined && this.#meter.resume !== undefined
  }

  suspend(): boolean {
    if (this.#meter.suspend?.() !== true) return false
    this.#connections.suspend()
    return true
  }

  get place(): ResumedChains {
    return { epoch: this.#said.newest, chains: this.#meter.chains ?? [] }
  }

  resumed({ epoch, lanes }: ResumeBody, nowMs: number): number | undefined {
    const price = this.#said.priceAt(epoch)
    if (price === undefined) return epoch > this.#said.newest ? CODES.badFrame : CODES.epochClosed
    if (lanes.some(({ lane }) => lane >= LANES_A_CONNECTION)) return CODES.badFrame // those of others go on where they are
    this.send(FRAME.price, 0, price)
    const { lanes: table } = this.wishes
    const refused = this.#meter.resume?.(
      lanes.map(({ lane, received }) => ({ lane, received, sent: table.find(lane)?.sentMost })),
      nowMs,
    )
    if (refused === undefined) this.#connections.resume()
    return refused
  }

  caughtUp({ epoch }: ResumeBody): void {
    for (const { type, body } of this.#said.after(epoch)) this.send(type, 0, body)
  }

  mayCome(): boolean {
    return true
  }

  frame({ type, flags }: FrameHeader, body: Uint8Array, nowMs: number): number | undefined {
    if (type === FRAME.token) return flags === FLAG_TOKEN ? CODES.badFrame : this.#onAsk(body)
    return flags === frames.FLAG_TICK ? this.#onTick(frames.decodeTick(body)) : this.#onAck(frames.decodeAck(body), nowMs)
  }

  #onTick(frame: TickFrame): number | undefined {
    const verdict = this.#meter.tick(frame)
    if (verdict === undefined) this.#connections.ticked(frame)
    return verdict === 'late' ? undefined : verdict
  }

  #onAck(frame: AckFrame, nowMs: number): number | undefined {
    const verdict = this.#meter.ack(frame, nowMs)
    if (verdict === undefined) this.#connections.acknowledged(frame)
    return verdict === 'late' ? undefined : verdict
  }

  #onAsk(body: Uint8Array): undefined {
    this.send(FRAME.token, FLAG_TOKEN, this.#connections.issue(decodeTokenAsk(body)))
  }

  pong(body: Uint8Array, nowMs: number): void {
    this.#connections.pong(0, nonceIn(body), nowMs)
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
    this.#connections.end()
    this.#meter.over()
  }
}

/** The client's end. @param sharing - of a session that others may join. */
export function createClientPayment(session: PayingSession, payer: SessionPayer, sharing?: Pick<Sharing, 'begin'>): CreatePayment {
  return (wishes) => new ClientPayment(wishes, session, payer, sharing)
}

class ClientPayment extends PaymentBase implements Payment {
  readonly deadlineMs: number = Number.POSITIVE_INFINITY
  readonly #session: PayingSession
  readonly #payer: SessionPayer
  readonly #sharing: SessionSharing | undefined
  #isPriced = false
  #hasResumed = false
  #epoch: bigint
  /** The EPOCHs that it has, the newest last: those whose chains may be open. */
  readonly #epochs: Uint8Array[] = []
  /** Services that lanes were taken by. */
  readonly #services = new Set<number>()
  /** CPU time that the node has named, by service, of this epoch and of the one before. */
  #metered = new Map<number, bigint>()
  #meteredBefore = new Map<number, bigint>()

  constructor(wishes: PaymentWishes, session: PayingSession, payer: SessionPayer, sharing: Pick<Sharing, 'begin'> | undefined) {
    super(wishes)
    this.#session = session
    this.#payer = payer
    this.#epoch = session.epoch
    this.#sharing = sharing?.begin(session, payer, (body) => this.send(FRAME.token, 0, body))
    wishes.sharing = this.#sharing
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
      case FRAME.token:
        if (flags !== FLAG_TOKEN || this.#sharing === undefined) return CODES.badFrame
        return this.#sharing.answered(body)
      default:
        return this.#onMeter(body)
    }
  }

  pong(body: Uint8Array): void {
    this.#payer.pong?.(nonceIn(body))
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

  caughtUp(): void {
    this.#sharing?.askAgain()
  }

  due(): void {}

  /** One after the other, and of lanes that were: where the old chain of each ends is before what has come of it. One that came before may come again. */
  #onEpoch(body: Uint8Array): undefined {
    if (this.#epochs.some((each) => isSame(each, body))) return
    const frame = frames.decodeEpoch(body)
    if (frame.epoch !== this.#epoch + 1n) throw protocolError(CODES.badFrame, `EPOCH ${frame.epoch} after ${this.#epoch}`)
    for (const { lane: id, offset } of frame.lanes) {
      if (!this.wishes.lanes.isOurs(id)) continue // of a connection that joined
      const lane = this.wishes.lanes.get(id)
      // What comes before it may have been lost, and come again; no farther than it was granted.
      const came = lane === undefined ? 0 : this.#hasResumed ? lane.receiveLimit : lane.received
      const isRight = lane === undefined ? this.wishes.lanes.wasUsed(id) : lane.isAccepted && offset <= BigInt(came)
      if (!isRight) throw protocolError(CODES.badFrame, `EPOCH: lane ${id} has no byte ${offset}`)
    }
    this.#epoch = frame.epoch
    if (this.#epochs.push(body.slice()) > EPOCHS_KEPT) this.#epochs.shift()
    this.#meteredBefore = this.#metered
    this.#metered = new Map()
    this.#payer.epoch(frame)
    this.#sharing?.holders.epoch(frame)
  }

  #onMeter(body: Uint8Array): undefined {
    const frame = frames.decodeMeter(body)
    const isCurrent = frame.epoch === this.#epoch
    if (!isCurrent && frame.epoch !== this.#epoch - 1n) throw protocolError(CODES.badFrame, `METER of epoch ${frame.epoch}`)
    const metered = isCurrent ? this.#metered : this.#meteredBefore
    if (!this.#services.has(frame.serviceId) && this.#sharing?.hasAsked(frame.serviceId) !== true)
      throw protocolError(CODES.badFrame, `METER of service ${frame.serviceId}, which took no lane`)
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

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
