/**
 * Ranges of content, in chunks of 1 KiB of its flat bytes, as a content lane has them. One set has one list: rising, and with a gap between each
 * span and the next.
 */
import { SPANS_MAX } from './constants.ts'
import { malformed } from './errors.ts'

/** Chunks `start` up to and without `end`. `end` is `Infinity` in a span to the last chunk; `start` too where only the last one is meant. */
export interface ChunkSpan {
  readonly start: number
  readonly end: number
}

/** All of it. */
export const ALL_CHUNKS: readonly ChunkSpan[] = Object.freeze([Object.freeze({ start: 0, end: Number.POSITIVE_INFINITY })])

/** @throws {SdkError} `SDK_MALFORMED` unless the spans are whole numbers below 2^53 (or `Infinity`), at most 1,024, rising, with gaps between. */
export function checkSpans(spans: readonly ChunkSpan[]): void {
  if (!Array.isArray(spans) || spans.length > SPANS_MAX) throw malformed(`ranges are a list of at most ${SPANS_MAX} spans`)
  let before = -1
  for (const { start, end } of spans as readonly ChunkSpan[]) {
    if (!isBoundary(start) || !isBoundary(end)) throw malformed(`chunks ${start} to ${end} are no span`)
    if (!(start < end || start === Number.POSITIVE_INFINITY)) throw malformed(`the span from chunk ${start} ends at ${end}`)
    if (start <= before) throw malformed(`the span from chunk ${start} does not leave a gap behind ${before}`)
    before = end
  }
}

export function isSameSpans(a: readonly ChunkSpan[], b: readonly ChunkSpan[]): boolean {
  return a.length === b.length && a.every(({ start, end }, i) => start === b[i]!.start && end === b[i]!.end)
}

const isBoundary = (value: number): boolean => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value >= 0)
