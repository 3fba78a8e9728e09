/**
 * Asking for what is missing (2.10): whoever named it first, after `max(3 RTT, 200 ms)` three random others, then ever more slowly, and
 * no longer once its round has gone by.
 *
 * What one author named may have a bounded number of bytes on the way, so that a header naming batches that do not exist delays its
 * author's own and nobody else's.
 */
import type { Frame } from '../wire/frames.ts'
import type { Authority, Digest } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import { RETRY_MS_MAX, RETRY_MS_MIN, RETRY_TARGETS } from './settings.ts'

/** Smoothed time from a first request to its answer; one for all peers. */
export class RoundTrip {
  #ms = 50

  sample(ms: number): void {
    this.#ms += (ms - this.#ms) / 8
  }

  /** How long a first request waits for its answer. */
  get retryMs(): number {
    return Math.min(RETRY_MS_MAX, Math.max(3 * this.#ms, RETRY_MS_MIN))
  }
}

export interface Want {
  readonly key: string
  readonly digest: Digest
  /** Given up once this round is at or below gcRound. */
  readonly round: number
  /** Who made it, and whose budget its bytes are. */
  readonly author: Authority
  /** Who is asked first. */
  readonly first: Authority
  /** 0 where the size is not known. */
  readonly bytes: number
  /** Items of different groups do not go into one request. */
  readonly group: number
}

interface Wanted extends Want {
  attempts: number
  askedAtMs: number
  dueAtMs: number
}

export interface FetcherOptions {
  readonly requestOf: (group: number, digests: readonly Digest[]) => Frame
  readonly requestCountMax: number
  /** On the way for one author at once. */
  readonly authorBytesMax: number
}

export class Fetcher {
  readonly #context: CoreContext
  readonly #roundTrip: RoundTrip
  readonly #options: FetcherOptions
  readonly #wanted = new Map<string, Wanted>()
  readonly #counts = new Map<Authority, number>()
  /** Until when answers of a peer are looked at. */
  readonly #expectedUntilMs = new Map<Authority, number>()
  #nextAtMs = Number.POSITIVE_INFINITY

  constructor(context: CoreContext, roundTrip: RoundTrip, options: FetcherOptions) {
    this.#context = context
    this.#roundTrip = roundTrip
    this.#options = options
  }

  get nextAtMs(): number {
    return this.#nextAtMs
  }

  get size(): number {
    return this.#wanted.size
  }

  /** How much that `author` named is wanted. */
  countOf(author: Authority): number {
    return this.#counts.get(author) ?? 0
  }

  has(key: string): boolean {
    return this.#wanted.has(key)
  }

  /** Whether `peer` was asked lately: answers of others cost a look at this map and nothing more. */
  expects(peer: Authority): boolean {
    return (this.#expectedUntilMs.get(peer) ?? Number.NEGATIVE_INFINITY) >= this.#context.nowMs
  }

  want(want: Want): void {
    if (this.#wanted.has(want.key)) return
    this.#wanted.set(want.key, { ...want, attempts: 0, askedAtMs: 0, dueAtMs: this.#context.nowMs })
    this.#counts.set(want.author, this.countOf(want.author) + 1)
    this.#nextAtMs = Math.min(this.#nextAtMs, this.#context.nowMs)
  }

  /** It is here, by whatever way. */
  arrived(key: string): void {
    const wanted = this.#wanted.get(key)
    if (wanted === undefined) return
    this.#drop(wanted)
    if (wanted.attempts === 1) this.#roundTrip.sample(this.#context.nowMs - wanted.askedAtMs)
    this.#nextAtMs = Math.min(this.#nextAtMs, this.#context.nowMs) // its bytes are free for others
  }

  /** Gives up what stands at `round` or below, where `mayDrop` says so. */
  dropUpTo(round: number, mayDrop: (key: string) => boolean = () => true): void {
    for (const wanted of this.#wanted.values()) if (wanted.round <= round && mayDrop(wanted.key)) this.#drop(wanted)
  }

  /** Sends what is due. */
  advance(): void {
    const { nowMs } = this.#context
    if (nowMs < this.#nextAtMs) return
    const onTheWay = this.#bytesOnTheWay(nowMs)
    const requests = new Map<string, { readonly to: Authority; readonly group: number; readonly digests: Digest[] }>()
    this.#nextAtMs = Number.POSITIVE_INFINITY
    for (const wanted of this.#wanted.values()) {
      const bytes = onTheWay.get(wanted.author) ?? 0
      const hasRoom = bytes === 0 || bytes + wanted.bytes <= this.#options.authorBytesMax
      if (wanted.dueAtMs <= nowMs && hasRoom) {
        onTheWay.set(wanted.author, bytes + wanted.bytes)
        for (const to of this.#targetsOf(wanted)) {
          const id = `${to}:${wanted.group}`
          const request = requests.get(id)
          if (request === undefined) requests.set(id, { to, group: wanted.group, digests: [wanted.digest] })
          else request.digests.push(wanted.digest)
        }
        this.#asked(wanted)
      }
      if (wanted.dueAtMs > nowMs) this.#nextAtMs = Math.min(this.#nextAtMs, wanted.dueAtMs)
    }
    for (const { to, group, digests } of requests.values()) this.#request(to, group, digests)
  }

  #drop({ key, author }: Wanted): void {
    this.#wanted.delete(key)
    this.#counts.set(author, this.countOf(author) - 1)
  }

  #bytesOnTheWay(nowMs: number): Map<Authority, number> {
    const bytes = new Map<Authority, number>()
    for (const wanted of this.#wanted.values()) {
      if (wanted.attempts > 0 && wanted.dueAtMs > nowMs) bytes.set(wanted.author, (bytes.get(wanted.author) ?? 0) + wanted.bytes)
    }
    return bytes
  }

  #targetsOf(wanted: Wanted): readonly Authority[] {
    const isFirst = wanted.attempts === 0 && wanted.first !== this.#context.self
    return isFirst ? [wanted.first] : this.#context.someOthers(RETRY_TARGETS)
  }

  #asked(wanted: Wanted): void {
    const waitMs = Math.min(RETRY_MS_MAX, this.#roundTrip.retryMs * 2 ** wanted.attempts)
    wanted.attempts++
    wanted.askedAtMs = this.#context.nowMs
    wanted.dueAtMs = this.#context.nowMs + waitMs
  }

  #request(to: Authority, group: number, digests: readonly Digest[]): void {
    const { requestCountMax, requestOf } = this.#options
    for (let start = 0; start < digests.length; start += requestCountMax) {
      this.#context.send(to, requestOf(group, digests.slice(start, start + requestCountMax)))
    }
    this.#expectedUntilMs.set(to, this.#context.nowMs + 2 * RETRY_MS_MAX)
  }
}
