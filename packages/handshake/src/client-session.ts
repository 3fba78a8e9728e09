/** The client's end of a session, over any carrier: its own, or one that it joined. */
import type { Carrier } from './carrier.ts'
import { CODES, nameOfCode } from './codes.ts'
import { type OpenLaneOptions, verifyLaneOptions } from './connect-options.ts'
import {
  CLOSING_TIMEOUT_MS,
  FRAME_BYTES_MAX,
  GUEST_LANES_MAX,
  LANE_CREDIT_BYTES,
  PING_AFTER_MS,
  PONG_TIMEOUT_MS,
  UNIT_BYTES_MAX,
} from './constants.ts'
import { type Goaway, HandshakeError } from './errors.ts'
import type { Greeter } from './greeter.ts'
import type { Welcome } from './greeting.ts'
import type { Lane, LaneDriver } from './lane.ts'
import type { Sharing } from './owner-sharing.ts'
import { Redialer, type Reconnection } from './redialer.ts'
import { SessionCore } from './session-core.ts'
import { SessionDriver } from './session-driver.ts'
import { watchCarrier } from './watched-carrier.ts'

/** An authenticated, encrypted connection to one node. */
export interface Session {
  /** 16 bytes. */
  readonly sessionId: Uint8Array
  readonly welcome: Welcome
  /** The lane asked for with `firstLane`. Its rejection is the caller's to handle. */
  readonly firstLane: Promise<Lane> | undefined
  /**
   * Opens a lane to a service; resolves when the node has taken it. Waits, in order, while `welcome.maxLanes` are open.
   * @throws {HandshakeError} `HANDSHAKE_LANE_RESET` (the node refused: `laneCode`, `reason`), `HANDSHAKE_DRAINING`, `HANDSHAKE_CLOSED`,
   *   `HANDSHAKE_LANES_EXHAUSTED`, `HANDSHAKE_BAD_ARGUMENT`; the reason of the signal.
   */
  openLane(options: OpenLaneOptions): Promise<Lane>
  /** What the node said when it began to drain or ended the session: where else a client may go. */
  readonly goaway: Goaway | undefined
  /** How often it has gone on over another channel. Its lanes just go on; `openLane` works meanwhile, and answers when the node does. */
  readonly resumes: number
  /**
   * Resets the lanes that are open, with 25, and takes no more; resolves when the node has answered each, so that what is owed for them is known, or after 2 s.
   * A client that pays calls it before its last acknowledgements and `close()`: what it owes when it leaves is a default.
   */
  settle(): Promise<void>
  /** Ends the session: open lanes end with it. Resolves when the channel is gone. */
  close(): Promise<void>
  /** Never rejects: the error that ended the session, or undefined after `close()`. */
  readonly closed: Promise<HandshakeError | undefined>
}

const OPEN_FIXED_BYTES = 10

/** What a session is made of that has not greeted yet. */
export interface SessionParts {
  readonly carrier: Carrier
  readonly greeter: Greeter
  /** When its channel was asked for, and the time from then on for the greeting; one on a later channel has that time anew. */
  readonly startedMs: number
  readonly timeoutMs: number
  readonly resumeTtlMs: number
  readonly rules: LaneRules
  /** Without it the session ends with its channel. */
  readonly reconnection?: Reconnection | undefined
  readonly sharing?: Sharing | undefined
}

/** Of all lanes of the session. */
export interface LaneRules {
  /** Least credit. */
  readonly creditMin: number
  /** Nothing but OPEN is sent on them. */
  readonly isReadOnly: boolean
}

interface Opening {
  resolve(lane: Lane): void
  reject(error: unknown): void
}

export class ClientSession implements Session {
  readonly closed: Promise<HandshakeError | undefined>
  firstLane: Promise<Lane> | undefined
  protected readonly core: SessionCore
  readonly #rules: LaneRules
  readonly #driver: SessionDriver
  readonly #sharing: Sharing | undefined
  #gone: Promise<void>
  readonly #redialer: Redialer | undefined
  readonly #openings = new Map<LaneDriver, Opening>()
  /** Callers of openLane that wait for a free place, in order. */
  readonly #queue = new Set<() => void>()
  #welcome: Welcome | undefined
  #ending: { readonly error: HandshakeError | undefined } | undefined
  #goaway: Goaway | undefined
  #onGreeted: ((error?: unknown) => void) | undefined
  #isSettling = false
  #onSettled: (() => void) | undefined
  #resolveClosed: (error: HandshakeError | undefined) => void = () => {}

  constructor({ carrier, greeter, startedMs, timeoutMs, resumeTtlMs, rules, reconnection, sharing }: SessionParts) {
    const clock = {
      greetingTimeoutMs: timeoutMs,
      idleTimeoutMs: Number.POSITIVE_INFINITY, // the node ends idle sessions
      pingAfterMs: PING_AFTER_MS,
      pongTimeoutMs: PONG_TIMEOUT_MS,
      closingTimeoutMs: CLOSING_TIMEOUT_MS,
      resumeTtlMs,
    }
    const core = new SessionCore({ role: 'client', greeter, clock, startedMs, maxLanes: GUEST_LANES_MAX }, performance.now())
    this.core = core
    this.#rules = rules
    this.#sharing = sharing
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    const { watched, gone } = watchCarrier(carrier)
    this.#gone = gone
    this.#driver = new SessionDriver(
      core,
      watched,
      {
        onWelcome: ({ welcome }) => {
          this.#welcome ??= welcome
          this.#redialer?.welcome(welcome)
          this.#onGreeted?.()
        },
        onRequest: () => {}, // a node opens no lanes: the core refuses OPEN here
        onAccepted: (lane, metadata) => {
          lane.metadata = metadata
          this.#openings.get(lane)?.resolve(lane)
          this.#openings.delete(lane)
        },
        onLaneDone: () => {
          this.#openNext()
          if (this.#driver.lanes.size === 0) this.#onSettled?.()
        },
        onDraining: (goaway) => {
          this.#goaway = goaway
          this.#openNext()
        },
        maySuspend: () => reconnection !== undefined,
        onSuspended: () => this.#redialer?.lost(),
        onResumed: () => this.#redialer?.resumed(),
        onOver: (error) => this.#onOver(error),
      },
      () => performance.now(),
    )
    if (reconnection === undefined) return
    this.#redialer = new Redialer(reconnection, {
      use: (next, resumeGreeter) => {
        const { watched: carrierNow, gone: goneNow } = watchCarrier(next)
        this.#gone = goneNow
        this.#driver.resume(carrierNow, resumeGreeter)
      },
      giveUp: (message) => this.#driver.giveUp(message),
    })
  }

  get resumes(): number {
    return this.#redialer?.resumes ?? 0
  }

  get welcome(): Welcome {
    return this.#welcome!
  }

  get goaway(): Goaway | undefined {
    return this.#goaway
  }

  get sessionId(): Uint8Array {
    return this.#welcome!.sessionId
  }

  async greet(firstLane: OpenLaneOptions | undefined, signal: AbortSignal | undefined): Promise<this> {
    const greeted = new Promise<void>((resolve, reject) => {
      this.#onGreeted = (error) => (error === undefined ? resolve() : reject(error))
    })
    const abort = (): void => {
      this.#onGreeted?.(signal?.reason)
      this.#driver.leave(CODES.cancelled)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      if (firstLane !== undefined) {
        this.firstLane = this.#open(firstLane)
        this.firstLane.catch(() => {}) // when the greeting fails it is told by the greeting
      }
      this.#driver.start()
      if (signal?.aborted === true) abort()
      await greeted
      return this
    } finally {
      this.#onGreeted = undefined
      signal?.removeEventListener('abort', abort)
    }
  }

  async openLane(options: OpenLaneOptions): Promise<Lane> {
    verifyLaneOptions(options, FRAME_BYTES_MAX - OPEN_FIXED_BYTES, this.#rules.creditMin)
    options.signal?.throwIfAborted()
    while (this.#isFull()) await this.#freePlace(options.signal)
    return this.#open(options)
  }

  async settle(): Promise<void> {
    this.#isSettling = true
    this.#openNext()
    for (const lane of this.#driver.lanes.values()) lane.abort(CODES.cancelled, '', closedHere())
    const { phase } = this.core
    if (this.#driver.lanes.size === 0 || (phase !== 'open' && phase !== 'draining')) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSING_TIMEOUT_MS)
      this.#onSettled = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async close(): Promise<void> {
    this.#driver.leave(CODES.cancelled)
    this.#redialer?.stop()
    await this.#gone
  }

  #isFull(): boolean {
    if (this.#ending !== undefined || this.#isSettling) throw this.#ending?.error ?? closedHere()
    const goaway = this.#goaway
    if (goaway !== undefined) {
      const message = `the node takes no new lanes (${nameOfCode(goaway.code)})`
      throw new HandshakeError('HANDSHAKE_DRAINING', message, { laneCode: goaway.code }, { goaway })
    }
    return this.core.openLanes >= this.core.maxLanes
  }

  async #freePlace(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#queue.delete(wake)
        reject(signal?.reason)
      }
      const wake = (): void => {
        this.#queue.delete(wake)
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      this.#queue.add(wake)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Wakes the first waiter when there is a place, and all of them when there will be none. */
  #openNext(): void {
    const willNeverOpen = this.#isSettling || this.#ending !== undefined || this.#goaway !== undefined
    const free = willNeverOpen ? this.#queue.size : this.core.maxLanes - this.core.openLanes
    for (const wake of [...this.#queue].slice(0, Math.max(0, free))) wake()
  }

  #open({ serviceId, metadata, signal, isRequestOnly = false, ...options }: OpenLaneOptions): Promise<Lane> {
    const initialCredit = options.initialCredit ?? Math.max(LANE_CREDIT_BYTES, this.#rules.creditMin)
    // Before ACCEPT nobody verifies what comes: of a lane that is paid for it is one unit at most, and the rest is granted with what is read first.
    const isPaid = this.#rules.creditMin > 0
    const core = this.core.open(serviceId, metadata, isPaid ? Math.min(initialCredit, UNIT_BYTES_MAX) : initialCredit, options.resend)
    if (core === undefined) return Promise.reject(new HandshakeError('HANDSHAKE_LANES_EXHAUSTED', 'all lanes of the connection are taken'))
    core.windowBytes = initialCredit
    const lane = this.#driver.addLane(core, new Uint8Array(), options)
    const abort = (): void => {
      const opening = this.#openings.get(lane)
      this.#openings.delete(lane)
      opening?.reject(signal?.reason)
      lane.abort(CODES.cancelled, '', signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    const opened = new Promise<Lane>((resolve, reject) => this.#openings.set(lane, { resolve, reject }))
    lane.onOver(() => {
      signal?.removeEventListener('abort', abort)
      this.#openings.get(lane)?.reject(lane.failure)
      this.#openings.delete(lane)
    })
    if (isRequestOnly || this.#rules.isReadOnly) void lane.end()
    this.#driver.run(() => {})
    return opened
  }

  #onOver(error: HandshakeError | undefined): void {
    this.#ending = { error }
    this.#redialer?.stop()
    this.#goaway ??= error?.goaway
    const isRefusal = this.#welcome === undefined && error?.code === 'HANDSHAKE_CLOSED'
    this.#onGreeted?.(isRefusal ? refusalOf(error) : (error ?? closedHere()))
    this.#sharing?.over(error ?? closedHere())
    this.#onSettled?.()
    this.#resolveClosed(error)
    this.#openNext()
  }
}

function closedHere(): HandshakeError {
  return new HandshakeError('HANDSHAKE_CLOSED', 'the session was closed')
}

/** What a session that ended before WELCOME is called. */
function refusalOf(error: HandshakeError): HandshakeError {
  if (error.laneCode === undefined) return new HandshakeError('HANDSHAKE_UNREACHABLE', `no session: ${error.message}`, {}, { cause: error })
  if (error.laneCode === CODES.idleTimeout)
    return new HandshakeError('HANDSHAKE_TIMEOUT', 'the node did not answer HELLO in time', {}, { cause: error })
  const message = `the node refused the session (${nameOfCode(error.laneCode)})`
  return new HandshakeError('HANDSHAKE_REFUSED', message, { laneCode: error.laneCode }, { cause: error, goaway: error.goaway })
}
