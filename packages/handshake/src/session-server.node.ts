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
import { CODES } from './codes.ts'
import * as constants from './constants.ts'
import { HandshakeError } from './errors.ts'
import { createNodeGreeter } from './greeter.ts'
import { type LaneListener, type NodeSession, runNodeSession } from './node-session.ts'
import { createNodeContext, TlsCarrier } from './tls-carrier.node.ts'

export interface SessionServerComponents {
  readonly identity: KeyPair
  readonly onLane: LaneListener
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
}

export interface SessionServer {
  /** Listens. @throws the system's error when the address cannot be had. */
  start(): Promise<{ readonly host: string; readonly port: number }>
  /** Ends every session with code 17 and waits until all connections are gone. May be called twice and at any moment. */
  stop(): Promise<void>
  /** Sessions past WELCOME, and connections before it. */
  readonly counts: { readonly sessions: number; readonly pending: number }
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

class Door implements SessionServer {
  readonly #components: SessionServerComponents
  readonly #options: SessionServerOptions
  readonly #context: SecureContext
  readonly #server: Server
  readonly #buckets: ReturnType<typeof createAddressBuckets>
  readonly #abandoned: ReturnType<typeof createAddressBuckets>
  readonly #connections = new Set<Socket>()
  /** How many of them each address has. */
  readonly #connectionsOf = new Map<string, number>()
  readonly #pending = new Set<Socket>()
  readonly #sessions = new Set<NodeSession>()
  #laneNonce = 0n
  #stopped: Promise<void> | undefined
  #failStart: (error: HandshakeError) => void = () => {}

  constructor(components: SessionServerComponents, options: SessionServerOptions) {
    const { connectionsPerSecond = 16, connectionsBurst = 64, maxConnections = 4_096 } = options
    const { abandonedPerSecond = 16, abandonedBurst = 256 } = options
    this.#components = components
    this.#options = options
    this.#context = createNodeContext(components.identity)
    this.#buckets = createAddressBuckets({ ratePerSecond: connectionsPerSecond, burst: connectionsBurst })
    this.#abandoned = createAddressBuckets({ ratePerSecond: abandonedPerSecond, burst: abandonedBurst })
    this.#server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket))
    this.#server.maxConnections = maxConnections
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
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => resolve()) // calls back when no connection is left, at once when it never listened
      for (const socket of this.#pending) socket.destroy()
      for (const session of this.#sessions) session.leave(CODES.draining)
    })
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #onConnection(socket: Socket): void {
    const { maxPending = constants.PENDING_MAX, greetingTimeoutMs = constants.GREETING_TIMEOUT_MS } = this.#options
    socket.on('error', () => {}) // a broken connection is its peer's affair; 'close' follows
    const address = socket.remoteAddress ?? ''
    const isFree = this.#stopped === undefined && this.#pending.size < maxPending && this.#hasPlace(address)
    if (!isFree || !this.#buckets.take(address, performance.now())) return void socket.destroy()
    this.#connections.add(socket)
    this.#pending.add(socket)
    const leave = this.#enter(address)
    socket.on('close', () => {
      leave()
      this.#connections.delete(socket)
      this.#pending.delete(socket)
    })
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
      this.#runSession(socket, address, secured, greetingTimeoutMs - (performance.now() - startedMs))
    })
  }

  #hasPlace(address: string): boolean {
    const { maxConnectionsPerAddress = constants.CONNECTIONS_PER_ADDRESS_MAX } = this.#options
    return (this.#connectionsOf.get(networkOf(address)) ?? 0) < maxConnectionsPerAddress
  }

  /** Takes a place of the address; the function gives it back. */
  #enter(address: string): () => void {
    const key = networkOf(address)
    this.#connectionsOf.set(key, (this.#connectionsOf.get(key) ?? 0) + 1)
    return () => {
      const left = (this.#connectionsOf.get(key) ?? 1) - 1
      if (left > 0) this.#connectionsOf.set(key, left)
      else this.#connectionsOf.delete(key)
    }
  }

  #runSession(socket: Socket, address: string, secured: TLSSocket, greetingTimeoutMs: number): void {
    const { chainId, maxLanes = constants.GUEST_LANES_MAX, idleTimeoutMs = constants.IDLE_TIMEOUT_MS } = this.#options
    const carrier = new TlsCarrier(secured)
    const greeter = createNodeGreeter({
      identity: this.#components.identity,
      chainId,
      maxLanes,
      channelBinding: carrier.channelBinding,
      rand: new Uint8Array(randomBytes(16)),
      resumeToken: new Uint8Array(randomBytes(32)),
      laneNonce: this.#laneNonce++,
      nodeTimeMs: BigInt(Date.now()),
      nodeIndex: 0,
      epoch: 0n,
      priceVersion: 0,
    })
    const clock = {
      greetingTimeoutMs,
      idleTimeoutMs,
      pingAfterMs: constants.PING_AFTER_MS,
      pongTimeoutMs: constants.PONG_TIMEOUT_MS,
      closingTimeoutMs: constants.CLOSING_TIMEOUT_MS,
    }
    const session = runNodeSession(
      carrier,
      { role: 'node', greeter, clock, maxLanes },
      {
        onLane: this.#components.onLane,
        mayOpen: () => this.#abandoned.take(address, performance.now()),
        onLaneOver: (isAbandoned) => {
          if (!isAbandoned) this.#abandoned.give(address)
        },
        onGreeted: () => this.#pending.delete(socket),
        onOver: () => this.#sessions.delete(session),
      },
      () => performance.now(),
    )
    this.#sessions.add(session)
  }
}
