/**
 * The session as a synchronous state machine: bytes and calls in, effects and bytes out (sessions.md §1, §3, §4, §9). Both sides are this
 * class; what differs is who says HELLO and who opens lanes. Time and randomness come in as data, nothing a peer sends makes it throw.
 *
 * Invariants: what was received never exceeds what was granted, per lane and per connection; after `over` nothing follows but the last GOAWAY.
 * What happens on lanes is in `lane-protocol.ts`.
 */
import { CODES, nameOfCode } from './codes.ts'
import * as bounds from './constants.ts'
import type { CoreOptions, Effect, Ending } from './effects.ts'
import { HandshakeError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import * as frames from './frames.ts'
import { FLAG_PONG, FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { Greeter } from './greeter.ts'
import type { CoreLane } from './lane-core.ts'
import { type LaneHost, LaneProtocol } from './lane-protocol.ts'
import type { Batch } from './outbox.ts'
import { PaymentWishes } from './paying-core.ts'
import { type Phase, type Role, verdictOf, verifyPlace } from './rules.ts'
import { SessionClock } from './session-clock.ts'

export class SessionCore implements LaneHost {
  readonly role: Role
  readonly #lanes = new LaneProtocol(this)
  readonly #outbox = this.#lanes.outbox
  readonly #greeter: Greeter
  readonly #clock: SessionClock
  /** What the payment of a paying session asks for. */
  readonly wishes: PaymentWishes = new PaymentWishes(this.#outbox, this.#lanes.table)
  readonly #reader = new FrameReader({
    onHeader: (header) => this.#onHeader(header),
    onData: (header, piece, isLast) => {
      if (this.#phase !== 'closing' && this.#phase !== 'closed') this.#lanes.onData(header, piece, isLast)
    },
    onFrame: (header, body) => this.#onFrame(header, body),
  })
  #effects: Effect[] = []
  #phase: Phase = 'greeting'
  #maxLanes: number
  /** Client: HELLO's flight is out; nothing follows it before WELCOME (§3). */
  #isGreetingTaken = false
  /** What the other side said when it began to drain. */
  #goawayCode = 0
  /** Node: bytes and OPENs that came in HELLO's own flight, which the client sent before it could know of WELCOME. */
  #flight: { opens: number } | undefined
  #nowMs = 0

  constructor(options: CoreOptions, nowMs: number) {
    this.role = options.role
    this.#greeter = options.greeter
    this.#maxLanes = options.maxLanes
    this.#clock = new SessionClock(options.clock, nowMs)
    const hello = this.#greeter.helloBody
    if (hello !== undefined) this.#outbox.pushControl(FRAME.hello, 0, 0, hello)
  }

  get phase(): Phase {
    return this.#phase
  }

  get hasOutput(): boolean {
    return this.#phase !== 'closed' && !(this.#phase === 'greeting' && this.#isGreetingTaken) && this.#outbox.hasOutput
  }

  /** Too many control frames wait to be sent: the driver reads nothing more until they are gone. */
  get isCongested(): boolean {
    return this.#outbox.controlBytes > bounds.CONTROL_BYTES_MAX
  }

  /** Lanes that count against the limit. */
  get openLanes(): number {
    return this.#lanes.table.open
  }

  get maxLanes(): number {
    return this.#maxLanes
  }

  get flight(): { opens: number } | undefined {
    return this.#flight
  }

  /** When `tick` wants to be called. */
  get deadlineMs(): number {
    return Math.min(this.#clock.deadlineMs(this.#phase, this.#lanes.table.size), this.#lanes.payment?.deadlineMs ?? Number.POSITIVE_INFINITY)
  }

  receive(bytes: Uint8Array, nowMs: number, effects: Effect[]): void {
    this.#run(effects, () => {
      if (this.#phase === 'closing' || this.#phase === 'closed') return
      this.#clock.received(nowMs)
      this.#nowMs = nowMs
      const isGreeting = this.role === 'node' && this.#phase === 'greeting'
      const isTooMuch = isGreeting && this.#reader.heldBytes + bytes.length > bounds.GREETING_BYTES_MAX
      if (isTooMuch) throw protocolError(CODES.badFrame, 'more than 4 KiB before WELCOME')
      if (isGreeting) this.#flight = { opens: 0 }
      this.#reader.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)) // plain, if it was a Buffer: only then `slice` copies
      this.#flight = undefined
    })
  }

  tick(nowMs: number, effects: Effect[]): void {
    this.#run(effects, () => {
      this.#lanes.payment?.due(nowMs)
      const verdict = this.#clock.tick(nowMs, this.#phase, this.#lanes.table.size)
      if (verdict === 'ping') this.#outbox.pushControl(FRAME.ping, 0, 0, new Uint8Array(8))
      else if (verdict === 'end') this.#phase = 'closed'
      else if (verdict === 'silence') this.#leave(CODES.idleTimeout, 'silence', `the other side was silent too long while ${this.#phase}`)
    })
  }

  /** The channel is gone, whatever the reason. */
  lose(message: string, effects: Effect[]): void {
    this.#run(effects, () => {
      const wasOver = this.#phase === 'closing' || this.#phase === 'closed'
      this.#phase = 'closed'
      if (!wasOver) this.#over('lost', this.#goawayCode, message)
    })
  }

  /** Says GOAWAY and ends the session; lanes end with it. */
  leave(code: number, effects: Effect[]): void {
    this.#run(effects, () => this.#leave(code, 'left', `this side ended the session (${nameOfCode(code)})`))
  }

  /** Node: takes no new lanes and says so; the session ends when its lanes have. */
  drain(nowMs: number, effects: Effect[]): void {
    this.#run(effects, () => {
      if (this.#phase === 'greeting') return this.#leave(CODES.draining, 'left', 'the node takes no sessions')
      if (this.#phase !== 'open') return
      this.#phase = 'draining'
      this.#clock.received(nowMs)
      this.#outbox.pushControl(FRAME.goaway, 0, 0, frames.encodeGoaway({ code: CODES.draining, retryAfterMs: 0, nodes: [] }))
      this.#endWhenDrained()
    })
  }

  /** Client: opens a lane; none when all numbers are taken or the phase takes none. One may be opened to go out together with HELLO. */
  open(serviceId: number, metadata: Uint8Array, initialCredit: number): CoreLane | undefined {
    const isFirst = this.#phase === 'greeting' && this.#lanes.table.size === 0 && !this.#isGreetingTaken
    return this.#phase === 'open' || isFirst ? this.#lanes.open(serviceId, metadata, initialCredit) : undefined
  }

  /** Node: takes the requested lane. Nothing happens when it is over already. */
  accept(lane: CoreLane, metadata: Uint8Array, initialCredit: number): void {
    this.#lanes.accept(lane, metadata, initialCredit)
  }

  /**
   * Queues bytes; `token` comes back in the batch that holds the last of them. Returns false, and queues nothing, when the lane takes none.
   * `unitEnds`: ends of units, from the start of these bytes, ascending.
   */
  write(lane: CoreLane, parts: readonly Uint8Array[], token: unknown, unitEnds?: readonly number[]): boolean {
    return this.#lanes.write(lane, parts, token, unitEnds)
  }

  /** Ends our half of the lane after what was written. */
  end(lane: CoreLane, effects: Effect[]): void {
    this.#run(effects, () => this.#lanes.end(lane))
  }

  /** Ends the lane both ways. The lane stays in the table until the other side has answered. */
  reset(lane: CoreLane, code: number, reason: string, effects: Effect[]): void {
    this.#run(effects, () => this.#lanes.reset(lane, code, reason))
  }

  /** The reader took `bytes` of what was handed on: credit goes back. */
  consume(lane: CoreLane, bytes: number): void {
    this.#lanes.credit.read(lane, bytes)
  }

  take(budgetBytes: number, effects: Effect[]): Batch {
    let batch: Batch = { parts: [], tokens: [], bytes: 0 }
    this.#run(effects, () => {
      if (!this.hasOutput) return
      batch = this.#outbox.take(budgetBytes)
      this.#isGreetingTaken = true
    })
    return batch
  }

  emit(effect: Effect): void {
    this.#effects.push(effect)
  }

  onRemoved(): void {
    this.#endWhenDrained()
  }

  #onHeader(header: FrameHeader): void {
    const { type, lane: id } = header
    const verdict = verdictOf(this.role, this.#phase, type, this.#lanes.payment !== undefined)
    if (typeof verdict === 'number') throw protocolError(verdict, `frame type ${type} while ${this.#phase}`)
    frames.verifyHeader(header)
    if (verdict === 'ignore') return
    if (this.#lanes.payment?.mayCome(type) === false) throw protocolError(CODES.badFrame, `frame type ${type} before PRICE`)
    verifyPlace(header, this.role, this.#lanes.table.get(id), this.#lanes.credit.leftBytes)
  }

  #onFrame(header: FrameHeader, body: Uint8Array): void {
    if (verdictOf(this.role, this.#phase, header.type, this.#lanes.payment !== undefined) !== 'take') return
    switch (header.type) {
      case FRAME.hello:
      case FRAME.welcome:
        return this.#onGreeting(body)
      case FRAME.open:
        return this.#lanes.onOpen(header.lane, body)
      case FRAME.accept:
        return this.#lanes.onAccept(header.lane, body)
      case FRAME.credit:
        return this.#lanes.onCredit(header.lane, frames.decodeCredit(body))
      case FRAME.reset:
        return this.#lanes.onReset(header.lane, frames.decodeReset(body))
      case FRAME.ping:
        if (header.flags === FLAG_PONG) this.#lanes.payment?.pong(body, this.#nowMs)
        else this.#outbox.pushControl(FRAME.ping, FLAG_PONG, 0, body)
        return
      case FRAME.goaway:
        return this.#onGoaway(frames.decodeGoaway(body))
      default:
        return this.#onPayment(this.#lanes.payment?.frame(header, body, this.#nowMs))
    }
  }

  /** The books of the node, or the payer of the client, end the session when they name a code. */
  #onPayment(code: number | undefined): void {
    if (code !== undefined) this.#leave(code, 'payment', `this side ended the session for its payment (${nameOfCode(code)})`)
  }

  #onGreeting(body: Uint8Array): void {
    const { welcome, clientKey, welcomeBody, account, createPayment } = this.#greeter.answer(body)
    if (welcomeBody !== undefined) this.#outbox.pushControl(FRAME.welcome, 0, 0, welcomeBody)
    this.#phase = 'open'
    this.#maxLanes = welcome.maxLanes
    this.#outbox.sendLimit = bounds.CONNECTION_CREDIT_BYTES
    this.#effects.push({ type: 'welcome', welcome, clientKey, account })
    if (createPayment === undefined) return
    this.#lanes.table.isOnce = true
    this.#lanes.payment = createPayment(this.wishes)
    this.#lanes.payment.begin()
  }

  #onGoaway({ code, retryAfterMs }: frames.GoawayBody): void {
    if (this.#phase === 'greeting' || code !== CODES.draining) {
      this.#phase = 'closed'
      return this.#over('goaway', code, `the other side ended the session (${nameOfCode(code)})`)
    }
    this.#phase = 'draining'
    this.#goawayCode = code
    this.#effects.push({ type: 'draining', code, retryAfterMs })
    this.#endWhenDrained()
  }

  #endWhenDrained(): void {
    if (this.#phase !== 'draining' || this.#lanes.table.size > 0 || this.#lanes.payment !== undefined) return // who pays leaves by itself, once it has
    this.#phase = 'closing' // GOAWAY was said by one of us
    this.#outbox.isLast = true
    this.#over('drained', CODES.draining, 'the session was drained')
  }

  #leave(code: number, why: Ending, message: string): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return
    this.#phase = 'closing'
    this.#lanes.table.clear()
    this.#outbox.clear()
    this.#outbox.pushControl(FRAME.goaway, 0, 0, frames.encodeGoaway({ code, retryAfterMs: 0, nodes: [] }))
    this.#over(why, code, message)
  }

  #over(why: Ending, code: number, message: string): void {
    this.#lanes.payment?.over()
    this.#effects.push({ type: 'over', why, code, message })
  }

  /** The one place where a mistake of the other side, thrown by a decoder below, becomes the end of the session. */
  #run(effects: Effect[], event: () => void): void {
    this.#effects = effects
    this.wishes.isHeld = true
    try {
      event()
    } catch (error) {
      if (!(error instanceof HandshakeError) || error.laneCode === undefined) throw error
      this.#leave(error.laneCode, 'protocol', error.message)
    } finally {
      this.wishes.isHeld = false
    }
    this.#onPayment(this.wishes.leaveCode)
  }
}
