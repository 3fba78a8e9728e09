/**
 * How long a stopped node waits for one session. A PING behind the last DATA keeps the place; with its PONG the client has all that it is
 * to acknowledge, and the clock starts.
 */
const CLOCK_MS_LEAST = 2_000
const ROUND_TRIPS = 4
const PONG_MS = 30_000

export class StopClock {
  #nonce = 0n
  #pingedMs: number | undefined
  #startedMs = 0
  #deadlineMs: number | undefined

  /** Whether PONG came. */
  get isRunning(): boolean {
    return this.#deadlineMs !== undefined
  }

  /** Whether what is acknowledged now is late: PONG overtakes what still has to be verified, so the first half of the clock is none. */
  isLate(nowMs: number): boolean {
    return this.#deadlineMs !== undefined && nowMs > (this.#startedMs + this.#deadlineMs) / 2
  }

  /** When nobody answered, or nothing was acknowledged; Infinity: nothing is waited for. */
  get deadlineMs(): number {
    return this.#deadlineMs ?? (this.#pingedMs === undefined ? Number.POSITIVE_INFINITY : this.#pingedMs + PONG_MS)
  }

  /** @returns the nonce of the PING that is to be sent. */
  start(nowMs: number): bigint {
    this.#pingedMs = nowMs
    this.#deadlineMs = undefined
    return ++this.#nonce
  }

  pong(nonce: bigint, nowMs: number): void {
    if (nonce !== this.#nonce || this.#pingedMs === undefined) return
    this.#startedMs = nowMs
    this.#deadlineMs = nowMs + Math.max(CLOCK_MS_LEAST, ROUND_TRIPS * (nowMs - this.#pingedMs))
    this.#pingedMs = undefined
  }

  clear(): void {
    this.#pingedMs = undefined
    this.#deadlineMs = undefined
  }
}
