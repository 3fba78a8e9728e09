/**
 * The client's end of a session over WebSocket: Noise inside of its binary messages (docs/protocol/sessions.md). For pages, which reach neither
 * TCP nor the exporter of TLS, and whose wss may end at a proxy; under Node.js 22 and later it is the same code.
 *
 * A page cannot tell the other side to wait. While the session asks for a pause, what comes is kept here; honest nodes send no more than
 * the session's credit, and one that sends more is left.
 */
import type { Carrier } from '../carrier.ts'
import { CONNECTION_CREDIT_BYTES, GREETING_TIMEOUT_MS } from '../constants.ts'
import { HandshakeError } from '../errors.ts'
import { inTime } from './in-time.ts'
import { EarlyBytes, type MessagePipe, type MessagePipeEvents, tooMuch } from './message-pipe.ts'
import { secureAsClient } from './noise-carrier.ts'

export interface WebSocketOptions {
  /** `ws:` or `wss:`. */
  readonly url: string
  /** Ed25519 key of the node, 32 bytes. */
  readonly nodeKey: Uint8Array
  /** X25519 key of the node's sessions, 32 bytes, from a record that `nodeKey` signed. */
  readonly x25519: Uint8Array
  readonly chainId: number
  /** For connection and Noise together. @default 5,000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Bytes that the browser holds and has not sent, above which nothing more is given to it. */
const BUFFERED_BYTES_MAX = 1024 * 1024
const LOOK_AGAIN_MS = 5
/** Credit, and as much for headers and control frames as no honest node needs. */
const PAUSED_BYTES_MAX: number = 2 * CONNECTION_CREDIT_BYTES
const NORMAL_CLOSURE = 1_000

/**
 * Connects to a node's WebSocket door and makes the secured channel: what `connectSession` takes as its `carrier`.
 * @throws {HandshakeError} `HANDSHAKE_UNREACHABLE`, `HANDSHAKE_TIMEOUT`, `HANDSHAKE_WRONG_KEY`, `HANDSHAKE_BAD_ARGUMENT` (no URL),
 *   `HANDSHAKE_NO_CARRIER` (no WebSocket here); the reason of the signal.
 * @example const session = await connectSession({ nodeKey, chainId, carrier: await connectWebSocket({ url, nodeKey, x25519, chainId }) })
 */
export async function connectWebSocket(options: WebSocketOptions): Promise<Carrier> {
  const { url, timeoutMs = GREETING_TIMEOUT_MS, signal, ...keys } = options
  signal?.throwIfAborted()
  const pipe = new SocketPipe(socketOf(url))
  const secured = pipe.opened.then(async () => await secureAsClient(pipe, keys))
  return await inTime(secured, { timeoutMs, signal }, () => pipe.destroy())
}

function socketOf(url: string): WebSocket {
  if (typeof WebSocket === 'undefined') throw new HandshakeError('HANDSHAKE_NO_CARRIER', 'there is no WebSocket here')
  try {
    return new WebSocket(url)
  } catch (cause) {
    throw new HandshakeError('HANDSHAKE_BAD_ARGUMENT', `not the URL of a WebSocket: ${url}`, {}, { cause })
  }
}

class SocketPipe implements MessagePipe {
  /** Rejects when the socket closes before it was open. */
  readonly opened: Promise<void>
  readonly #socket: WebSocket
  readonly #early = new EarlyBytes()
  readonly #held: Uint8Array[] = []
  #heldBytes = 0
  #isPaused = false
  #events: MessagePipeEvents | undefined
  #error: Error | undefined
  #isClosed = false

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve())
      socket.addEventListener('close', () => reject(new HandshakeError('HANDSHAKE_UNREACHABLE', `no WebSocket with ${socket.url}`)))
    })
    this.opened.catch(() => {}) // whoever waits for it is told
    socket.addEventListener('message', ({ data }) => this.#take(data))
    socket.addEventListener('close', ({ code }) => this.#close(code))
    socket.addEventListener('error', () => {}) // says nothing that 'close' does not
  }

  start(events: MessagePipeEvents): void {
    this.#events = events
  }

  send(message: Uint8Array, onFlushed: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#socket.send(message as Uint8Array<ArrayBuffer>)
    this.#whenFlushed(onFlushed)
  }

  trust(): void {
    this.#early.trust()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused && this.#held.length > 0) this.#handOn(this.#held.shift()!)
    if (this.#isClosed && this.#held.length === 0) this.#tellClosed()
  }

  end(): void {
    this.#socket.close(NORMAL_CLOSURE)
  }

  destroy(): void {
    this.#held.length = 0
    this.#isPaused = false
    this.#socket.close(NORMAL_CLOSURE) // a page has nothing harder
    if (!this.#isClosed) this.#close(NORMAL_CLOSURE)
  }

  #take(data: unknown): void {
    if (this.#isClosed) return
    if (!(data instanceof ArrayBuffer)) return this.#fail(new Error('the node sent text'))
    const message = new Uint8Array(data)
    if (!this.#early.take(message.length)) return this.#fail(tooMuch())
    if (!this.#isPaused) return this.#handOn(message)
    this.#held.push(message)
    this.#heldBytes += message.length
    if (this.#heldBytes > PAUSED_BYTES_MAX) this.#fail(new Error('the node sends more than its credit'))
  }

  #handOn(message: Uint8Array): void {
    this.#heldBytes = this.#held.length === 0 ? 0 : this.#heldBytes - message.length
    this.#events?.onMessage(message)
  }

  #whenFlushed(onFlushed: () => void): void {
    if (this.#isClosed) return
    if (this.#socket.bufferedAmount <= BUFFERED_BYTES_MAX) return onFlushed()
    setTimeout(() => this.#whenFlushed(onFlushed), LOOK_AGAIN_MS)
  }

  #fail(error: Error): void {
    this.#error = error
    this.destroy()
  }

  #close(code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (code !== NORMAL_CLOSURE) this.#error ??= new Error(`the WebSocket closed with ${code}`)
    if (this.#held.length === 0) this.#tellClosed()
  }

  #tellClosed(): void {
    const events = this.#events
    this.#events = undefined
    queueMicrotask(() => events?.onClosed(this.#error))
  }
}
