/**
 * Runs a session core over a carrier: feeds it bytes and time, carries out its effects in order, and keeps at most 256 KiB in the carrier,
 * so that control frames are never far behind. It makes no decision of the protocol.
 *
 * What is small waits until the present turn of the event loop is over, so that ACCEPT, an answer's few bytes and its END, of all lanes that
 * had something to say, are one record and one call of the system instead of one each; what is large leaves at once.
 */
import type { Carrier } from './carrier.ts'
import { CODES, nameOfCode } from './codes.ts'
import type { Effect } from './effects.ts'
import { type Goaway, HandshakeError } from './errors.ts'
import type { Greeter } from './greeter.ts'
import type { CoreLane } from './lane-core.ts'
import { LaneDriver, type LaneOwner, type LaneReading, type PendingPromise } from './lane.ts'
import { Resends } from './resends.ts'
import type { SessionCore } from './session-core.ts'

/** What the carrier may hold that is not yet sent. */
const IN_FLIGHT_BYTES_MAX = 256 * 1024
/** From so many bytes on, one more record is not what costs. Below, an answer of one chunk group with what proves it can leave with its END. */
const EAGER_BYTES = 64 * 1024
/** After the input of this turn, where the platform can tell; else after the promises that are settled already. */
const soon: (callback: () => void) => void = typeof setImmediate === 'function' ? setImmediate : queueMicrotask

/** What differs between the two ends. */
export interface SessionEvents {
  onWelcome(effect: Extract<Effect, { type: 'welcome' }>): void
  onRequest(effect: Extract<Effect, { type: 'request' }>): void
  onAccepted(lane: LaneDriver, metadata: Uint8Array): void
  /** A place for a lane may have become free. */
  onLaneDone(): void
  onDraining(goaway: Goaway): void
  /** The channel is gone and the session waits for another one (`resume`, `adopt`); and it has gone on over one. */
  onSuspended?(): void
  onResumed?(): void
  /** Whether a session that loses its channel may wait. @default it may */
  maySuspend?(): boolean
  /** Node: HELLO named another session: hand the channel over to its driver. */
  onMoved?(effect: Extract<Effect, { type: 'moved' }>): void
  /** The session is over; `error` is undefined when this side ended it. Called once. */
  onOver(error: HandshakeError | undefined): void
}

export class SessionDriver implements LaneOwner {
  readonly core: SessionCore
  readonly lanes: Map<CoreLane, LaneDriver> = new Map()
  #carrier: Carrier
  /** Who hears of the present carrier: it cannot be started twice, but its session may turn out to be another one. */
  #relay: { driver: SessionDriver } = { driver: this }
  readonly #events: SessionEvents
  readonly #now: () => number
  #timer: ReturnType<typeof setTimeout> | undefined
  #timerMs = Number.POSITIVE_INFINITY
  #inFlightBytes = 0
  #sentBatches = 0
  #flushedBatches = 0
  readonly #afterFlush: { readonly batch: number; readonly callback: () => void }[] = []
  #isPaused = false
  #isPumping = false
  #isPumpDue = false
  readonly #resends = new Resends()
  #isEnding = false
  #isGone = false
  #isOver = false

  constructor(core: SessionCore, carrier: Carrier, events: SessionEvents, now: () => number) {
    this.core = core
    this.#carrier = carrier
    this.#events = events
    this.#now = now
    core.wishes.onAsk = () => this.run((effects) => core.tick(this.#now(), effects))
  }

  start(): void {
    this.#listen(this.#carrier)
    this.#pump()
  }

  /** Client: the suspended session goes on over another carrier. */
  resume(carrier: Carrier, greeter: Greeter): void {
    if (this.core.phase !== 'suspended') return carrier.destroy()
    this.#take(carrier)
    this.#listen(carrier)
    this.core.resume(greeter, this.#now())
    this.#pump()
  }

  /** Node: this session's carrier is `heir`'s from here on; it had none, or loses the one that it had. */
  handOver(heir: SessionDriver, welcomeBody: Uint8Array): void {
    this.#isGone = true
    this.#isOver = true
    clearTimeout(this.#timer)
    heir.#adopt(this.#carrier, this.#relay, welcomeBody)
  }

  #adopt(carrier: Carrier, relay: { driver: SessionDriver }, welcomeBody: Uint8Array): void {
    relay.driver = this
    this.#lose('the client came back over another channel', true)
    if (this.core.phase !== 'suspended') return carrier.destroy()
    this.#take(carrier)
    this.#relay = relay
    this.core.adopt(welcomeBody, this.#now())
    this.#pump()
  }

  #listen(carrier: Carrier): void {
    const relay = { driver: this as SessionDriver }
    this.#relay = relay
    carrier.start({
      onBytes: (bytes) => relay.driver.#onBytes(carrier, bytes),
      onClosed: (error) => relay.driver.#onCarrierClosed(carrier, error),
    })
  }

  #take(carrier: Carrier): void {
    this.#carrier = carrier
    this.#isGone = false
    this.#isPaused = false
    this.#inFlightBytes = 0
  }

  #onBytes(carrier: Carrier, bytes: Uint8Array): void {
    if (carrier === this.#carrier && !this.#isGone) this.run((effects) => this.core.receive(bytes, this.#now(), effects))
  }

  /** One event into the core, then its effects; what is to be sent goes out when this turn is over. */
  run(event: (effects: Effect[]) => void): void {
    const effects: Effect[] = []
    event(effects)
    for (const effect of effects) this.#carryOut(effect)
    if (this.#isGone) this.#setTimer()
    else if (this.#isOver || this.core.isCongested !== this.#isPaused) this.#pump()
    else this.#pumpSoon()
  }

  /** Ends the session: lanes are reset, GOAWAY is sent, the channel ends. */
  leave(code: number): void {
    if (this.#isPumpDue) this.#pump() // what was written before it is sent before it
    this.run((effects) => this.core.leave(code, effects))
  }

  /** Ends a session that has no channel and will get none. */
  giveUp(message: string): void {
    this.run((effects) => this.core.lose(message, effects))
  }

  drain(): void {
    this.run((effects) => this.core.drain(this.#now(), effects))
  }

  addLane(core: CoreLane, metadata: Uint8Array, reading?: LaneReading): LaneDriver {
    const lane = new LaneDriver(this, core, metadata, reading)
    this.lanes.set(core, lane)
    return lane
  }

  write(core: CoreLane, parts: readonly Uint8Array[], token: PendingPromise, unitEnds?: readonly number[]): boolean {
    const isQueued = this.core.write(core, parts, token, unitEnds)
    if (core.queuedBytes >= EAGER_BYTES) this.#pump()
    else this.#pumpSoon()
    return isQueued
  }

  end(core: CoreLane): void {
    this.run((effects) => this.core.end(core, effects))
  }

  reset(core: CoreLane, code: number, reason: string, isReadOn = false): void {
    if (this.#isPumpDue) this.#pump() // what was written before it is sent before it
    this.run((effects) => this.core.reset(core, code, reason, effects, isReadOn))
  }

  consume(core: CoreLane, bytes: number): void {
    this.core.consume(core, bytes)
    if (this.core.hasOutput) this.#pumpSoon()
  }

  afterFlush(callback: () => void): void {
    if (this.#flushedBatches === this.#sentBatches) callback()
    else this.#afterFlush.push({ batch: this.#sentBatches, callback })
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'welcome':
        return this.#events.onWelcome(effect)
      case 'request':
        return this.#events.onRequest(effect)
      case 'accepted': {
        const lane = this.lanes.get(effect.lane)
        if (lane !== undefined) this.#events.onAccepted(lane, effect.metadata)
        return
      }
      case 'data':
        return this.lanes.get(effect.lane)?.onData(effect.bytes)
      case 'end':
        return this.lanes.get(effect.lane)?.onEnd()
      case 'reset':
        this.#resends.end(effect.lane)
        return this.lanes.get(effect.lane)?.onReset(effect.code, effect.reason)
      case 'done':
        this.#resends.end(effect.lane)
        this.lanes.get(effect.lane)?.over()
        this.lanes.delete(effect.lane)
        return this.#events.onLaneDone()
      case 'resend':
        return this.#resends.begin(effect.lane, (signal) => this.#giveAgain(effect, signal))
      case 'dead':
        return this.#lose('the other side does not answer')
      case 'suspended':
        return this.#events.onSuspended?.()
      case 'resumed':
        return this.#events.onResumed?.()
      case 'moved':
        return this.#events.onMoved?.(effect)
      case 'draining':
        return this.#events.onDraining(effect.goaway)
      case 'over':
        return this.#onOver(effect)
    }
  }

  #onOver({ why, code, message, goaway }: Extract<Effect, { type: 'over' }>): void {
    if (this.#isOver) return
    this.#isOver = true
    const details = code === 0 ? {} : { laneCode: code }
    const isMistake = why === 'protocol'
    const error = new HandshakeError(
      isMistake ? 'HANDSHAKE_PROTOCOL' : 'HANDSHAKE_CLOSED',
      isMistake ? `${message} (${nameOfCode(code)})` : message,
      details,
      { goaway },
    )
    const lanes = [...this.lanes.values()]
    this.lanes.clear()
    for (const lane of lanes) lane.fail(error)
    this.#events.onOver(why === 'left' ? undefined : error)
  }

  #pumpSoon(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    soon(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#isPumping || this.#isGone) return
    this.#isPumping = true
    while (this.core.hasOutput && this.#inFlightBytes < IN_FLIGHT_BYTES_MAX) this.#sendBatch()
    this.#isPumping = false
    const shouldPause = this.core.isCongested
    if (shouldPause !== this.#isPaused) {
      this.#isPaused = shouldPause
      if (shouldPause) this.#carrier.pause()
      else this.#carrier.resume()
    }
    if (this.#isOver && !this.#isEnding && !this.core.hasOutput) {
      this.#isEnding = true
      if (this.core.phase === 'closed') this.#carrier.destroy()
      else this.#carrier.end()
    }
    this.#setTimer()
  }

  #sendBatch(): void {
    const effects: Effect[] = []
    const { parts, tokens, bytes } = this.core.take(IN_FLIGHT_BYTES_MAX - this.#inFlightBytes, effects)
    if (parts.length > 0) this.#give(parts, tokens, bytes) // none when every lane waits for its payment
    for (const effect of effects) this.#carryOut(effect)
  }

  #give(parts: readonly Uint8Array[], tokens: readonly unknown[], bytes: number): void {
    this.#inFlightBytes += bytes
    const carrier = this.#carrier
    const batch = ++this.#sentBatches
    this.#carrier.send(parts, () => {
      if (carrier === this.#carrier) this.#inFlightBytes -= bytes
      this.#flushedBatches = Math.max(this.#flushedBatches, batch)
      for (const token of tokens) (token as PendingPromise).resolve()
      while (this.#afterFlush[0] !== undefined && this.#afterFlush[0].batch <= this.#flushedBatches) this.#afterFlush.shift()!.callback()
      this.#pump()
    })
  }

  #onCarrierClosed(carrier: Carrier, error: Error | undefined): void {
    if (carrier !== this.#carrier) return
    this.#lose(error === undefined ? 'the other side ended the channel' : `the channel broke: ${error.message}`)
  }

  /** The carrier is gone, or given up. `isMoving`: another one is there already. */
  #lose(message: string, isMoving = false): void {
    if (this.#isGone) return
    this.#isGone = true
    this.#resends.endAll()
    this.#carrier.destroy()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flushedBatches = this.#sentBatches
    for (const { callback } of this.#afterFlush.splice(0)) callback()
    const mayWait = isMoving || this.#events.maySuspend?.() !== false
    this.run((effects) => this.core.lose(message, effects, mayWait ? this.#now() : undefined))
  }

  /** Gives what was lost once more, a piece at a time, as the lane's owner makes it again. Never rejects. */
  async #giveAgain({ lane, again }: Extract<Effect, { type: 'resend' }>, signal: AbortSignal): Promise<void> {
    const { until } = again
    const isWanted = (): boolean => !signal.aborted && lane.again === again
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    again.onDropped = () => this.#resends.end(lane)
    try {
      for await (const bytes of lane.resend!(again.queued, until, signal)) {
        if (!isWanted()) return
        if (bytes.length === 0) continue
        const sent = new Promise<void>((resolve, reject) => {
          if (!this.core.sendAgain(lane, again, bytes.subarray(0, until - again.queued), { resolve, reject })) resolve()
        })
        this.#pump()
        await Promise.race([sent, aborted])
        if (!isWanted()) return
      }
    } catch {
      // The owner cannot make it again: its errors are its own to report, the other side learns that the lane ends here.
    }
    if (isWanted()) this.reset(lane, CODES.resumeLost, '')
  }

  /** One timer for the core's next deadline. It only ever fires early or on time, and does not keep the process alive. */
  #setTimer(): void {
    const { deadlineMs } = this.core
    if (deadlineMs >= this.#timerMs && this.#timer !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerMs = deadlineMs
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#onTimer(), Math.min(Math.max(deadlineMs - this.#now(), 0) + 1, 2 ** 31 - 1))
    if (typeof this.#timer === 'object') (this.#timer as { unref?: () => void }).unref?.()
  }

  #onTimer(): void {
    this.#timer = undefined
    this.run((effects) => this.core.tick(this.#now(), effects))
    if (this.core.phase === 'closed' && !this.#isGone) this.#carrier.destroy()
  }
}
