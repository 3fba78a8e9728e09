/**
 * The payment of a connection that joined a session (sessions.md §3, §7). At the node its lanes are charged with the session's; the client there holds a token and no
 * key, so it acknowledges nothing and asks for no token. At the client's end nothing is signed: the holder tells the owner of the session what comes.
 *
 * Invariant: nothing of a joined connection reaches the books but through `SessionConnections`. It ends with its channel: what was asked for on it is asked for anew.
 */
import type { AccessToken } from './access-token.ts'
import { CODES } from './codes.ts'
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
  readonly deadlineMs: number = Number.POSITIVE_INFINITY
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

  due(): void {}
}

/** The node's end. */
export function createJoinedPayment(place: JoinPlace): CreatePayment {
  return (wishes) => new JoinedPayment(wishes, place)
}

class JoinedPayment extends JoinedBase implements Payment, Connection {
  readonly #place: JoinPlace

  constructor(wishes: PaymentWishes, place: JoinPlace) {
    super(wishes)
    this.#place = place
    wishes.isReadOnly = place.token.scope === 'read'
  }

  begin(): void {
    const { connections, number } = this.#place
    const { outbox } = this.wishes
    for (const { type, body } of connections.latest) this.send(type, 0, body)
    outbox.gate = new UnitGate(connections, () => outbox.wake())
    connections.join(number, this)
  }

  override get sessionLanes(): number {
    return this.#place.connections.openLanes
  }

  override refusalOf(serviceId: number): number | undefined {
    const { connections, token } = this.#place
    if (serviceId !== token.serviceId) return CODES.notAuthorised
    if (connections.isCrowded) return CODES.tooManyLanes
    return connections.session.mint?.isExpired(token) === false ? undefined : CODES.expiredToken
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

/** The client's end. */
export function createHolderPayment(welcome: Welcome, report: (report: HolderReport) => void): CreatePayment {
  return (wishes) => new HolderPayment(wishes, welcome, report)
}

class HolderPayment extends JoinedBase implements Payment {
  readonly #report: (report: HolderReport) => void
  readonly #welcome: Welcome
  /** The name under which it tells. */
  readonly #holder: string
  #epoch: bigint
  #isPriced = false

  constructor(wishes: PaymentWishes, welcome: Welcome, report: (report: HolderReport) => void) {
    super(wishes)
    this.#welcome = welcome
    this.#epoch = welcome.epoch
    this.#report = report
    this.#holder = Array.from(welcome.rand, (byte) => byte.toString(16).padStart(2, '0')).join('')
    wishes.verified = (lane, offset) => this.#report({ type: 'verified', ...this.#from, lane, offset })
  }

  get #from(): { readonly holder: string; readonly epoch: bigint } {
    return { holder: this.#holder, epoch: this.#epoch }
  }

  begin(): void {}

  mayCome(type: number): boolean {
    return this.#isPriced || type === FRAME.price || type === FRAME.goaway
  }

  frame({ type }: FrameHeader, body: Uint8Array): undefined {
    if (type === FRAME.price) {
      decodePrice(body)
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
    this.#report({ type: 'lane', ...this.#from, lane, openBody, acceptBody })
  }

  protected tellLaneOver(lane: CoreLane, how: LaneEnd): void {
    this.#report({ type: 'over', ...this.#from, lane: lane.id, offset: BigInt(lane.received), how })
  }

  protected tellOver(): void {}
}
