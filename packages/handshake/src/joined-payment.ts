/**
 * The payment of a connection that joined a session (sessions.md §3, §7). At the node its lanes are charged with the session's; the client there holds a token and no
 * key, so it acknowledges nothing and asks for no token. At the client's end nothing is signed: the holder tells the owner of the session what comes.
 *
 * Invariant: nothing of a joined connection reaches the books but through `SessionConnections`. It ends with its channel: what was asked for on it is asked for anew.
 */
import type { AccessToken } from './access-token.ts'
import { CODES } from './codes.ts'
import { UNIT_BYTES_MAX } from './constants.ts'
import { FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { Welcome } from './greeting.ts'
import type { HolderReport } from './holder-lanes.ts'
import type { CoreLane } from './lane-core.ts'
import type { LaneEnd, ResumedChains } from './paying.ts'
import { type CreatePayment, nonceIn, type Payment, PaymentBase, type PaymentWishes } from './payment-base.ts'
import { decodeEpoch, decodePrice } from './payment-frames.ts'
import type { Connection, SessionConnections } from './session-connections.ts'
import { UnitGate } from './unit-gate.ts'

/** Where a token lets its holder in. */
export interface JoinPlace {
  readonly connections: SessionConnections
  /** 1 to 7. */
  readonly number: number
  readonly token: AccessToken
}

/** What both ends have in common: none is resumed. */
abstract class JoinedBase extends PaymentBase {
  readonly isResumable: boolean = false
  override readonly isJoined: boolean = true

  suspend(): boolean {
    return false
  }

  get place(): ResumedChains {
    return { epoch: 0n, chains: [] }
  }

  resumed(): number {
    return CODES.badFrame
  }

  caughtUp(): void {}
}

/** The node's end. */
export function createJoinedPayment(place: JoinPlace): CreatePayment {
  return (wishes) => new JoinedPayment(wishes, place)
}

class JoinedPayment extends JoinedBase implements Payment, Connection {
  readonly #place: JoinPlace
  /** When the token is looked at next. */
  #lookMs = 0

  constructor(wishes: PaymentWishes, place: JoinPlace) {
    super(wishes)
    this.#place = place
    wishes.isReadOnly = place.token.scope === 'read'
  }

  begin(nowMs: number): void {
    const { connections, number, token } = this.#place
    const { outbox } = this.wishes
    for (const { type, body } of connections.latest) this.send(type, 0, body)
    outbox.gate = new UnitGate(connections, () => outbox.wake())
    connections.join(number, this, token)
    this.#lookMs = nowMs + this.#secondsLeft * 1_000
  }

  get #secondsLeft(): number {
    const { connections, token } = this.#place
    return connections.session.mint?.secondsLeft(token) ?? 0
  }

  /** A connection that may open no lane any more, and has none, is of no use. */
  get deadlineMs(): number {
    return this.isOver || this.openLanes > 0 ? Number.POSITIVE_INFINITY : this.#lookMs
  }

  due(nowMs: number): void {
    if (nowMs < this.deadlineMs) return
    const left = this.#secondsLeft
    if (left === 0) this.leave(CODES.expiredToken)
    else this.#lookMs = nowMs + left * 1_000 // the node's clock of the day was set back
  }

  override get sessionLanes(): number {
    return this.#place.connections.openLanes
  }

  override refusalOf(serviceId: number): number | undefined {
    const { connections, token } = this.#place
    if (serviceId !== token.serviceId) return CODES.notAuthorised
    if (connections.isCrowded) return CODES.tooManyLanes
    return this.#secondsLeft > 0 ? undefined : CODES.expiredToken
  }

  mayCome(): boolean {
    return true
  }

  /** ACK and TOKEN are connection 0's. */
  frame(): number {
    return CODES.notAuthorised
  }

  pong(body: Uint8Array, nowMs: number): void {
    const { connections, number } = this.#place
    connections.pong(number, nonceIn(body), nowMs)
  }

  protected tellLane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    this.#place.connections.lane(lane, serviceId, openBody, acceptBody)
  }

  protected tellLaneOver(lane: CoreLane, how: LaneEnd): void {
    this.#place.connections.laneOver(lane.id, BigInt(lane.sent), how)
  }

  protected tellOver(): void {
    this.#place.connections.left(this.#place.number)
  }
}

/** The client's end. @param token - its name, under which it tells. */
export function createHolderPayment(welcome: Welcome, token: string, report: (report: HolderReport) => void): CreatePayment {
  return (wishes) => new HolderPayment(wishes, welcome, token, report)
}

/** What is signed for unseen where nobody verifies more of a lane. */
const UNIT = /* @__PURE__ */ BigInt(UNIT_BYTES_MAX)

/** A lane of which not all is said yet. */
interface HolderLane {
  verified: bigint
  /** It ended, and what came of it. */
  end: bigint | undefined
  isRefused: boolean
  /** Somebody verifies on behind its reset. */
  isFollowed: boolean
  isLeft: boolean
  /** Its reset, which waits for him. */
  reset: bigint | undefined
}

class HolderPayment extends JoinedBase implements Payment {
  readonly deadlineMs: number = Number.POSITIVE_INFINITY
  readonly #report: (report: HolderReport) => void
  readonly #welcome: Welcome
  /** The names under which it tells. */
  readonly #holder: string
  readonly #token: string
  readonly #lanes = new Map<number, HolderLane>()
  #epoch: bigint
  #isPriced = false

  constructor(wishes: PaymentWishes, welcome: Welcome, token: string, report: (report: HolderReport) => void) {
    super(wishes)
    this.#welcome = welcome
    this.#token = token
    this.#epoch = welcome.epoch
    this.#report = report
    this.#holder = Array.from(welcome.rand, (byte) => byte.toString(16).padStart(2, '0')).join('')
    wishes.followed = (lane) => {
      const about = this.#lanes.get(lane)
      if (about !== undefined) about.isFollowed = true
    }
    wishes.verified = (lane, offset) => this.#tellVerified(lane, offset)
    wishes.refused = (lane) => {
      const about = this.#lanes.get(lane)
      if (about === undefined || about.isRefused) return
      about.isRefused = true
      this.#report({ type: 'refused', ...this.#from, lane })
      this.#tellReset(lane, about)
      this.#forgetSettled(lane, about)
    }
    wishes.left = (lane) => {
      const about = this.#lanes.get(lane)
      if (about === undefined) return
      about.isFollowed = false
      about.isLeft = true
      this.#tellReset(lane, about)
      this.#tellRest(lane, about)
    }
  }

  /** The rest of a lane that ended, and that its reader leaves. */
  #tellRest(lane: number, { end, isRefused, verified }: HolderLane): void {
    if (end !== undefined && !isRefused && verified < end) this.#tellVerified(lane, withinUnit(end, verified))
  }

  /** Once nobody verifies more of it. */
  #tellReset(lane: number, about: HolderLane): void {
    const { reset, isFollowed, isRefused, verified } = about
    if (reset === undefined || (isFollowed && !isRefused)) return
    about.reset = undefined
    about.end = verified // nothing is left to say of it
    this.#report({ type: 'over', ...this.#from, lane, offset: isRefused ? verified : withinUnit(reset, verified), how: 'reset-by-client' })
    this.#forgetSettled(lane, about)
  }

  #tellVerified(lane: number, offset: bigint): void {
    const about = this.#lanes.get(lane)
    if (about !== undefined && offset > about.verified) about.verified = offset
    this.#report({ type: 'verified', ...this.#from, lane, offset })
    if (about !== undefined) this.#forgetSettled(lane, about)
  }

  #forgetSettled(lane: number, { verified, end, isRefused }: HolderLane): void {
    if (end !== undefined && (isRefused || verified >= end)) this.#lanes.delete(lane)
  }

  get #from(): { readonly holder: string; readonly epoch: bigint } {
    return { holder: this.#holder, epoch: this.#epoch }
  }

  begin(): void {}

  due(): void {}

  mayCome(type: number): boolean {
    return this.#isPriced || type === FRAME.price || type === FRAME.goaway
  }

  frame({ type }: FrameHeader, body: Uint8Array): undefined {
    if (type === FRAME.price) {
      this.wishes.prices = decodePrice(body)
      this.#isPriced = true
    } else if (type === FRAME.epoch) this.#onEpoch(body)
    else throw protocolError(CODES.badFrame, `frame type ${type} on a connection that joined`)
  }

  pong(): void {}

  /** The session may be in any epoch when it is joined; from then on they come one after the other. */
  #onEpoch(body: Uint8Array): void {
    const { epoch, lanes } = decodeEpoch(body)
    const isFirst = this.#epoch === this.#welcome.epoch
    if (isFirst ? epoch <= this.#epoch : epoch !== this.#epoch + 1n)
      throw protocolError(CODES.badFrame, `EPOCH ${epoch} after ${this.#epoch}`)
    this.#epoch = epoch
    for (const { lane: id, offset } of lanes) {
      const lane = this.wishes.lanes.get(id)
      if (lane !== undefined && offset > BigInt(lane.received))
        throw protocolError(CODES.badFrame, `EPOCH: lane ${id} has no byte ${offset}`)
    }
  }

  protected tellLane(lane: number, _serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    const state = { end: undefined, isRefused: false, isFollowed: false, isLeft: false, reset: undefined }
    this.#lanes.set(lane, { verified: 0n, ...state })
    this.#report({ type: 'lane', ...this.#from, token: this.#token, lane, openBody, acceptBody })
  }

  protected tellLaneOver(lane: CoreLane, how: LaneEnd): void {
    const offset = BigInt(lane.received)
    const about = this.#lanes.get(lane.id)
    if (about === undefined) return
    if (how === 'reset-by-client') {
      about.reset = offset
      return this.#tellReset(lane.id, about)
    }
    this.#report({ type: 'over', ...this.#from, lane: lane.id, offset, how })
    about.end = how === 'ended' ? offset : about.verified // of others nothing is left to say
    if (about.isLeft && !about.isFollowed) this.#tellRest(lane.id, about)
    this.#forgetSettled(lane.id, about)
  }

  protected tellOver(): void {}
}

/** Nobody verifies more of a lane: how much of it is signed for, up to `offset`. */
function withinUnit(offset: bigint, verified: bigint): bigint {
  return offset < verified + UNIT ? offset : verified + UNIT
}
