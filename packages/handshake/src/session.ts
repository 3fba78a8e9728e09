/** The client's end of a session, over any carrier. */
import { createKeyPair, type KeyPair, PUBLIC_KEY_BYTES } from '@selvedge/crypto/ed25519'
import { dial } from '#dial'
import type { Carrier } from './carrier.ts'
import { CODES, nameOfCode } from './codes.ts'
import {
  CHANNEL_BINDING_BYTES,
  CLOSING_TIMEOUT_MS,
  FRAME_BYTES_MAX,
  GREETING_BYTES_MAX,
  GREETING_TIMEOUT_MS,
  GUEST_LANES_MAX,
  LANE_CREDIT_BYTES,
  LANE_CREDIT_BYTES_MAX,
  PAYING_LANE_CREDIT_BYTES,
  PING_AFTER_MS,
  PONG_TIMEOUT_MS,
  RESUME_TTL_MS,
} from './constants.ts'
import { type Goaway, HandshakeError } from './errors.ts'
import { type ClientGreeterOptions, createClientGreeter } from './greeter.ts'
import { sessionKeyIn, type Welcome } from './greeting.ts'
import type { Resend } from './lane-core.ts'
import type { Lane, LaneDriver } from './lane.ts'
import { Redialer, type Reconnection, reconnectionOf } from './redialer.ts'
import type { SessionPayer } from './paying.ts'
import { SessionCore } from './session-core.ts'
import { SessionDriver } from './session-driver.ts'
import { watchCarrier } from './watched-carrier.ts'

export interface OpenLaneOptions {
  readonly serviceId: number
  /** What the service reads first, at most 65,526 bytes (in `firstLane`: 3,000). Borrowed until the promise settles. */
  readonly metadata: Uint8Array
  /**
   * What the node may send before anything is read, in bytes, at most 16 MiB. @default 2 MiB + 128 KiB; where a payer is given 2 MiB + 256 KiB,
   * and not less: a promise to receive, verify and acknowledge so much, also while the reader is paused.
   */
  readonly initialCredit?: number
  /**
   * Credit goes back by `lane.release`, not when `source` gives the bytes: so they can be verified and acknowledged while who wants them pauses,
   * and no more than the credit is ever held. @default false
   */
  readonly isCreditHeld?: boolean
  /** Covers the lane's whole life: its abort resets the lane with 25, and reader and writers get its reason. */
  readonly signal?: AbortSignal
  /** Makes DATA that this side sent again, where it was lost with a connection; without it the lane is reset with 24 when the session goes on. */
  readonly resend?: Resend
}

export interface ConnectCommonOptions {
  /** The Ed25519 key, 32 bytes, that the node must prove. */
  readonly nodeKey: Uint8Array
  readonly chainId: number
  /** @default a fresh key, known to nobody */
  readonly identity?: KeyPair
  readonly signal?: AbortSignal
  /** For connection, channel and greeting together. @default 5,000 */
  readonly timeoutMs?: number
  /** A lane whose OPEN travels with HELLO: the first byte comes one round trip sooner. */
  readonly firstLane?: OpenLaneOptions
  /** An account's word for `identity`, as bytes (142 + 4n); without it, and without `payer`, the client is a guest. */
  readonly delegation?: Uint8Array
  /** Signs for what is delivered. Called synchronously and in order; it is to be told what was verified by whoever verifies. */
  readonly payer?: SessionPayer
  /**
   * A new channel to the same node, for a session that pays and lost its own: it then goes on where it was. Called again, at growing intervals, until
   * one serves or `resumeTimeoutMs` is over. The signal aborts when the session ends. @default with `host` and `port` the same again, with `carrier` none
   */
  readonly redial?: (signal: AbortSignal) => Promise<Carrier>
  /** How long that is tried for; 0: the session ends with its channel. @default 60,000 */
  readonly resumeTimeoutMs?: number
}
export type ConnectOptions = ConnectCommonOptions & ({ readonly host: string; readonly port: number } | { readonly carrier: Carrier })

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
  if (nodeKey.length !== PUBLIC_KEY_BYTES) throw badArgument(`nodeKey must be ${PUBLIC_KEY_BYTES} bytes, got ${nodeKey.length}`)
  if (chainId >>> 0 !== chainId || chainId === 0) throw badArgument(`chainId must be a u32 above 0, got ${chainId}`)
  const paying = payingOf(options, identity)
  const creditMin = paying === undefined ? 0 : PAYING_LANE_CREDIT_BYTES
  if (firstLane !== undefined) verifyLaneOptions(firstLane, FIRST_METADATA_BYTES_MAX, creditMin)
  signal?.throwIfAborted()
  const startedMs = performance.now()
  const carrier =
    'carrier' in options ? options.carrier : await dial({ host: options.host, port: options.port, nodeKey, timeoutMs, signal })
  if (carrier.channelBinding.length !== CHANNEL_BINDING_BYTES) throw badArgument('the channel binding of a carrier is 33 bytes')
  const greeter = createClientGreeter({
    identity,
    nodeKey,
    chainId,
    channelBinding: carrier.channelBinding,
    rand: crypto.getRandomValues(new Uint8Array(16)),
    ...(paying === undefined ? {} : { paying }),
  })
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
  return new ClientSession(core, carrier, creditMin, reconnection)
}

interface Opening {
  resolve(lane: Lane): void
  reject(error: unknown): void
}

class ClientSession implements Session {
  readonly closed: Promise<HandshakeError | undefined>
  firstLane: Promise<Lane> | undefined
  readonly #core: SessionCore
  /** Least credit of a lane. */
  readonly #creditMin: number
  readonly #driver: SessionDriver
  #gone: Promise<void>
  readonly #redialer: Redialer | undefined
  readonly #openings = new Map<LaneDriver, Opening>()
  /** Callers of openLane that wait for a free place, in order. */
  readonly #queue = new Set<() => void>()
  #welcome: Welcome | undefined
  #ending: { readonly error: HandshakeError | undefined } | undefined
  #goaway: Goaway | undefined
  #onGreeted: ((error?: unknown) => void) | undefined
  #resolveClosed: (error: HandshakeError | undefined) => void = () => {}

  constructor(core: SessionCore, carrier: Carrier, creditMin: number, reconnection: Reconnection | undefined) {
    this.#core = core
    this.#creditMin = creditMin
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
    verifyLaneOptions(options, FRAME_BYTES_MAX - OPEN_FIXED_BYTES, this.#creditMin)
    options.signal?.throwIfAborted()
    while (this.#isFull()) await this.#freePlace(options.signal)
    return this.#open(options)
  }

  async close(): Promise<void> {
    this.#driver.leave(CODES.cancelled)
    this.#redialer?.stop()
    await this.#gone
  }

  #isFull(): boolean {
    if (this.#ending !== undefined) throw this.#ending.error ?? new HandshakeError('HANDSHAKE_CLOSED', 'the session was closed')
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
    const initialCredit = options.initialCredit ?? Math.max(LANE_CREDIT_BYTES, this.#creditMin)
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
    this.#driver.run(() => {})
    return opened
  }

  #onOver(error: HandshakeError | undefined): void {
    this.#ending = { error }
    this.#redialer?.stop()
    this.#goaway ??= error?.goaway
    const isRefusal = this.#welcome === undefined && error?.code === 'HANDSHAKE_CLOSED'
    this.#onGreeted?.(isRefusal ? refusalOf(error) : (error ?? new HandshakeError('HANDSHAKE_CLOSED', 'the session was closed')))
    this.#resolveClosed(error)
    this.#openNext()
  }
}

/** What a session that ended before WELCOME is called. */
function refusalOf(error: HandshakeError): HandshakeError {
  if (error.laneCode === undefined) return new HandshakeError('HANDSHAKE_UNREACHABLE', `no session: ${error.message}`, {}, { cause: error })
  if (error.laneCode === CODES.idleTimeout)
    return new HandshakeError('HANDSHAKE_TIMEOUT', 'the node did not answer HELLO in time', {}, { cause: error })
  const message = `the node refused the session (${nameOfCode(error.laneCode)})`
  return new HandshakeError('HANDSHAKE_REFUSED', message, { laneCode: error.laneCode }, { cause: error, goaway: error.goaway })
}

function verifyLaneOptions(options: OpenLaneOptions, metadataBytesMax: number, creditMin: number): void {
  const { serviceId, metadata, initialCredit = creditMin } = options
  if (serviceId >>> 0 !== serviceId) throw badArgument(`serviceId must be a u32, got ${serviceId}`)
  if (metadata.length > metadataBytesMax) throw badArgument(`metadata of ${metadata.length} bytes, at most ${metadataBytesMax} fit`)
  if (!(Number.isInteger(initialCredit) && initialCredit >= creditMin && initialCredit <= LANE_CREDIT_BYTES_MAX)) {
    throw badArgument(`initialCredit must be ${creditMin} to ${LANE_CREDIT_BYTES_MAX}, got ${initialCredit}`)
  }
}

/** What makes the client one that pays, checked: an account's word for this very key, and who signs. */
function payingOf({ delegation, payer }: ConnectOptions, { publicKey }: KeyPair): ClientGreeterOptions['paying'] {
  if (delegation === undefined && payer === undefined) return undefined
  if (delegation === undefined || payer === undefined) throw badArgument('delegation and payer go together')
  const sessionKey = sessionKeyIn(delegation)
  if (sessionKey === undefined) throw badArgument(`a delegation of ${delegation.length} bytes is none`)
  if (!publicKey.every((byte, i) => byte === sessionKey[i])) throw badArgument('identity is not the session key of the delegation')
  return { delegation, payer }
}

function badArgument(message: string): HandshakeError {
  return new HandshakeError('HANDSHAKE_BAD_ARGUMENT', message)
}
