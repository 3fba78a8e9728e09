import { GREETING_BYTES_MAX } from '../constants.ts'

/** What Noise runs over: whole messages both ways, in order, read by nobody else. */
export interface MessagePipeEvents {
  /** A message; the receiver's from here on. */
  onMessage(message: Uint8Array): void
  /** The pipe is gone, once; `error` when it was not ended in order. Nothing follows. */
  onClosed(error?: Error): void
}

export interface MessagePipe {
  /** Begins to hand on what arrives. Called once. */
  start(events: MessagePipeEvents): void
  /** Sends a message, which is the pipe's from here on; `onFlushed` when more may follow, once, or never when the pipe is closed first. */
  send(message: Uint8Array, onFlushed: () => void): void
  /** Until this is called no more than `EarlyBytes` has comes through: the pipe closes instead. */
  trust(): void
  pause(): void
  resume(): void
  /** Sends what was given, then closes. */
  end(): void
  /** Closes now. */
  destroy(): void
}

/**
 * What comes from a side that nobody knows yet, in bytes of the wire from the first message on: the handshake's and the greeting's flight, with what
 * Noise and WebSocket put around them. A message that is announced and has not come whole counts as far as it has come.
 */
export class EarlyBytes {
  #left: number = GREETING_BYTES_MAX
  #isTrusted = false

  /** Whether so many more may come; to be called once for each piece. */
  take(bytes: number): boolean {
    if (this.#isTrusted) return true
    this.#left -= bytes
    return this.#left >= 0
  }

  /** Whether a message of this length may be announced. */
  fits(length: number): boolean {
    return this.#isTrusted || length <= GREETING_BYTES_MAX
  }

  trust(): void {
    this.#isTrusted = true
  }
}

export const tooMuch = (): Error => new Error(`more than ${GREETING_BYTES_MAX} bytes before the greeting was over`)

/** A pipe that is read message by message first, and handed over later; what is kept between is the pipe's to bound. */
export class Mailbox {
  readonly #early: Uint8Array[] = []
  #waiting: { resolve(message: Uint8Array): void; reject(error: Error): void } | undefined
  #events: MessagePipeEvents | undefined
  #closed: { readonly error: Error | undefined } | undefined

  constructor(pipe: MessagePipe) {
    pipe.start({ onMessage: (message) => this.#take(message), onClosed: (error) => this.#close(error) })
  }

  /** The next message. @throws when the pipe closes before there is one. */
  next(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const message = this.#early.shift()
      if (message !== undefined) return resolve(message)
      if (this.#closed !== undefined) return reject(this.#closed.error ?? new Error('the connection ended'))
      this.#waiting = { resolve, reject }
    })
  }

  /** From now on everything goes to `events`, what has come first. */
  handOver(events: MessagePipeEvents): void {
    this.#events = events
    for (const message of this.#early.splice(0)) events.onMessage(message)
    if (this.#closed !== undefined) queueMicrotask(() => events.onClosed(this.#closed?.error))
  }

  #take(message: Uint8Array): void {
    if (this.#events !== undefined) return this.#events.onMessage(message)
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) return waiting.resolve(message)
    this.#early.push(message)
  }

  #close(error: Error | undefined): void {
    this.#closed = { error }
    if (this.#events !== undefined) return this.#events.onClosed(error)
    this.#waiting?.reject(error ?? new Error('the connection ended'))
    this.#waiting = undefined
  }
}
