/**
 * A cache of equal contents that throws out what was used longest ago, over a trace of requests: readers who choose by Zipf's law, and walks over
 * contents that nobody asks for again. Only the order of requests matters, so there is no clock: a request is a second.
 */
import { RecentRequests } from '../src/recent-requests.ts'

export interface TraceOptions {
  readonly requests: number
  /** Contents that readers choose from. */
  readonly contents: number
  /** The n-th most wanted is wanted n^-skew as often as the first. */
  readonly skew: number
  /** Requests of readers between two walks, and of one walk. */
  readonly readRun: number
  readonly walkRun: number
  readonly seed: number
}

/** Contents by number; those of walks are below zero, and each comes once. */
export function* traceOf({ requests, contents, skew, readRun, walkRun, seed }: TraceOptions): Generator<number> {
  const random = createRandom(seed)
  const cumulative = new Float64Array(contents)
  let sum = 0
  for (let i = 0; i < contents; i++) cumulative[i] = sum += (i + 1) ** -skew
  let walked = 0
  for (let i = 0; i < requests; i++) {
    const isWalk = i % (readRun + walkRun) >= readRun
    yield isWalk ? -++walked : placeOf(cumulative, random() * sum)
  }
}

/** First place whose sum is above `value`. */
function placeOf(cumulative: Float64Array, value: number): number {
  let low = 0
  for (let high = cumulative.length - 1; low < high; ) {
    const middle = (low + high) >>> 1
    if (cumulative[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

export interface CacheCount {
  /** Share of the readers' requests that found their content. */
  readonly readerHits: number
  /** Share of all requests. */
  readonly hits: number
  /** Contents written to the store, a request. */
  readonly writes: number
}

/** @param admission - what a missed content needs to be kept; absent: everything is kept. */
export function simulate(
  trace: Iterable<number>,
  capacity: number,
  admission?: { readonly window: number; readonly remembered: number },
): CacheCount {
  const recent = admission && new RecentRequests(admission.window, admission.remembered)
  /** Of each held content when it was used last; and all uses, of which only those that are their content's last one count. */
  const held = new Map<number, number>()
  const uses: number[] = []
  let oldest = 0
  const count = { requests: 0, reads: 0, hits: 0, writes: 0 }
  for (const content of trace) {
    const mayKeep = recent?.note(String(content), count.requests) ?? true
    count.requests++
    if (content >= 0) count.reads++
    const isHit = held.has(content)
    if (isHit)
      count.hits++ // walks never hit: each of theirs comes once
    else if (mayKeep) count.writes++
    else continue
    held.set(content, uses.push(content) - 1)
    while (held.size > capacity) {
      const candidate = uses[oldest]!
      if (held.get(candidate) === oldest++) held.delete(candidate)
    }
  }
  const { requests, reads, hits, writes } = count
  return { readerHits: hits / reads, hits: hits / requests, writes: writes / requests }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
