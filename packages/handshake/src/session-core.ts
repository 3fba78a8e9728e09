/**
 * The session as a synchronous state machine: bytes and calls in, effects and bytes out (sessions.md §1, §3, §4, §9). Both sides are this
 * class; what differs is who says HELLO and who opens lanes. Time and randomness come in as data, nothing a peer sends makes it throw.
 *
 * Invariants: what was received never exceeds what was granted, per lane and per connection; a lane is in the table from OPEN until it
 * ended both ways or both RESETs passed; after `over` nothing follows but the last GOAWAY.
 */
import { CODES, nameOfCode } from './codes.ts'
import * as bounds from './constants.ts'
import type { CoreOptions, Effect, Ending } from './effects.ts'
import { HandshakeError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import * as frames from './frames.ts'
import { FLAG_END, FLAG_PONG, FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { Greeter } from './greeter.ts'
import type { CoreLane } from './lane-core.ts'
import { LaneTable } from './lane-table.ts'
import { type Batch, Outbox } from './outbox.ts'
import { type Payment, PaymentWishes } from './paying-core.ts'
import { ReceiveCredit } from './receive-credit.ts'
import { type Phase, type Role, verdictOf, verifyPlace } from './rules.ts'
import { SessionClock } from './session-clock.ts'

export class SessionCore {
  readonly role: Role
  readonly #lanes = new LaneTable()
  readonly #greeter: Greeter
  readonly #clock: SessionClock
  readonly #outbox = new Outbox((lane) => this.#onEndSent(lane))
  readonly #credit = new ReceiveCredit(this.#outbox)
  /** What the payment of a paying session asks for, and the payment itself once the session is greeted. */
  readonly wishes: PaymentWishes = new PaymentWishes(this.#outbox, this.#lanes)
  #payment: Payment | undefined
  readonly #reader = new FrameReader({
    onHeader: (header) => this.#onHeader(header),
    onData: (header, piece, isLast) => this.#onData(header, piece, isLast),
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
    return this.#lanes.open
  }

  get maxLanes(): number {
    return this.#maxLanes
  }

  /** When `tick` wants to be called. */
  get deadlineMs(): number {
    return Math.min(this.#clock.deadlineMs(this.#phase, this.#lanes.size), this.#payment?.deadlineMs ?? Number.POSITIVE_INFINITY)
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
      this.#payment?.due(nowMs)
      const verdict = this.#clock.tick(nowMs, this.#phase, this.#lanes.size)
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
    const isFirst = this.#phase === 'greeting' && this.#lanes.size === 0 && !this.#isGreetingTaken
    const lane = this.#phase === 'open' || isFirst ? this.#lanes.addNext() : undefined
    if (lane === undefined) return undefined
    lane.grant(initialCredit)
    lane.request = { serviceId, openBody: frames.encodeOpen({ serviceId, initialCredit, metadata }) }
    this.#outbox.pushControl(FRAME.open, 0, lane.id, lane.request.openBody)
    return lane
  }

  /** Node: takes the requested lane. Nothing happens when it is over already. */
  accept(lane: CoreLane, metadata: Uint8Array, initialCredit: number): void {
    if (lane.isOver || lane.isResetSent || lane.isAccepted) return
    lane.isAccepted = true
    lane.grant(initialCredit)
    const body = frames.encodeAccept({ initialCredit, metadata })
    this.#outbox.pushControl(FRAME.accept, 0, lane.id, body)
    this.#payment?.lane(lane, body)
    lane.request = undefined
  }

  /**
   * Queues bytes; `token` comes back in the batch that holds the last of them. Returns false, and queues nothing, when the lane takes none.
   * `unitEnds`: ends of units, from the start of these bytes, ascending.
   */
  write(lane: CoreLane, parts: readonly Uint8Array[], token: unknown, unitEnds?: readonly number[]): boolean {
    const filled = parts.filter((part) => part.length > 0)
    if (filled.length === 0 || lane.isOver || lane.isEnding || lane.isResetSent) return false
    lane.writes.push({ parts: filled, token, partIndex: 0, partOffset: 0 })
    const length = filled.reduce((bytes, part) => bytes + part.length, 0)
    lane.queuedBytes += length
    this.#outbox.gate?.written(lane, length, unitEnds)
    this.#outbox.schedule(lane)
    return true
  }

  /** Ends our half of the lane after what was written. */
  end(lane: CoreLane, effects: Effect[]): void {
    this.#run(effects, () => {
      if (lane.isOver || lane.isEnding || lane.isResetSent) return
      lane.isEnding = true
      this.#outbox.gate?.ended(lane)
      if (lane.queuedBytes > 0) return // END goes with the last byte
      this.#outbox.pushControl(FRAME.data, FLAG_END, lane.id, new Uint8Array())
      this.#onEndSent(lane)
    })
  }

  /** Ends the lane both ways. The lane stays in the table until the other side has answered. */
  reset(lane: CoreLane, code: number, reason: string, effects: Effect[]): void {
    this.#run(effects, () => {
      if (lane.isOver || lane.isResetSent) return
      this.#sendReset(lane, code, reason, this.role)
    })
  }

  /** The reader took `bytes` of what was handed on: credit goes back. */
  consume(lane: CoreLane, bytes: number): void {
    this.#credit.read(lane, bytes)
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

  #onHeader(header: FrameHeader): void {
    const { type, lane: id } = header
    const verdict = verdictOf(this.role, this.#phase, type, this.#payment !== undefined)
    if (typeof verdict === 'number') throw protocolError(verdict, `frame type ${type} while ${this.#phase}`)
    frames.verifyHeader(header)
    if (verdict === 'ignore') return
    if (this.#payment?.mayCome(type) === false) throw protocolError(CODES.badFrame, `frame type ${type} before PRICE`)
    verifyPlace(header, this.role, this.#lanes.get(id), this.#credit.leftBytes)
  }

  #onData(header: FrameHeader, piece: Uint8Array, isLast: boolean): void {
    const lane = this.#lanes.get(header.lane)
    if (lane === undefined || this.#phase === 'closing' || this.#phase === 'closed') return // ended by an effect of an earlier piece
    lane.received += piece.length
    this.#credit.receive(piece.length)
    if (lane.isResetSent) this.#credit.giveBack(piece.length)
    else if (piece.length > 0) this.#effects.push({ type: 'data', lane, bytes: piece })
    if (!isLast || header.flags !== FLAG_END) return
    lane.isEndReceived = true
    this.#outbox.dropGrant(lane.id)
    if (!lane.isResetSent) this.#effects.push({ type: 'end', lane })
    this.#removeWhenEnded(lane)
  }

  #onFrame(header: FrameHeader, body: Uint8Array): void {
    if (verdictOf(this.role, this.#phase, header.type, this.#payment !== undefined) !== 'take') return
    switch (header.type) {
      case FRAME.hello:
      case FRAME.welcome:
        return this.#onGreeting(body)
      case FRAME.open:
        return this.#onOpen(header.lane, frames.decodeOpen(body), body)
      case FRAME.accept:
        return this.#onAccept(header.lane, frames.decodeAccept(body), body)
      case FRAME.credit:
        return this.#onCredit(header.lane, frames.decodeCredit(body))
      case FRAME.reset:
        return this.#onReset(header.lane, frames.decodeReset(body))
      case FRAME.ping:
        if (header.flags === FLAG_PONG) this.#payment?.pong(body, this.#nowMs)
        else this.#outbox.pushControl(FRAME.ping, FLAG_PONG, 0, body)
        return
      case FRAME.goaway:
        return this.#onGoaway(frames.decodeGoaway(body))
      default:
        return this.#onPayment(this.#payment?.frame(header, body, this.#nowMs))
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
    this.#lanes.isOnce = true
    this.#payment = createPayment(this.wishes)
    this.#payment.begin()
  }

  #onOpen(id: number, { serviceId, initialCredit, metadata }: frames.OpenBody, body: Uint8Array): void {
    if (this.#lanes.isTaken(id)) throw protocolError(CODES.badFrame, `OPEN of lane ${id}, which is taken`)
    if (initialCredit > bounds.LANE_CREDIT_BYTES_MAX) throw protocolError(CODES.flowViolation, `OPEN with ${initialCredit} bytes of credit`)
    if (this.#flight !== undefined && ++this.#flight.opens > 1) throw protocolError(CODES.badFrame, 'a second OPEN before WELCOME')
    const isFull = this.openLanes >= this.#maxLanes
    const lane = this.#lanes.add(id)
    lane.sendLimit = initialCredit
    if (this.#payment !== undefined) lane.request = { serviceId, openBody: body.slice() }
    if (isFull || this.#phase === 'draining') return this.#refuse(lane, isFull ? CODES.tooManyLanes : CODES.draining)
    this.#effects.push({ type: 'request', lane, serviceId, metadata })
  }

  #refuse(lane: CoreLane, code: number): void {
    if (this.#lanes.refused >= bounds.REFUSED_LANES_MAX)
      throw protocolError(code, `${bounds.REFUSED_LANES_MAX} refused lanes wait for their answer`)
    this.#lanes.refused++
    lane.isRefused = true
    this.#sendReset(lane, code, '', this.role)
  }

  #onAccept(id: number, { initialCredit, metadata }: frames.AcceptBody, body: Uint8Array): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined || lane.isAccepted) throw protocolError(CODES.badFrame, `ACCEPT of lane ${id}, which does not wait for one`)
    if (initialCredit > bounds.LANE_CREDIT_BYTES_MAX)
      throw protocolError(CODES.flowViolation, `ACCEPT with ${initialCredit} bytes of credit`)
    lane.isAccepted = true
    lane.sendLimit = initialCredit
    this.#payment?.lane(lane, body.slice()) // also under our RESET: what is in flight on it is paid for
    lane.request = undefined
    if (lane.isResetSent) return
    this.#outbox.schedule(lane)
    this.#effects.push({ type: 'accepted', lane, metadata })
  }

  #onCredit(id: number, bytes: number): void {
    const lane = this.#lanes.get(id)
    if (id !== 0 && lane === undefined) return this.#lanes.passOver(id, 'CREDIT')
    if (lane?.isAccepted === false && this.role === 'client') throw protocolError(CODES.badFrame, `CREDIT for lane ${id} before ACCEPT`)
    this.#outbox.addCredit(lane, bytes)
  }

  #onReset(id: number, { code, offset, reason }: frames.ResetBody): void {
    const lane = this.#lanes.get(id)
    if (lane === undefined) return this.#lanes.passOver(id, 'RESET')
    if (offset !== BigInt(lane.received))
      throw protocolError(CODES.badFrame, `RESET of lane ${id} at ${offset}, after ${lane.received} bytes`)
    if (!lane.isResetSent) {
      this.#effects.push({ type: 'reset', lane, code, reason })
      this.#sendReset(lane, code, '', this.role === 'client' ? 'node' : 'client')
    }
    this.#remove(lane)
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

  #sendReset(lane: CoreLane, code: number, reason: string, by: Role): void {
    lane.isResetSent = true
    lane.resetBy = by
    this.#outbox.dropLane(lane)
    this.#outbox.pushControl(FRAME.reset, 0, lane.id, frames.encodeReset({ code, offset: BigInt(lane.sent), reason }))
    this.#credit.writeOff(lane)
  }

  #onEndSent(lane: CoreLane): void {
    lane.isEndSent = true
    this.#removeWhenEnded(lane)
  }

  #removeWhenEnded(lane: CoreLane): void {
    if (lane.isEndSent && lane.isEndReceived) this.#remove(lane) // also under our RESET: the other side has both ENDs and will not answer it
  }

  #remove(lane: CoreLane): void {
    this.#outbox.dropLane(lane)
    this.#lanes.remove(lane)
    this.#payment?.laneOver(lane, lane.resetBy === undefined ? 'ended' : `reset-by-${lane.resetBy}`)
    this.#effects.push({ type: 'done', lane })
    this.#endWhenDrained()
  }

  #endWhenDrained(): void {
    if (this.#phase !== 'draining' || this.#lanes.size > 0 || this.#payment !== undefined) return // who pays leaves by itself, once it has
    this.#phase = 'closing' // GOAWAY was said by one of us
    this.#outbox.isLast = true
    this.#over('drained', CODES.draining, 'the session was drained')
  }

  #leave(code: number, why: Ending, message: string): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return
    this.#phase = 'closing'
    this.#lanes.clear()
    this.#outbox.clear()
    this.#outbox.pushControl(FRAME.goaway, 0, 0, frames.encodeGoaway({ code, retryAfterMs: 0, nodes: [] }))
    this.#over(why, code, message)
  }

  #over(why: Ending, code: number, message: string): void {
    this.#payment?.over()
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
