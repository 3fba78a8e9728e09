/**
 * The node's door for sessions over WebSocket: plain HTTP that knows nothing but the upgrade, then Noise, then the sessions of a server that
 * has its front door for TLS already. TLS, where it is wanted, is a proxy's: Noise needs none, and the address of the proxy is then the
 * address that the server's bounds count.
 *
 * Each TCP connection is offered to the session server before a byte of it is read, so its bounds (pending, addresses, time until WELCOME)
 * hold for HTTP and Noise too: one X25519 agreement is the most that a stranger costs before they ask for his place.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { NOISE_MESSAGE_BYTES_MAX } from '@selvedge/crypto/noise'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Carrier } from '../carrier.ts'
import { CONNECTIONS_MAX, GREETING_TIMEOUT_MS } from '../constants.ts'
import { HandshakeError } from '../errors.ts'
import type { SessionServer } from '../session-server.node.ts'
import type { MessagePipe, MessagePipeEvents } from './message-pipe.ts'
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
  /** Listens. @throws the system's error when the address cannot be had. */
  start(): Promise<{ readonly host: string; readonly port: number }>
  /** Takes nobody else; sessions end with their server. May be called twice. */
  stop(): Promise<void>
}

const HEADER_BYTES_MAX = 8 * 1024
const UPGRADE_REQUIRED = 426

export function createWebSocketDoor(components: WebSocketDoorComponents, options: WebSocketDoorOptions = {}): WebSocketDoor {
  return new Door(components, options)
}

class Door implements WebSocketDoor {
  readonly #components: WebSocketDoorComponents
  readonly #options: WebSocketDoorOptions
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

  constructor(components: WebSocketDoorComponents, options: WebSocketDoorOptions) {
    this.#components = components
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
      this.#http.once('error', reject)
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', reject)
        const address = this.#http.address()
        resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port })
      })
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#http.close()
    for (const socket of this.#waiting.keys()) socket.destroy()
    await Promise.resolve()
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
      return await secureAsNode(new ServerPipe(await this.#upgraded(socket)), { nodeKey, chainId, x25519Secret })
    } finally {
      signal.removeEventListener('abort', destroy)
    }
  }

  #upgraded(socket: Socket): Promise<WebSocket> {
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
          resolve(webSocket)
        })
      })
    })
  }
}

class ServerPipe implements MessagePipe {
  readonly #socket: WebSocket
  #error: Error | undefined
  #isClosed = false
  #onClosed: MessagePipeEvents['onClosed'] | undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
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
    this.#socket.terminate()
  }
}
