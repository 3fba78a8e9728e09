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
import { type Goaway, HandshakeError } from './errors.ts'
import { FrameReader } from './frame-reader.ts'
import * as frames from './frames.ts'
import { FRAME, type FrameHeader, protocolError } from './frames.ts'
import type { Greeter } from './greeter.ts'
import type { Again, CoreLane, Resend } from './lane-core.ts'
import { type LaneHost, LaneProtocol } from './lane-protocol.ts'
import { goOn, resumeBodyOf } from './lane-resume.ts'
import type { Batch } from './outbox.ts'
import { PaymentWishes } from './payment-base.ts'
import { type Phase, type Role, verdictOf, verifyPlace } from './rules.ts'
import { SessionClock } from './session-clock.ts'

export class SessionCore implements LaneHost {
  readonly role: Role
  readonly #lanes = new LaneProtocol(this)
  readonly #outbox = this.#lanes.outbox
  #greeter: Greeter
  readonly #clock: SessionClock
  readonly #handOff: CoreOptions['handOff']
  /** What the payment of a paying session asks for. */
  readonly wishes: PaymentWishes = new PaymentWishes(this.#outbox, this.#lanes.table)
  #reader = this.#createReader()
  #effects: Effect[] = []
  #phase: Phase = 'greeting'
  #maxLanes: number
  /** Client: HELLO's flight is out; nothing follows it before WELCOME (§3). */
  #isGreetingTaken = false
  /** The session was greeted before: it goes on over another connection. */
  #isResumed = false
  /** What the other side said when it began to drain. */
  #goaway: Goaway | undefined
  /** Node: bytes and OPENs that came in HELLO's own flight, which the client sent before it could know of WELCOME. */
  flight: { opens: number } | undefined
  #nowMs = 0

  constructor(options: CoreOptions, nowMs: number) {
    this.role = options.role
    this.#greeter = options.greeter
    this.#maxLanes = options.maxLanes
    this.#handOff = options.handOff
    this.#clock = new SessionClock(options.clock, options.startedMs ?? nowMs)
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

  /** When `tick` wants to be called. */
  get deadlineMs(): number {
    return Math.min(this.#clock.deadlineMs(this.#phase, this.#lanes.live), this.#lanes.deadlineMs)
  }

  receive(bytes: Uint8Array, nowMs: number, effects: Effect[]): void {
    this.#run(effects, () => {
      if (this.#phase === 'closing' || this.#phase === 'closed' || this.#phase === 'suspended') return
      this.#clock.received(nowMs)
      this.#lanes.resets.heard(nowMs)
      this.#nowMs = nowMs
      const isGreeting = this.role === 'node' && this.#phase === 'greeting'
      const isTooMuch = isGreeting && this.#reader.heldBytes + bytes.length > bounds.GREETING_BYTES_MAX
      if (isTooMuch) throw protocolError(CODES.badFrame, 'more than 4 KiB before WELCOME')
      if (isGreeting) this.flight = { opens: 0 }
      this.#reader.push(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)) // plain, if it was a Buffer: only then `slice` copies
      this.flight = undefined
    })
  }

  tick(nowMs: number, effects: Effect[]): void {
    this.#run(effects, () => {
      this.#lanes.payment?.due(nowMs)
      const verdict = this.#lanes.isUnanswered(nowMs) ? 'silence' : this.#clock.tick(nowMs, this.#phase, this.#lanes.live)
      if (verdict === 'ping') this.#outbox.pushControl(FRAME.ping, 0, 0, new Uint8Array(8))
      else if (verdict === 'end') this.#phase = 'closed'
      else if (verdict === 'none') return
      else if (this.#phase === 'suspended') this.#end('lost', 0, 'the connection was lost and no other came in time')
      else this.#silence(`the other side was silent too long while ${this.#phase}`)
    })
  }

  /** The channel is gone, whatever the reason. `suspendMs`: now, and the session may go on over another one. */
  lose(message: string, effects: Effect[], suspendMs?: number): void {
    this.#run(effects, () => {
      if (suspendMs !== undefined && this.#suspend(suspendMs)) return
      this.#end('lost', this.#goaway?.code ?? 0, message)
    })
  }

  /** Client: says HELLO on another channel, for a session that is suspended. */
  resume(greeter: Greeter, nowMs: number): void {
    if (this.#phase !== 'suspended' || this.role !== 'client' || greeter.helloBody === undefined) return
    this.#restart(nowMs)
    this.#greeter = greeter
    this.#phase = 'greeting'
    this.#isGreetingTaken = false
    this.#outbox.say(FRAME.hello, greeter.helloBody)
  }

  /** Node: goes on over the channel whose HELLO named this session, which is suspended; this WELCOME answers it. */
  adopt(welcomeBody: Uint8Array, nowMs: number): void {
    if (this.#phase !== 'suspended' || this.role !== 'node') return
    this.#restart(nowMs)
    this.#outbox.say(FRAME.welcome, welcomeBody)
    this.#sayResume()
  }

  /** Says GOAWAY and ends the session; lanes end with it. */
  leave(code: number, effects: Effect[]): void {
    this.#run(effects, () => this.#leave(code, 'left', `this side ended the session (${nameOfCode(code)})`))
  }

  /** Node: takes no new lanes and says so; the session ends when its lanes have. */
  drain(nowMs: number, effects: Effect[]): void {
    this.#run(effects, () => {
      if (this.#phase === 'greeting' || this.#phase === 'suspended')
        return this.#leave(CODES.draining, 'left', 'the node takes no sessions')
      if (this.#phase !== 'open') return
      this.#phase = 'draining'
      this.#clock.received(nowMs)
      this.#sayGoaway(CODES.draining)
      this.#endWhenDrained()
    })
  }

  /** Client: opens a lane; none when all numbers are taken or the phase takes none. One may be opened to go out together with HELLO. */
  open(serviceId: number, metadata: Uint8Array, initialCredit: number, resend?: Resend): CoreLane | undefined {
    const isFirst = this.#phase === 'greeting' && this.#lanes.table.size === 0 && !this.#isGreetingTaken
    const mayOpen = this.#phase === 'open' || this.#phase === 'suspended' || this.#isBetween || isFirst
    return mayOpen ? this.#lanes.open(serviceId, metadata, initialCredit, resend) : undefined
  }

  /** Node: takes the requested lane. Nothing happens when it is over already. */
  accept(lane: CoreLane, metadata: Uint8Array, initialCredit: number, resend?: Resend): void {
    lane.resend = resend
    this.#lanes.accept(lane, metadata, initialCredit)
  }

  /**
   * Queues bytes; `token` comes back in the batch that holds the last of them. Returns false, and queues nothing, when the lane takes none.
   * `unitEnds`: ends of units, from the start of these bytes, ascending.
   */
  write(lane: CoreLane, parts: readonly Uint8Array[], token: unknown, unitEnds?: readonly number[]): boolean {
    return this.#lanes.write(lane, parts, token, unitEnds)
  }

  /** Of what was lost, these bytes go out again. False: they are not wanted any more. */
  sendAgain(lane: CoreLane, again: Again, bytes: Uint8Array, token: unknown): boolean {
    return this.#lanes.sendAgain(lane, again, bytes, token)
  }

  /** Ends our half of the lane after what was written. */
  end(lane: CoreLane, effects: Effect[]): void {
    this.#run(effects, () => this.#lanes.end(lane))
  }

  /** Ends the lane both ways. The lane stays in the table until the other side has answered. `isReadOn`: what comes until then is handed on. */
  reset(lane: CoreLane, code: number, reason: string, effects: Effect[], isReadOn = false): void {
    this.#run(effects, () => {
      this.#lanes.reset(lane, code, reason, isReadOn)
      this.#lanes.askForPlaces()
    })
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
    const { type } = header
    const verdict = verdictOf(this.role, this.#phase, type, this.#lanes.payment !== undefined)
    if (typeof verdict === 'number') throw protocolError(verdict, `frame type ${type} while ${this.#phase}`)
    frames.verifyHeader(header)
    if (verdict === 'ignore') return
    if (!this.#isBetween && this.#lanes.payment?.mayCome(type) === false)
      throw protocolError(CODES.badFrame, `frame type ${type} before PRICE`)
    verifyPlace(header, this.role, this.#lanes.table, this.#lanes.credit.leftBytes)
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
      case FRAME.resume:
        return this.#onResume(body)
      case FRAME.ping:
        return this.#lanes.onPing(header.flags, body, this.#nowMs)
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
    const { welcome, clientKey, welcomeBody, account, connections, createPayment, resumes } = this.#greeter.answer(body)
    const greeting = { type: 'welcome', welcome, clientKey, account, connections } as const
    if (resumes !== undefined && welcomeBody !== undefined) {
      this.#phase = 'closed'
      return this.emit({ type: 'moved', to: resumes, welcomeBody })
    }
    if (this.#isResumed) {
      this.emit(greeting)
      return this.#sayResume()
    }
    if (welcomeBody !== undefined) this.#outbox.pushControl(FRAME.welcome, 0, 0, welcomeBody)
    this.#phase = 'open'
    this.#maxLanes = welcome.maxLanes
    this.#outbox.sendLimit = bounds.CONNECTION_CREDIT_BYTES
    this.emit(greeting)
    this.#lanes.askForPlaces() // the first lane may have been reset meanwhile
    if (createPayment === undefined) return
    this.#lanes.table.begin(welcome.connection)
    this.#lanes.payment = createPayment(this.wishes)
    this.#lanes.payment.begin(this.#nowMs)
  }

  /** On a new channel, before both sides have said where they are. */
  get #isBetween(): boolean {
    return this.#phase === 'resuming' || (this.#phase === 'greeting' && this.#isResumed)
  }

  #createReader(): FrameReader {
    return new FrameReader({
      onHeader: (header) => this.#onHeader(header),
      onData: (header, piece, isLast) => {
        if (this.#phase !== 'closing' && this.#phase !== 'closed') this.#lanes.onData(header, piece, isLast)
      },
      onFrame: (header, body) => this.#onFrame(header, body),
    })
  }

  /** False: it is over with its channel. A channel that is lost before both have said where they are gives no more time than the first. */
  #suspend(nowMs: number): boolean {
    if (this.#phase === 'suspended') return true
    const wasOpen = this.#phase === 'open'
    const { payment } = this.#lanes
    if (payment?.isResumable !== true || !(wasOpen || this.#isBetween)) return false
    if (wasOpen && !payment.suspend()) return false
    if (wasOpen) this.#clock.suspended(nowMs)
    this.#phase = 'suspended'
    this.#isResumed = true
    this.#outbox.detach()
    this.emit({ type: 'suspended' })
    return true
  }

  #restart(nowMs: number): void {
    this.#reader = this.#createReader()
    this.#clock.restart(nowMs)
    this.#nowMs = nowMs
  }

  #sayResume(): void {
    this.#phase = 'resuming'
    this.#outbox.say(FRAME.resume, resumeBodyOf(this.#lanes, this))
  }

  #onResume(body: Uint8Array): void {
    this.#phase = 'open'
    const code = goOn(this.#lanes, this, body, this.#nowMs)
    if (code === undefined) this.emit({ type: 'resumed' })
    else this.#onPayment(code)
  }

  #onGoaway(goaway: Goaway): void {
    const { code } = goaway
    this.#goaway = goaway
    if (this.#phase === 'greeting' || this.#phase === 'resuming' || code !== CODES.draining) {
      this.#phase = 'closed'
      return this.#over('goaway', code, `the other side ended the session (${nameOfCode(code)})`)
    }
    this.#phase = 'draining'
    this.#effects.push({ type: 'draining', goaway })
    this.#endWhenDrained()
  }

  #endWhenDrained(): void {
    if (this.#phase !== 'draining' || this.#lanes.table.size > 0 || this.#lanes.payment !== undefined) return // who pays leaves by itself, once it has
    this.#phase = 'closing' // GOAWAY was said by one of us
    this.#outbox.isLast = true
    this.#over('drained', CODES.draining, 'the session was drained')
  }

  /** The channel is gone: no last word. */
  #end(why: Ending, code: number, message: string): void {
    const wasOver = this.#phase === 'closing' || this.#phase === 'closed'
    this.#phase = 'closed'
    if (!wasOver) this.#over(why, code, message)
  }

  /** A session with lanes may go on over another channel. */
  #silence(message: string): void {
    if (this.#lanes.payment?.isResumable === true && (this.#isBetween || this.#lanes.live > 0)) this.emit({ type: 'dead' })
    else this.#leave(CODES.idleTimeout, 'silence', message)
  }

  #leave(code: number, why: Ending, message: string): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return
    if (this.#phase === 'suspended') return this.#end(why, code, message)
    this.#phase = 'closing'
    this.#lanes.table.clear()
    this.#outbox.clear()
    this.#sayGoaway(code)
    this.#over(why, code, message)
  }

  #over(why: Ending, code: number, message: string): void {
    this.#lanes.payment?.over()
    this.#effects.push({ type: 'over', why, code, message, goaway: this.#goaway })
  }

  #sayGoaway(code: number): void {
    const handOff = code === CODES.draining ? this.#handOff?.() : undefined
    const { retryAfterMs = 0, nodes = [] } = handOff ?? {}
    this.#outbox.say(FRAME.goaway, frames.encodeGoaway({ code, retryAfterMs, nodes: nodes.slice(0, bounds.HINTS_MAX) }))
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
    if (this.wishes.isCut && this.#phase === 'open') this.#silence('the other side did not answer')
    this.wishes.isCut = false
  }
}
