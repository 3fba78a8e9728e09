/**
 * A session over any ordered stream of bytes, such as a relay's or one of libp2p: the same Noise as over WebSocket, each message behind its
 * length (u16, big endian).
 */
import type { Carrier } from '../carrier.ts'
import { GREETING_TIMEOUT_MS } from '../constants.ts'
import { inTime } from './in-time.ts'
import { EarlyBytes, type MessagePipe, type MessagePipeEvents, tooMuch } from './message-pipe.ts'
import { type NoiseNames, secureAsClient, secureAsNode } from './noise-carrier.ts'

export interface Duplex {
  /** What the other side sends; ends with it, or throws. Its `return` closes the stream. */
  readonly source: AsyncIterable<Uint8Array>
  /** Resolves when more may be written. `bytes` are the stream's from here on. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends this side after all that was written. */
  end(): Promise<void>
}

export type DuplexKeys = NoiseNames &
  (
    | { readonly role: 'client'; readonly x25519: Uint8Array }
    | {
        readonly role: 'node'
        readonly x25519Secret: Uint8Array
        /** The public key of the secret, from `x25519KeyOf`: derived for each connection where it is not given. */
        readonly x25519?: Uint8Array
      }
  )

export interface DuplexOptions {
  /** For Noise. @default 5,000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/**
 * Makes the secured channel: what `connectSession` takes as its `carrier`, and what `SessionServer.accept` wants of a node.
 * @throws {HandshakeError} `HANDSHAKE_WRONG_KEY`, `HANDSHAKE_UNREACHABLE`, `HANDSHAKE_TIMEOUT`; at the node what made it fail; the signal's reason.
 */
export async function createDuplexCarrier(duplex: Duplex, keys: DuplexKeys, options: DuplexOptions = {}): Promise<Carrier> {
  const { timeoutMs = GREETING_TIMEOUT_MS, signal } = options
  const pipe = new DuplexPipe(duplex)
  const secured = keys.role === 'client' ? secureAsClient(pipe, keys) : secureAsNode(pipe, keys)
  return await inTime(secured, { timeoutMs, signal }, () => pipe.destroy())
}

const LENGTH_BYTES = 2

class DuplexPipe implements MessagePipe {
  readonly #duplex: Duplex
  readonly #reader: AsyncIterator<Uint8Array>
  #writing: Promise<void> = Promise.resolve()
  #isPaused = false
  #wake: (() => void) | undefined
  #isClosed = false
  #events: MessagePipeEvents | undefined
  readonly #early = new EarlyBytes()
  /** Of the message that is coming: what its length is, of which so many bytes have come, then itself, of which so many have. */
  #length = 0
  #lengthBytes = 0
  #message: Uint8Array | undefined
  #filled = 0

  constructor(duplex: Duplex) {
    this.#duplex = duplex
    this.#reader = duplex.source[Symbol.asyncIterator]()
  }

  start(events: MessagePipeEvents): void {
    this.#events = events
    void this.#read().then(
      () => this.#close(this.#lengthBytes === 0 ? undefined : new Error('the stream ended inside a message')),
      (error: unknown) => this.#close(error as Error),
    )
  }

  send(message: Uint8Array, onFlushed: () => void): void {
    const framed = new Uint8Array(LENGTH_BYTES + message.length)
    new DataView(framed.buffer).setUint16(0, message.length, false)
    framed.set(message, LENGTH_BYTES)
    const write = async (): Promise<void> => {
      if (this.#isClosed) return
      await this.#duplex.write(framed)
      onFlushed()
    }
    this.#writing = this.#writing.then(write).catch((error: unknown) => this.#close(error as Error))
  }

  trust(): void {
    this.#early.trust()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#wake?.()
  }

  end(): void {
    this.resume() // so that the other side's end is read
    this.#writing = this.#writing.then(async () => await this.#duplex.end()).catch((error: unknown) => this.#close(error as Error))
  }

  destroy(): void {
    this.#close()
  }

  async #read(): Promise<void> {
    for (;;) {
      while (this.#isPaused && !this.#isClosed) await new Promise<void>((resolve) => (this.#wake = resolve))
      const { done, value } = await this.#reader.next()
      if (done === true || this.#isClosed) return
      this.#take(value)
    }
  }

  /** Each byte is copied once, however small the pieces are. What an unknown side announces is refused before room is made for it. */
  #take(bytes: Uint8Array): void {
    if (!this.#early.take(bytes.length)) throw tooMuch()
    for (let at = 0; at < bytes.length && !this.#isClosed; ) {
      if (this.#message === undefined) {
        this.#length = (this.#length << 8) | bytes[at++]!
        if (++this.#lengthBytes < LENGTH_BYTES) continue
        if (!this.#early.fits(this.#length)) throw tooMuch()
        this.#message = new Uint8Array(this.#length)
      }
      const part = bytes.subarray(at, at + this.#length - this.#filled)
      this.#message.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === this.#length) this.#handOn(this.#message)
    }
  }

  #handOn(message: Uint8Array): void {
    this.#message = undefined
    this.#length = this.#lengthBytes = this.#filled = 0
    this.#events?.onMessage(message)
  }

  #close(error?: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#wake?.()
    void Promise.resolve(this.#reader.return?.()).catch(() => {})
    void this.#duplex.end().catch(() => {})
    const events = this.#events
    queueMicrotask(() => events?.onClosed(error))
  }
}
