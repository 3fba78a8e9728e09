/**
 * What the payment of a session is to its core, and what all of its kinds have in common (`paying-core.ts`, `joined-payment.ts`): which lanes were told, and which
 * frames may go.
 */
import type { FrameHeader } from './frames.ts'
import type { CoreLane } from './lane-core.ts'
import type { LaneTable } from './lane-table.ts'
import type { Outbox } from './outbox.ts'
import type { LaneEnd, PriceFrame, ResumedChains } from './paying.ts'
import type { ResumeBody } from './resume-frame.ts'
import type { SessionSharing } from './session-sharing.ts'

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
  /** Of the client that owns the session, where it was handed one. */
  sharing: SessionSharing | undefined
  /** Of a client that joined one: somebody verifies the lane, also behind its reset, until `left`. */
  followed: ((lane: number) => void) | undefined
  /** Tells its owner how far a lane is verified; that more of it is not; and that nobody will verify more. */
  verified: ((lane: number, offset: bigint) => void) | undefined
  refused: ((lane: number) => void) | undefined
  left: ((lane: number) => void) | undefined
  /** The newest there. */
  prices: PriceFrame | undefined
  /** Node: a connection that joined by a token for reading. */
  isReadOnly = false

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
  begin(nowMs: number): void
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
  /** Whether it is a connection that joined the session; by a token for reading: a client sends nothing on its lanes. */
  readonly isJoined: boolean
  readonly isReadOnly: boolean
  /** Node: lanes of the session that count against its limit, and those of connections that joined it. */
  readonly sessionLanes: number
  readonly joinedLanes: number
  /** Node: the code that a lane of the service is refused with. */
  refusalOf(serviceId: number): number | undefined
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

/** What both ends have in common: which lanes were told, and how much of each there is. */
export abstract class PaymentBase {
  readonly isJoined: boolean = false
  protected readonly wishes: PaymentWishes
  protected isOver = false
  readonly #told = new Set<CoreLane>()

  constructor(wishes: PaymentWishes) {
    this.wishes = wishes
  }

  /** Of this connection. */
  get openLanes(): number {
    return this.wishes.lanes.open
  }

  get sessionLanes(): number {
    return this.openLanes
  }

  get joinedLanes(): number {
    return 0
  }

  get isReadOnly(): boolean {
    return this.wishes.isReadOnly
  }

  refusalOf(_serviceId: number): number | undefined {
    return undefined
  }

  /** Lanes that waited are asked again. */
  wake(): void {
    if (this.isOver) return
    this.wishes.outbox.wake()
    this.wishes.ask()
  }

  say(type: number, body: Uint8Array): void {
    this.send(type, 0, body)
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

  leave(code: number): void {
    if (!this.isOver) this.wishes.ask(code)
  }
}

/** Of PING and PONG. */
export function nonceIn(body: Uint8Array): bigint {
  return new DataView(body.buffer, body.byteOffset).getBigUint64(0, true)
}

export function nonceBody(nonce: bigint): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, nonce, true)
  return out
}
