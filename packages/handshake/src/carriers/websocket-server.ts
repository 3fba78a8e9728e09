/**
 * The node's door for sessions over WebSocket: plain HTTP that knows nothing but the upgrade, then Noise, then the sessions of a server that
 * has its front door for TLS already. TLS, where it is wanted, is a proxy's: Noise needs none, and the address of the proxy is then the
 * address that the server's bounds count.
 *
 * Each TCP connection is offered to the session server before a byte of it is read, so its bounds (pending, addresses, time until WELCOME)
 * hold for HTTP and Noise too. Who has a place costs nothing on the curve before 48 bytes have come, one X25519 agreement when they do not open,
 * two and a fresh key when they do; until WELCOME no more than 4 KiB are taken after the upgrade, whole messages or not.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { NOISE_MESSAGE_BYTES_MAX, X25519_BYTES, x25519KeyOf } from '@selvedge/crypto/noise'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Carrier } from '../carrier.ts'
import { CONNECTIONS_MAX, GREETING_TIMEOUT_MS } from '../constants.ts'
import { HandshakeError } from '../errors.ts'
import type { SessionServer } from '../session-server.node.ts'
import { EarlyBytes, type MessagePipe, type MessagePipeEvents, tooMuch } from './message-pipe.ts'
import { secureAsNode } from './noise-carrier.ts'

export interface WebSocketDoorComponents {
  /** Whose sessions they are. */
  readonly server: Pick<SessionServer, 'accept'>
  /** The node's secret for sessions, 32 bytes; its public key stands in the node's signed record. */
  readonly x25519Secret: Uint8Array
  /** The Ed25519 key of the server's identity, 32 bytes. */
  readonly nodeKey: Uint8Array
  readonly chainId: number
}

export interface WebSocketDoorOptions {
  /** @default '127.0.0.1' */
  readonly host?: string
  /** @default 0, any free port */
  readonly port?: number
}

export interface WebSocketDoor {
  /** Listens. @throws the system's error when the address cannot be had; {HandshakeError} `HANDSHAKE_CLOSED` when `stop()` was called. */
  start(): Promise<{ readonly host: string; readonly port: number }>
  /**
   * Takes nobody else; resolves when it does not listen any more and those who had no WebSocket yet are gone. Sessions end with their server.
   * May be called twice and at any moment.
   */
  stop(): Promise<void>
}

const HEADER_BYTES_MAX = 8 * 1024
const UPGRADE_REQUIRED = 426

/** @throws {HandshakeError} `HANDSHAKE_BAD_ARGUMENT` (the secret is not 32 bytes) */
export function createWebSocketDoor(components: WebSocketDoorComponents, options: WebSocketDoorOptions = {}): WebSocketDoor {
  return new Door(components, options)
}

class Door implements WebSocketDoor {
  readonly #components: WebSocketDoorComponents
  readonly #options: WebSocketDoorOptions
  /** Derived once, and not for each stranger. */
  readonly #x25519: Uint8Array
  readonly #http: Server
  readonly #upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false, // ciphertext does not shrink, and a bomb would
    maxPayload: NOISE_MESSAGE_BYTES_MAX,
    autoPong: false,
  })
  /** Connections that have a place and no WebSocket yet, and who waits for it. */
  readonly #waiting = new Map<Duplex, (request: IncomingMessage, head: Buffer) => void>()
  #isStopped = false
  /** Until it is known whether it listens. */
  #starting: Promise<void> = Promise.resolve()
  #failStart: (error: HandshakeError) => void = () => {}

  constructor(components: WebSocketDoorComponents, options: WebSocketDoorOptions) {
    const { x25519Secret } = components
    if (x25519Secret.length !== X25519_BYTES)
      throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `x25519Secret must be ${X25519_BYTES} bytes, got ${x25519Secret.length}`)
    this.#components = components
    this.#x25519 = x25519KeyOf(x25519Secret)
    this.#options = options
    const timeouts = { headersTimeout: GREETING_TIMEOUT_MS, requestTimeout: GREETING_TIMEOUT_MS, keepAliveTimeout: 1 }
    this.#http = createServer({ maxHeaderSize: HEADER_BYTES_MAX, noDelay: true, ...timeouts }, (_, response) => {
      response.writeHead(UPGRADE_REQUIRED, { connection: 'close', upgrade: 'websocket' }).end()
    })
    this.#http.maxConnections = CONNECTIONS_MAX
    this.#http.on('connection', (socket) => this.#onConnection(socket))
    this.#http.on('upgrade', (request, socket, head) => {
      const upgrade = this.#waiting.get(socket)
      if (upgrade === undefined) socket.destroy()
      else upgrade(request, head)
    })
  }

  start(): Promise<{ readonly host: string; readonly port: number }> {
    const { host = '127.0.0.1', port = 0 } = this.#options
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new HandshakeError('HANDSHAKE_CLOSED', 'start() after stop()'))
      this.#failStart = reject
      this.#starting = new Promise((known) => {
        for (const event of ['listening', 'error', 'close'] as const) this.#http.once(event, () => known()) // one of them comes
      })
      this.#http.once('error', reject)
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', reject)
        if (this.#isStopped) return void this.#http.close() // the address was looked up while stop() ran
        const address = this.#http.address()
        resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port })
      })
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#failStart(new HandshakeError('HANDSHAKE_CLOSED', 'stop() while starting')) // says nothing to a start that is over
    this.#http.close()
    const gone = [...this.#waiting.keys()].map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())))
    for (const socket of this.#waiting.keys()) socket.destroy()
    await Promise.all([this.#starting, ...gone])
  }

  #onConnection(socket: Socket): void {
    socket.on('error', () => {}) // a broken connection is its peer's affair; 'close' follows
    const isTaken = !this.#isStopped && this.#components.server.accept(socket.remoteAddress ?? '', (signal) => this.#secure(socket, signal))
    if (!isTaken) socket.destroy()
  }

  async #secure(socket: Socket, signal: AbortSignal): Promise<Carrier> {
    const destroy = (): void => void socket.destroy()
    signal.addEventListener('abort', destroy, { once: true })
    try {
      const { nodeKey, chainId, x25519Secret } = this.#components
      const pipe = await this.#upgraded(socket)
      return await secureAsNode(pipe, { nodeKey, chainId, x25519Secret, x25519: this.#x25519 })
    } finally {
      signal.removeEventListener('abort', destroy)
    }
  }

  #upgraded(socket: Socket): Promise<ServerPipe> {
    return new Promise((resolve, reject) => {
      const close = (): void => {
        this.#waiting.delete(socket)
        reject(new Error('no WebSocket came of it'))
      }
      socket.once('close', close)
      this.#waiting.set(socket, (request, head) => {
        this.#waiting.delete(socket)
        this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
          socket.off('close', close)
          resolve(new ServerPipe(webSocket, socket)) // now, so that it counts what is read next
        })
      })
    })
  }
}

class ServerPipe implements MessagePipe {
  readonly #socket: WebSocket
  readonly #under: Socket
  readonly #early = new EarlyBytes()
  /** What comes is counted below WebSocket, which would gather a whole message first. */
  readonly #count: (bytes: Uint8Array) => void
  #isOver = false
  #error: Error | undefined
  #isClosed = false
  #onClosed: MessagePipeEvents['onClosed'] | undefined

  constructor(socket: WebSocket, under: Socket) {
    this.#socket = socket
    this.#under = under
    this.#count = ({ length }) => {
      if (this.#early.take(length)) return
      this.#error ??= tooMuch()
      this.destroy()
    }
    under.prependListener('data', this.#count)
    socket.on('error', (error) => {
      this.#error ??= error
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#onClosed?.(this.#error)
    })
  }

  start({ onMessage, onClosed }: MessagePipeEvents): void {
    this.#onClosed = onClosed
    if (this.#isClosed) return queueMicrotask(() => onClosed(this.#error))
    this.#socket.on('message', (data, isBinary) => {
      if (this.#isOver) return
      if (isBinary && Buffer.isBuffer(data)) return onMessage(data)
      this.#error ??= new Error('the client sent text')
      this.destroy()
    })
  }

  send(message: Uint8Array, onFlushed: () => void): void {
    if (this.#isClosed) return
    this.#socket.send(message, (error) => {
      if (error === undefined || error === null) onFlushed()
    })
  }

  trust(): void {
    this.#early.trust()
    this.#under.off('data', this.#count)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.resume() // so that the other side's close is read
    this.#socket.close()
  }

  destroy(): void {
    this.#isOver = true
    this.#socket.terminate()
  }
}
