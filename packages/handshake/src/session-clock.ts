/** The deadlines of a session: every phase has one, or says why not. Time comes in as a number of milliseconds that never falls. */
import { RESUME_TTL_MS } from './constants.ts'
import type { Phase } from './rules.ts'

export interface ClockOptions {
  readonly greetingTimeoutMs: number
  /** A session without lanes is ended after this much silence; `Infinity`: never (the client, whose node ends it). */
  readonly idleTimeoutMs: number
  readonly pingAfterMs: number
  readonly pongTimeoutMs: number
  readonly closingTimeoutMs: number
  /** How long a session that pays outlives its connection. @default 60,000 */
  readonly resumeTtlMs?: number
}
/** ping: ask whether the other side lives. silence: end the session. end: the channel may be torn down. */
export type ClockVerdict = 'none' | 'ping' | 'silence' | 'end'

export class SessionClock {
  readonly #options: ClockOptions
  /** When the present greeting began. */
  #startedMs: number
  #suspendedMs = 0
  #receivedMs: number
  #pingedMs: number | undefined
  #closingMs: number | undefined

  constructor(options: ClockOptions, nowMs: number) {
    this.#options = options
    this.#startedMs = nowMs
    this.#receivedMs = nowMs
  }

  suspended(nowMs: number): void {
    this.#suspendedMs = nowMs
  }

  /** A new connection: HELLO and RESUME have their time, and silence counts from here. */
  restart(nowMs: number): void {
    this.#startedMs = nowMs
    this.received(nowMs)
  }

  received(nowMs: number): void {
    this.#receivedMs = nowMs
    this.#pingedMs = undefined
  }

  deadlineMs(phase: Phase, lanes: number): number {
    const { greetingTimeoutMs, idleTimeoutMs, pingAfterMs, pongTimeoutMs, closingTimeoutMs } = this.#options
    switch (phase) {
      case 'suspended':
        return this.#suspendedMs + (this.#options.resumeTtlMs ?? RESUME_TTL_MS)
      case 'greeting':
      case 'resuming':
        return this.#startedMs + greetingTimeoutMs
      case 'open':
      case 'draining':
        if (this.#pingedMs !== undefined) return this.#pingedMs + pongTimeoutMs
        return this.#receivedMs + (lanes > 0 ? pingAfterMs : idleTimeoutMs)
      case 'closing':
        return (this.#closingMs ?? this.#receivedMs) + closingTimeoutMs
      case 'closed':
        return Number.POSITIVE_INFINITY
    }
  }

  tick(nowMs: number, phase: Phase, lanes: number): ClockVerdict {
    if (phase === 'closing') this.#closingMs ??= nowMs
    if (nowMs < this.deadlineMs(phase, lanes)) return 'none'
    if (phase === 'closing') return 'end'
    // This side slept: the answer may have come meanwhile, and nobody looked.
    if (this.#pingedMs !== undefined && nowMs - this.deadlineMs(phase, lanes) >= this.#options.pongTimeoutMs) this.#pingedMs = undefined
    const mayLive = (phase === 'open' || phase === 'draining') && lanes > 0 && this.#pingedMs === undefined
    if (!mayLive) return 'silence'
    this.#pingedMs = nowMs
    return 'ping'
  }
}
