/**
 * Sees in a paying session when an order to keep content is paid: the lane came to its end, an acknowledgement that was counted names its last
 * byte, and no stretch of it was left unpaid in an epoch before; and how much content the account pays for at all, which buys it places. It stands before the books'
 * own meter and changes nothing of what that is told or says.
 */
import { CONTENT_SERVICE_ID, decodeAnswer, decodeRequest } from '@selvedge/content'
import { decodeAcknowledgement } from '@selvedge/delivery-acknowledgement'
import type { EpochFrame, NodePayments, SessionMeter } from '@selvedge/handshake'
import type { PinBook, PinOrder } from './pin-book.ts'

/** Before the metadata of an OPEN: service, credit, length. Of an ACCEPT: credit, length. */
const OPEN_HEAD_BYTES = 10
const ACCEPT_HEAD_BYTES = 6

/** `payments`, whose sessions order in `pins`. */
export function withPins(payments: NodePayments, pins: Pick<PinBook, 'order' | 'paid'>): NodePayments {
  return {
    get place() {
      return payments.place
    },
    nextLaneNonce: () => payments.nextLaneNonce(),
    admit(hello) {
      const admission = payments.admit(hello)
      if ('refuse' in admission) return admission
      return { ...admission, meter: new PinMeter(admission.meter, admission.account, pins) }
    },
  }
}

/** A lane that is an order. */
interface Ordered {
  readonly order: PinOrder
  /** Bytes of the lane, once it came to its end. */
  total: bigint | undefined
  /** Acknowledged, and the newest epoch of that. */
  verified: bigint
  epoch: bigint
  /** What was sent up to `end` belongs to epochs before `before`: acknowledged in those or never, for the next one goes on behind it. */
  owed: { readonly before: bigint; readonly end: bigint } | undefined
}

export class PinMeter implements SessionMeter {
  readonly #meter: SessionMeter
  readonly #account: Uint8Array
  readonly #pins: Pick<PinBook, 'order' | 'paid'>
  readonly #ordered = new Map<number, Ordered>()
  /** Of the newest epoch that an acknowledgement of content was of. */
  #acknowledged: { readonly epoch: bigint; readonly cumBytes: bigint } = { epoch: 0n, cumBytes: 0n }

  constructor(meter: SessionMeter, account: Uint8Array, pins: Pick<PinBook, 'order' | 'paid'>) {
    this.#meter = meter
    this.#account = account
    this.#pins = pins
  }

  get deadlineMs(): number {
    return this.#meter.deadlineMs
  }

  get chains(): NonNullable<SessionMeter['chains']> {
    return this.#meter.chains ?? []
  }

  begin(...[session, link]: Parameters<SessionMeter['begin']>): void {
    const epoch = (frame: EpochFrame): void => {
      this.#beginEpoch(frame)
      link.epoch(frame)
    }
    this.#meter.begin(session, { ...link, epoch })
  }

  lane(lane: number, serviceId: number, openBody: Uint8Array, acceptBody: Uint8Array): void {
    this.#meter.lane(lane, serviceId, openBody, acceptBody)
    const content = serviceId === CONTENT_SERVICE_ID ? orderedIn(openBody, acceptBody) : undefined
    const order = content && this.#pins.order(this.#account, content.root, content.size)
    this.#ordered.get(lane)?.order.release() // a number comes again when all that it was is over
    if (order === undefined) this.#ordered.delete(lane)
    else this.#ordered.set(lane, { order, total: undefined, verified: 0n, epoch: 0n, owed: undefined })
  }

  allow(lane: number, unitBytes: number, isBegun: boolean): boolean {
    return this.#meter.allow(lane, unitBytes, isBegun)
  }

  sent(lane: number, offset: bigint, isUnitEnd: boolean): void {
    this.#meter.sent(lane, offset, isUnitEnd)
  }

  ack(...[frame, nowMs]: Parameters<SessionMeter['ack']>): ReturnType<SessionMeter['ack']> {
    const refused = this.#meter.ack(frame, nowMs)
    if (refused !== undefined) return refused
    const { epoch, serviceId, cumBytes } = decodeAcknowledgement(frame.acknowledgement) // which the books have just read
    if (serviceId === CONTENT_SERVICE_ID) this.#count(epoch, cumBytes)
    for (const { lane, verifiedOffset } of frame.lanes) {
      const ordered = this.#ordered.get(lane)
      if (ordered === undefined) continue
      const { owed } = ordered
      if (owed !== undefined && epoch < owed.before && verifiedOffset >= owed.end) ordered.owed = undefined
      if (verifiedOffset > ordered.verified) ordered.verified = verifiedOffset
      if (epoch > ordered.epoch) ordered.epoch = epoch
      this.#settle(lane, ordered)
    }
    return undefined
  }

  tick(...about: Parameters<SessionMeter['tick']>): ReturnType<SessionMeter['tick']> {
    return this.#meter.tick(...about) // which names no lane: the acknowledgement behind it does
  }

  laneOver(...[lane, offset, how]: Parameters<SessionMeter['laneOver']>): void {
    this.#meter.laneOver(lane, offset, how)
    const ordered = this.#ordered.get(lane)
    if (ordered === undefined) return
    if (how === 'ended') {
      ordered.total = offset
      return this.#settle(lane, ordered)
    }
    ordered.order.release()
    this.#ordered.delete(lane)
  }

  pong(...about: Parameters<SessionMeter['pong']>): void {
    this.#meter.pong(...about)
  }

  suspend(): boolean {
    return this.#meter.suspend?.() ?? false
  }

  resume(...about: Parameters<NonNullable<SessionMeter['resume']>>): number | undefined {
    return this.#meter.resume?.(...about)
  }

  over(...about: Parameters<SessionMeter['over']>): void {
    this.#meter.over(...about)
    for (const { order } of this.#ordered.values()) order.release()
    this.#ordered.clear()
  }

  due(nowMs: number): void {
    this.#meter.due(nowMs)
  }

  /** A chain begins anew with each epoch. What comes for the one that closes behind the first of the next buys nothing: that one's places are sold. */
  #count(epoch: bigint, cumBytes: bigint): void {
    const before = this.#acknowledged
    if (epoch < before.epoch) return
    this.#acknowledged = { epoch, cumBytes }
    const bytes = epoch === before.epoch ? cumBytes - before.cumBytes : cumBytes
    if (bytes > 0n) this.#pins.paid(this.#account, epoch, Number(bytes))
  }

  /** An epoch closes with what is acknowledged in its grace; whoever owes for an order still when the next one ends has not paid it. */
  #beginEpoch({ epoch, lanes }: EpochFrame): void {
    for (const { lane, offset } of lanes) {
      const ordered = this.#ordered.get(lane)
      if (ordered === undefined) continue
      if (ordered.owed !== undefined) {
        ordered.order.release()
        this.#ordered.delete(lane)
      } else if (offset > ordered.verified) ordered.owed = { before: epoch, end: offset }
    }
  }

  #settle(lane: number, { order, total, verified, epoch, owed }: Ordered): void {
    if (total === undefined || verified < total || owed !== undefined) return
    this.#ordered.delete(lane)
    order.pay(epoch)
  }
}

/** What the two bodies order to be kept, if they do: a read with the flag that a service answered with content. */
function orderedIn(openBody: Uint8Array, acceptBody: Uint8Array): { readonly root: Uint8Array; readonly size: number } | undefined {
  const { pin, head } = decodeRequest(openBody.subarray(OPEN_HEAD_BYTES))
  if (pin !== true || head) return undefined
  const { mode, root, size } = decodeAnswer(acceptBody.subarray(ACCEPT_HEAD_BYTES))
  return mode === undefined || root === undefined || size === undefined ? undefined : { root, size }
}
