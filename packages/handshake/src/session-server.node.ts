/**
 * The node's front door: accepts TCP, bounds what strangers may cost, runs TLS and sessions.
 *
 * Before identity is proven a connection costs at most one TLS handshake, and only after its address had a token and a place among the
 * pending was free; it has 5 s to finish. Refused connections are closed before the first curve operation.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import { PUBLIC_KEY_BYTES, type KeyPair } from '@selvedge/crypto/ed25519'
import { createAddressBuckets, networkOf } from './address-buckets.ts'
import type { Carrier } from './carrier.ts'
import { CODES } from './codes.ts'
import * as constants from './constants.ts'
import type { HandOff } from './effects.ts'
import { HandshakeError } from './errors.ts'
import { createNodeGreeter } from './greeter.ts'
import { JoinableSessions } from './joinable-sessions.ts'
import { type LaneListener, type NodeSession, runNodeSession } from './node-session.ts'
import type { NodePayments } from './paying.ts'
import { ResumableSession, ResumableSessions } from './resumable-sessions.ts'
import type { SessionConnections } from './session-connections.ts'
import { createNodeContext, TlsCarrier } from './tls-carrier.node.ts'
import { createTokenMint } from './token-mint.node.ts'
import { watchCarrier } from './watched-carrier.ts'

export interface SessionServerComponents {
  readonly identity: KeyPair
  readonly onLane: LaneListener
  /** The node's books. Without them every client is a guest, and one that comes to pay is sent away with 6. */
  readonly payments?: NodePayments | undefined
  /** Seconds since 1970, by which access tokens end. @default the system's */
  readonly nowSeconds?: (() => number) | undefined
  /** Names other nodes, by their index, at most 16: where a client may go when this node takes no more sessions or stops. Throws nothing. */
  readonly others?: (() => readonly number[]) | undefined
  /** Hears of what the books threw at a client's HELLO, such as a full disk; the client is sent away with 23. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface SessionServerOptions {
  readonly chainId: number
  /** @default '127.0.0.1' */
  readonly host?: string
  /** @default 0, any free port */
  readonly port?: number
  /** Lanes of one guest at once. @default 4 */
  readonly maxLanes?: number
  /** Connections at once whose client is not proven. @default 256 */
  readonly maxPending?: number
  /** Connections at once, all together. @default 4,096 */
  readonly maxConnections?: number
  /** Sessions at once; who comes then is told GOAWAY 17 with `others`, after one check of a signature. @default `maxConnections` */
  readonly maxSessions?: number
  /** Connections at once of one address (IPv6: /56). @default 64 */
  readonly maxConnectionsPerAddress?: number
  /**
   * Lanes that clients of one address may open and then leave before their end (each second, and at once when it was quiet): each may have
   * made the service ask somebody else. Beyond it OPEN is refused with 7. @default 16 and 256
   */
  readonly abandonedPerSecond?: number
  readonly abandonedBurst?: number
  /** New connections of one address (IPv6: /56) each second, and how many at once when it was quiet. @default 16 and 64 */
  readonly connectionsPerSecond?: number
  readonly connectionsBurst?: number
  /** Time for TLS and HELLO. @default 5,000 */
  readonly greetingTimeoutMs?: number
  /** A session without lanes ends after so much silence. @default 60,000 */
  readonly idleTimeoutMs?: number
  /** How long a session that pays waits for its client when its connection is lost; 0: not at all. @default 60,000 */
  readonly resumeTtlMs?: number
  /** Sessions that wait so at once; one more ends with its connection. @default 1,024 */
  readonly maxSuspended?: number
  /** The same of one address (IPv6: /56). @default 32 */
  readonly maxSuspendedPerAddress?: number
}

export interface SessionServer {
  /** Listens. @throws the system's error when the address cannot be had. */
  start(): Promise<{ readonly host: string; readonly port: number }>
  /** Ends every session with code 17 and waits until all connections are gone. May be called twice and at any moment. */
  stop(): Promise<void>
  /**
   * Takes a connection of another carrier, under the same bounds as one of TLS. False: refused, and nothing was done. True: `secure` was called;
   * it makes the channel, and what it rejects with frees the place. It must settle when its signal aborts, which is when time is up or the
   * server stops. Ask before the first expensive operation for the address.
   */
  accept(address: string, secure: (signal: AbortSignal) => Promise<Carrier>): boolean
  /** Sessions, a connection that joined one counted as its own, and of them connections before WELCOME. */
  readonly counts: { readonly sessions: number; readonly pending: number }
  /** Sessions whose client has lost its connection and may come back. */
  readonly suspended: number
  [Symbol.asyncDispose](): Promise<void>
}

export function createSessionServer(components: SessionServerComponents, options: SessionServerOptions): SessionServer {
  const { identity } = components
  if (identity.publicKey.length !== PUBLIC_KEY_BYTES) throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', 'identity is no Ed25519 key pair')
  if (options.chainId >>> 0 !== options.chainId || options.chainId === 0) {
    throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `chainId must be a u32 above 0, got ${options.chainId}`)
  }
  return new Door(components, options)
}

/** A connection that has a place: what is done when it is to go at once. */
interface Entrant {
  destroy(): void
}

class Door implements SessionServer {
  readonly #components: SessionServerComponents
  readonly #options: SessionServerOptions
  readonly #context: SecureContext
  readonly #server: Server
  readonly #buckets: ReturnType<typeof createAddressBuckets>
  readonly #abandoned: ReturnType<typeof createAddressBuckets>
  #connections = 0
  /** How many of them each address has. */
  readonly #connectionsOf = new Map<string, number>()
  readonly #pending = new Set<Entrant>()
  /** Connections of other carriers, until they are gone. */
  readonly #accepted = new Set<Promise<void>>()
  readonly #sessions = new Set<NodeSession>()
  /** Those past WELCOME. */
  readonly #greeted = new Set<NodeSession>()
  readonly #resumable: ResumableSessions
  readonly #joinable: JoinableSessions
  #laneNonce = 0n
  #stopped: Promise<void> | undefined
  #isStopping = false
  #failStart: (error: HandshakeError) => void = () => {}

  constructor(components: SessionServerComponents, options: SessionServerOptions) {
    const { connectionsPerSecond = 16, connectionsBurst = 64, maxConnections = constants.CONNECTIONS_MAX } = options
    const { abandonedPerSecond = 16, abandonedBurst = 256 } = options
    this.#components = components
    this.#options = options
    this.#context = createNodeContext(components.identity)
    this.#buckets = createAddressBuckets({ ratePerSecond: connectionsPerSecond, burst: connectionsBurst })
    this.#abandoned = createAddressBuckets({ ratePerSecond: abandonedPerSecond, burst: abandonedBurst })
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket))
    const { maxSuspended = constants.SUSPENDED_MAX, maxSuspendedPerAddress = constants.SUSPENDED_PER_ADDRESS_MAX } = options
    this.#resumable = new ResumableSessions({ suspendedMax: maxSuspended, suspendedPerAddressMax: maxSuspendedPerAddress })
    const { nowSeconds = () => Math.floor(Date.now() / 1_000) } = components
    this.#joinable = new JoinableSessions(createTokenMint({ nowSeconds, randomBytes: (count) => new Uint8Array(randomBytes(count)) }))
    this.#server.maxConnections = maxConnections
  }

  get suspended(): number {
    return this.#resumable.suspended
  }

  get counts(): { readonly sessions: number; readonly pending: number } {
    return { sessions: this.#sessions.size, pending: this.#pending.size }
  }

  start(): Promise<{ readonly host: string; readonly port: number }> {
    const { host = '127.0.0.1', port = 0 } = this.#options
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) return reject(new HandshakeError('HANDSHAKE_CLOSED', 'start() after stop()'))
      this.#failStart = reject
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        if (this.#stopped !== undefined) return void this.#server.close() // the address was looked up while stop() ran
        const address = this.#server.address()
        resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port })
      })
    })
  }

  stop(): Promise<void> {
    this.#failStart(new HandshakeError('HANDSHAKE_CLOSED', 'stop() while starting')) // says nothing to a start that is over
    this.#isStopping = true
    this.#stopped ??= new Promise((resolve) => {
      const end = (): void => void Promise.all(this.#accepted).then(() => resolve())
      this.#server.close(end) // calls back when no connection is left, at once when it never listened
      for (const entrant of this.#pending) entrant.destroy()
      for (const session of this.#sessions) session.leave(CODES.draining)
    })
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  accept(address: string, secure: (signal: AbortSignal) => Promise<Carrier>): boolean {
    const controller = new AbortController()
    const entrant: Entrant = { destroy: () => controller.abort(new HandshakeError('HANDSHAKE_TIMEOUT', 'no secured channel in time')) }
    const leave = this.#enter(address, entrant)
    if (leave === undefined) return false
    const secured = (async () => secure(controller.signal))() // called now; what it throws is a rejection
    const accepted = this.#serve(entrant, address, secured, controller.signal).finally(() => {
      leave()
      this.#accepted.delete(accepted)
    })
    this.#accepted.add(accepted)
    return true
  }

  async #serve(entrant: Entrant, address: string, secured: Promise<Carrier>, signal: AbortSignal): Promise<void> {
    const { greetingTimeoutMs = constants.GREETING_TIMEOUT_MS } = this.#options
    const startedMs = performance.now()
    const timer = setTimeout(() => entrant.destroy(), greetingTimeoutMs)
    const carrier = await secured.catch(() => undefined) // a channel that does not come up is its peer's affair
    clearTimeout(timer)
    if (carrier === undefined) return
    if (signal.aborted || this.#stopped !== undefined) return carrier.destroy()
    entrant.destroy = () => carrier.destroy()
    const { watched, gone } = watchCarrier(carrier)
    this.#runSession(entrant, address, watched, startedMs)
    await gone
  }

  #onConnection(socket: Socket): void {
    const { greetingTimeoutMs = constants.GREETING_TIMEOUT_MS } = this.#options
    socket.on('error', () => {}) // a broken connection is its peer's affair; 'close' follows
    const address = socket.remoteAddress ?? ''
    const leave = this.#enter(address, socket)
    if (leave === undefined) return void socket.destroy()
    socket.on('close', leave)
    const startedMs = performance.now()
    const timer = setTimeout(() => socket.destroy(), greetingTimeoutMs)
    const secured = new TLSSocket(socket, { isServer: true, secureContext: this.#context, ALPNProtocols: [constants.ALPN] })
    secured.on('error', () => socket.destroy())
    secured.on('close', () => {
      clearTimeout(timer)
      socket.destroy()
    })
    secured.once('secure', () => {
      clearTimeout(timer)
      if (secured.alpnProtocol !== constants.ALPN || this.#stopped !== undefined) return void socket.destroy()
      this.#runSession(socket, address, new TlsCarrier(secured), startedMs)
    })
  }

  /** Takes a place, among all, the pending and those of the address, and a token of the address; the function gives the places back. */
  #enter(address: string, entrant: Entrant): (() => void) | undefined {
    const { maxPending = constants.PENDING_MAX, maxConnections = constants.CONNECTIONS_MAX } = this.#options
    const { maxConnectionsPerAddress = constants.CONNECTIONS_PER_ADDRESS_MAX } = this.#options
    const key = networkOf(address)
    const count = this.#connectionsOf.get(key) ?? 0
    const hasPlace = this.#connections < maxConnections && this.#pending.size < maxPending && count < maxConnectionsPerAddress
    if (this.#stopped !== undefined || !hasPlace || !this.#buckets.take(address, performance.now())) return undefined
    this.#connections++
    this.#connectionsOf.set(key, count + 1)
    this.#pending.add(entrant)
    return () => {
      this.#connections--
      this.#pending.delete(entrant)
      const left = (this.#connectionsOf.get(key) ?? 1) - 1
      if (left > 0) this.#connectionsOf.set(key, left)
      else this.#connectionsOf.delete(key)
    }
  }

  /** A client is back: whatever connection its session had is closed. */
  #moveTo(target: ResumableSession, network: string, handOver: (session: NodeSession) => void): void {
    handOver(target.session)
    this.#resumable.resume(target)
    target.network = network
  }

  #handOff(): HandOff {
    return { nodes: this.#components.others?.() ?? [], retryAfterMs: this.#isStopping ? 0 : constants.RETRY_AFTER_MS }
  }

  #runSession(entrant: Entrant, address: string, carrier: Carrier, startedMs: number): void {
    const { chainId, maxLanes = constants.GUEST_LANES_MAX, idleTimeoutMs = constants.IDLE_TIMEOUT_MS } = this.#options
    const { maxSessions = Number.POSITIVE_INFINITY, resumeTtlMs = constants.RESUME_TTL_MS } = this.#options
    const greeter = createNodeGreeter({
      identity: this.#components.identity,
      chainId,
      maxLanes,
      channelBinding: carrier.channelBinding,
      rand: new Uint8Array(randomBytes(16)),
      resumeToken: new Uint8Array(randomBytes(32)),
      nodeTimeMs: BigInt(Date.now()),
      payments: this.#components.payments,
      onError: this.#components.onError,
      isFull: () => this.#greeted.size >= maxSessions,
      resume: (hello, token) => this.#resumable.find(hello, token),
      joinable: this.#joinable,
      laneNonce: this.#laneNonce++,
      nodeIndex: 0,
      epoch: 0n,
      priceVersion: 0,
    })
    const clock = {
      greetingTimeoutMs: this.#options.greetingTimeoutMs ?? constants.GREETING_TIMEOUT_MS,
      idleTimeoutMs,
      pingAfterMs: constants.PING_AFTER_MS,
      pongTimeoutMs: constants.PONG_TIMEOUT_MS,
      closingTimeoutMs: constants.CLOSING_TIMEOUT_MS,
      resumeTtlMs,
    }
    const network = networkOf(address)
    let resumable: ResumableSession | undefined
    let shared: SessionConnections | undefined
    const session: NodeSession = runNodeSession(
      carrier,
      { role: 'node', greeter, clock, startedMs, maxLanes, handOff: () => this.#handOff() },
      {
        onLane: this.#components.onLane,
        mayOpen: () => this.#abandoned.take(address, performance.now()),
        onLaneOver: (isAbandoned) => {
          if (!isAbandoned) this.#abandoned.give(address)
        },
        onGreeted: ({ welcome, clientKey, account, connections }) => {
          this.#pending.delete(entrant)
          if (welcome.connection > 0) return // it is a part of a session that is counted
          this.#greeted.add(session)
          shared = connections
          if (shared !== undefined) this.#joinable.add(shared)
          if (account === undefined || resumeTtlMs === 0) return
          resumable = new ResumableSession(welcome, clientKey, session, network)
          this.#resumable.add(resumable)
        },
        onMoved: (to, handOver) => {
          this.#pending.delete(entrant)
          this.#sessions.delete(session)
          this.#moveTo(to as ResumableSession, network, handOver)
        },
        maySuspend: () => resumable !== undefined && this.#stopped === undefined && this.#resumable.maySuspend(resumable),
        onSuspended: () => resumable !== undefined && this.#resumable.suspend(resumable),
        onResumed: () => resumable?.settle(),
        onOver: () => {
          this.#sessions.delete(session)
          this.#greeted.delete(session)
          if (resumable !== undefined) this.#resumable.remove(resumable)
          if (shared !== undefined) this.#joinable.remove(shared)
        },
      },
      () => performance.now(),
    )
    this.#sessions.add(session)
  }
}
