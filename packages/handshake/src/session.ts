/** The client's end of a session, over any carrier. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { dial } from '#dial'
import type { Carrier } from './carrier.ts'
import { CODES, nameOfCode } from './codes.ts'
import * as asked from './connect-options.ts'
import type { ConnectOptions, OpenLaneOptions, TokenOptions } from './connect-options.ts'
import {
  CHANNEL_BINDING_BYTES,
  CLOSING_TIMEOUT_MS,
  FRAME_BYTES_MAX,
  GREETING_BYTES_MAX,
  GREETING_TIMEOUT_MS,
  GUEST_LANES_MAX,
  LANE_CREDIT_BYTES,
  PAYING_LANE_CREDIT_BYTES,
  PING_AFTER_MS,
  PONG_TIMEOUT_MS,
  RESUME_TTL_MS,
} from './constants.ts'
import { type Goaway, HandshakeError } from './errors.ts'
import { createClientGreeter, createJoinGreeter } from './greeter.ts'
import type { Welcome } from './greeting.ts'
import type { HolderReport } from './holder-lanes.ts'
import type { Lane, LaneDriver } from './lane.ts'
import { Redialer, type Reconnection, reconnectionOf } from './redialer.ts'
import { SessionCore } from './session-core.ts'
import { SessionDriver } from './session-driver.ts'
import type { SessionSharing } from './session-sharing.ts'
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
  /**
   * Of a session that pays and is one's own: a token of 48 bytes with which somebody else, or another tab, may join it (`join` of `connectSession`). Whoever
   * has it takes what this session pays for, up to the window before anybody signs; so ask for one per use. It ends with its time, with the session, and
   * when the same `identity` opens another session at the node.
   * @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT`, `HANDSHAKE_CLOSED`; the reason of the signal.
   */
  requestToken(options: TokenOptions): Promise<Uint8Array>
  /**
   * What the holder of a token of this session tells: its lanes are signed for as this session's own. It is believed, and may be told twice. Where a holder is
   * gone for good, `{ type: 'gone', holder }`. Nothing happens when the session is over.
   * @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT`: no report, not one's own session that pays, or more than 256 lanes that are not over.
   */
  takeReport(report: HolderReport): void
  /**
   * Of a connection that joined a session: DATA of one of its lanes is verified up to `offset`. `report` tells it to the owner, who signs for it.
   * @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT` where the session is one's own.
   */
  verified(laneId: number, offset: bigint): void
  /** What the node said when it began to drain or ended the session: where else a client may go. */
  readonly goaway: Goaway | undefined
  /** How often it has gone on over another channel. Its lanes just go on; `openLane` works meanwhile, and answers when the node does. */
  readonly resumes: number
  /** Ends the session: open lanes end with it. Resolves when the channel is gone. */
  close(): Promise<void>
  /** Never rejects: the error that ended the session, or undefined after `close()`. */
  readonly closed: Promise<HandshakeError | undefined>
}

/** Longest metadata that fits into HELLO's flight (4 KiB) beside HELLO. */
const FIRST_METADATA_BYTES_MAX: number = GREETING_BYTES_MAX - 1_096
const OPEN_FIXED_BYTES = 10

/**
 * Opens a session with the node that holds `nodeKey`. With `host` and `port` over TLS (Node.js), else over the given carrier, which is the session's
 * from here on: it is destroyed too where no session comes of it.
 * @throws {HandshakeError} `HANDSHAKE_UNREACHABLE`, `HANDSHAKE_TIMEOUT`, `HANDSHAKE_WRONG_KEY`, `HANDSHAKE_REFUSED` (`laneCode` says why),
 *   `HANDSHAKE_PROTOCOL`, `HANDSHAKE_NO_CARRIER`, `HANDSHAKE_BAD_ARGUMENT`; the reason of the signal.
 */
export async function connectSession(options: ConnectOptions): Promise<Session> {
  let session: ClientSession
  try {
    session = await sessionOf(options)
  } catch (error) {
    if ('carrier' in options) options.carrier.destroy() // nobody else knows that it is not used
    throw error
  }
  return await session.greet(options.firstLane, options.signal)
}

/** A session that has not greeted yet. */
async function sessionOf(options: ConnectOptions): Promise<ClientSession> {
  const { nodeKey, chainId, signal, timeoutMs = GREETING_TIMEOUT_MS, firstLane, identity = createKeyPair() } = options
  const { resumeTimeoutMs = RESUME_TTL_MS } = options
  asked.verifyTarget(options)
  const joining = asked.joiningOf(options)
  const paying = asked.payingOf(options, identity)
  const creditMin = paying === undefined && joining === undefined ? 0 : PAYING_LANE_CREDIT_BYTES
  if (firstLane !== undefined) asked.verifyLaneOptions(firstLane, FIRST_METADATA_BYTES_MAX, creditMin)
  signal?.throwIfAborted()
  const startedMs = performance.now()
  const carrier =
    'carrier' in options ? options.carrier : await dial({ host: options.host, port: options.port, nodeKey, timeoutMs, signal })
  if (carrier.channelBinding.length !== CHANNEL_BINDING_BYTES) throw asked.badArgument('the channel binding of a carrier is 33 bytes')
  const { channelBinding } = carrier
  const about = { identity, nodeKey, chainId, channelBinding, rand: crypto.getRandomValues(new Uint8Array(16)) }
  const greeter =
    joining === undefined
      ? createClientGreeter({ ...about, ...(paying === undefined ? {} : { paying }) })
      : createJoinGreeter({ ...about, ...joining })
  const clock = {
    greetingTimeoutMs: Math.max(0, timeoutMs - (performance.now() - startedMs)),
    idleTimeoutMs: Number.POSITIVE_INFINITY, // the node ends idle sessions
    pingAfterMs: PING_AFTER_MS,
    pongTimeoutMs: PONG_TIMEOUT_MS,
    closingTimeoutMs: CLOSING_TIMEOUT_MS,
    resumeTtlMs: resumeTimeoutMs,
  }
  const core = new SessionCore({ role: 'client', greeter, clock, maxLanes: GUEST_LANES_MAX }, performance.now())
  const reconnection =
    paying === undefined || resumeTimeoutMs === 0
      ? undefined
      : reconnectionOf(options, 'carrier' in options ? undefined : options, identity, timeoutMs)
  return new ClientSession(core, carrier, { creditMin, isReadOnly: joining?.token.scope === 'read' }, reconnection)
}

/** Of all lanes of the session. */
interface LaneRules {
  /** Least credit. */
  readonly creditMin: number
  /** Nothing but OPEN is sent on them. */
  readonly isReadOnly: boolean
}

interface Opening {
  resolve(lane: Lane): void
  reject(error: unknown): void
}

class ClientSession implements Session {
  readonly closed: Promise<HandshakeError | undefined>
  firstLane: Promise<Lane> | undefined
  readonly #core: SessionCore
  readonly #rules: LaneRules
  readonly #driver: SessionDriver
  #gone: Promise<void>
  readonly #redialer: Redialer | undefined
  readonly #openings = new Map<LaneDriver, Opening>()
  /** Callers of openLane that wait for a free place, in order. */
  readonly #queue = new Set<() => void>()
  /** Callers of requestToken that wait for the node. */
  readonly #asking = new Set<(error: unknown) => void>()
  #welcome: Welcome | undefined
  #ending: { readonly error: HandshakeError | undefined } | undefined
  #goaway: Goaway | undefined
  #onGreeted: ((error?: unknown) => void) | undefined
  #resolveClosed: (error: HandshakeError | undefined) => void = () => {}

  constructor(core: SessionCore, carrier: Carrier, rules: LaneRules, reconnection: Reconnection | undefined) {
    this.#core = core
    this.#rules = rules
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
        onLaneDone: () => this.#openNext(),
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

  async greet(firstLane: OpenLaneOptions | undefined, signal: AbortSignal | undefined): Promise<Session> {
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
    asked.verifyLaneOptions(options, FRAME_BYTES_MAX - OPEN_FIXED_BYTES, this.#rules.creditMin)
    options.signal?.throwIfAborted()
    while (this.#isFull()) await this.#freePlace(options.signal)
    return this.#open(options)
  }

  async requestToken(options: TokenOptions): Promise<Uint8Array> {
    asked.verifyTokenOptions(options)
    const { serviceId, ttlSeconds, scope, signal } = options
    signal?.throwIfAborted()
    if (this.#ending !== undefined) throw this.#ending.error ?? closedHere()
    const sharing = this.#sharing
    return await new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#asking.delete(fail)
        signal?.removeEventListener('abort', abort)
      }
      const fail = (error: unknown): void => {
        settle()
        reject(error)
      }
      const abort = (): void => fail(signal?.reason)
      this.#asking.add(fail)
      signal?.addEventListener('abort', abort, { once: true })
      const onToken = (token: Uint8Array): void => {
        settle()
        resolve(token)
      }
      try {
        sharing.ask({ serviceId, ttlSeconds, scope }, onToken)
      } catch (error) {
        fail(error)
      }
    })
  }

  takeReport(report: HolderReport): void {
    const { holders } = this.#sharing
    if (this.#ending === undefined) holders.take(report)
  }

  verified(laneId: number, offset: bigint): void {
    const { verified } = this.#core.wishes
    if (verified === undefined) throw asked.badArgument('what is verified of one’s own session is its payer’s to hear')
    verified(laneId, offset)
  }

  get #sharing(): SessionSharing {
    const { sharing } = this.#core.wishes
    if (sharing === undefined) throw asked.badArgument('only a session that pays, and is one’s own, can be joined')
    return sharing
  }

  async close(): Promise<void> {
    this.#driver.leave(CODES.cancelled)
    this.#redialer?.stop()
    await this.#gone
  }

  #isFull(): boolean {
    if (this.#ending !== undefined) throw this.#ending.error ?? closedHere()
    const goaway = this.#goaway
    if (goaway !== undefined) {
      const message = `the node takes no new lanes (${nameOfCode(goaway.code)})`
      throw new HandshakeError('HANDSHAKE_DRAINING', message, { laneCode: goaway.code }, { goaway })
    }
    return this.#core.openLanes >= this.#core.maxLanes
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
    const willNeverOpen = this.#ending !== undefined || this.#goaway !== undefined
    const free = willNeverOpen ? this.#queue.size : this.#core.maxLanes - this.#core.openLanes
    for (const wake of [...this.#queue].slice(0, Math.max(0, free))) wake()
  }

  #open({ serviceId, metadata, signal, ...options }: OpenLaneOptions): Promise<Lane> {
    const initialCredit = options.initialCredit ?? Math.max(LANE_CREDIT_BYTES, this.#rules.creditMin)
    const core = this.#core.open(serviceId, metadata, initialCredit, options.resend)
    if (core === undefined) return Promise.reject(new HandshakeError('HANDSHAKE_LANES_EXHAUSTED', 'all lanes of the connection are taken'))
    const lane = this.#driver.addLane(core, new Uint8Array(), options.isCreditHeld)
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
    if (this.#rules.isReadOnly) void lane.end()
    this.#driver.run(() => {})
    return opened
  }

  #onOver(error: HandshakeError | undefined): void {
    this.#ending = { error }
    this.#redialer?.stop()
    this.#goaway ??= error?.goaway
    const isRefusal = this.#welcome === undefined && error?.code === 'HANDSHAKE_CLOSED'
    this.#onGreeted?.(isRefusal ? refusalOf(error) : (error ?? closedHere()))
    for (const fail of this.#asking) fail(error ?? closedHere())
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
