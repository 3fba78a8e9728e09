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
  pause(): void
  resume(): void
  /** Sends what was given, then closes. */
  end(): void
  /** Closes now. */
  destroy(): void
}

/** What arrives before there is somebody to take it: the two messages of the handshake, and what is close behind them. */
const EARLY_BYTES_MAX = 128 * 1024

/** A pipe that is read message by message first, and handed over later. */
export class Mailbox {
  readonly #pipe: MessagePipe
  readonly #early: Uint8Array[] = []
  #earlyBytes = 0
  #waiting: { resolve(message: Uint8Array): void; reject(error: Error): void } | undefined
  #events: MessagePipeEvents | undefined
  #closed: { readonly error: Error | undefined } | undefined

  constructor(pipe: MessagePipe) {
    this.#pipe = pipe
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
    this.#earlyBytes += message.length
    if (this.#earlyBytes > EARLY_BYTES_MAX) this.#pipe.destroy()
  }

  #close(error: Error | undefined): void {
    this.#closed = { error }
    if (this.#events !== undefined) return this.#events.onClosed(error)
    this.#waiting?.reject(error ?? new Error('the connection ended'))
    this.#waiting = undefined
  }
}
