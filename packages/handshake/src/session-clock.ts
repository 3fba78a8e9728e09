/** The deadlines of a session: every phase has one, or says why not. Time comes in as a number of milliseconds that never falls. */
import type { Phase } from './rules.ts'

export interface ClockOptions {
  readonly greetingTimeoutMs: number
  /** A session without lanes is ended after this much silence; `Infinity`: never (the client, whose node ends it). */
  readonly idleTimeoutMs: number
  readonly pingAfterMs: number
  readonly pongTimeoutMs: number
  readonly closingTimeoutMs: number
}
/** ping: ask whether the other side lives. silence: end the session. end: the channel may be torn down. */
export type ClockVerdict = 'none' | 'ping' | 'silence' | 'end'

export class SessionClock {
  readonly #options: ClockOptions
  readonly #startedMs: number
  #receivedMs: number
  #pingedMs: number | undefined
  #closingMs: number | undefined

  constructor(options: ClockOptions, nowMs: number) {
    this.#options = options
    this.#startedMs = nowMs
    this.#receivedMs = nowMs
  }

  received(nowMs: number): void {
    this.#receivedMs = nowMs
    this.#pingedMs = undefined
  }

  deadlineMs(phase: Phase, lanes: number): number {
    const { greetingTimeoutMs, idleTimeoutMs, pingAfterMs, pongTimeoutMs, closingTimeoutMs } = this.#options
    switch (phase) {
      case 'greeting':
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
    const mayLive = (phase === 'open' || phase === 'draining') && lanes > 0 && this.#pingedMs === undefined
    if (!mayLive) return 'silence'
    this.#pingedMs = nowMs
    return 'ping'
  }
}
