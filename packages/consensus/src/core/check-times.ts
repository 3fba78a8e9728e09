/**
 * How long the checks of others' batches take now: what rounds leave them time for (settings.ts). Each author has his own times, and what counts is what
 * authors of stake ≥ V have at least, so that a few liars with batches that take long slow nobody down. Who has sent nothing lately does not count: when the
 * load is over, so is the rest.
 */
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import { Durations } from './durations.ts'

/** Checks of one author that are looked at. */
const CHECKS = 8
const LATELY_MS = 1_000

interface Times {
  readonly durations: Durations
  lastAtMs: number
}

export class CheckTimes {
  readonly #context: Pick<CoreContext, 'committee' | 'nowMs'>
  readonly #byAuthor = new Map<Authority, Times>()
  #usualMs: number | undefined
  /** So long `#usualMs` holds, if nothing comes. */
  #untilMs = Number.POSITIVE_INFINITY

  constructor(context: Pick<CoreContext, 'committee' | 'nowMs'>) {
    this.#context = context
  }

  add(author: Authority, ms: number): void {
    let times = this.#byAuthor.get(author)
    if (times === undefined) this.#byAuthor.set(author, (times = { durations: new Durations(CHECKS), lastAtMs: 0 }))
    times.durations.add(ms)
    times.lastAtMs = this.#context.nowMs
    this.#look()
  }

  /** `undefined` where too few have sent anything lately. */
  get usualMs(): number | undefined {
    if (this.#context.nowMs > this.#untilMs) this.#look()
    return this.#usualMs
  }

  #look(): void {
    const { committee, nowMs } = this.#context
    this.#untilMs = Number.POSITIVE_INFINITY
    for (const [author, { lastAtMs }] of this.#byAuthor) {
      if (nowMs - lastAtMs > LATELY_MS) this.#byAuthor.delete(author)
      else this.#untilMs = Math.min(this.#untilMs, lastAtMs + LATELY_MS)
    }
    const msOf = ({ durations }: Times): number => durations.ms50 ?? 0
    const slowestFirst = [...this.#byAuthor].toSorted(([, a], [, b]) => msOf(b) - msOf(a))
    let stake = 0
    const reached = slowestFirst.find(([author]) => (stake += committee.stakes[author] ?? 0) >= committee.validity)
    this.#usualMs = reached === undefined ? undefined : msOf(reached[1])
  }
}
