/**
 * Keeps trying to reach one peer: after 100 ms, then twice as long each time up to half a second, less a random part so that nobody comes in step.
 * No longer: what was cut for minutes must be whole within two seconds of its healing.
 */
import type { TLSSocket } from 'node:tls'
import { HANDSHAKE_TIMEOUT_MS } from './connection.ts'

const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 500

export interface DialerOptions {
  /** Begins a connection, or has no address yet. */
  readonly connect: () => TLSSocket | undefined
  /** TLS is up. */
  readonly onSecure: (socket: TLSSocket) => void
}

export class Dialer {
  readonly #options: DialerOptions
  #socket: TLSSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #isStopped = false

  constructor(options: DialerOptions) {
    this.#options = options
    this.#dial()
  }

  /** The peer has greeted: the next loss is a first one. */
  succeeded(): void {
    this.#failures = 0
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #dial(): void {
    const socket = this.#options.connect()
    if (socket === undefined) return this.#retry()
    this.#socket = socket
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_TIMEOUT_MS)
    socket.on('error', () => {}) // 'close' follows
    socket.once('secureConnect', () => {
      clearTimeout(timer) // the greeting has its own
      this.#options.onSecure(socket)
    })
    socket.once('close', () => {
      clearTimeout(timer)
      this.#retry()
    })
  }

  #retry(): void {
    if (this.#isStopped) return
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures)
    this.#failures += 1
    this.#timer = setTimeout(() => this.#dial(), delayMs * (0.5 + Math.random() / 2))
  }
}
