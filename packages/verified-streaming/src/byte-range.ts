/** Ranges of bytes, and the `Range` header of HTTP (RFC 9110 §14.1.2) as a list of them. */
import { errorOf, type VerifyError } from './errors.ts'

/** Bytes `start` up to and without `end`; to the end of the blob where `end` is absent. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/** A header may name many tiny ranges to cost a server work; more than any player or tool sends are refused. */
const RANGES_MAX = 256

/**
 * The ranges that a header names, in its order, ends exclusive. Where `size` is known they are clipped to it and those
 * beyond it are left out; where it is not, a suffix ("-500") cannot be resolved.
 *
 * @throws {VerifyError} `VERIFY_BAD_RANGE` when it is no byte range or none of it can be satisfied (status 416).
 */
export function byteRangesOfHeader(header: string, size?: number): ByteRange[] {
  const text = String(header) // of a request without one: null or undefined
  const refused = (): VerifyError => errorOf('VERIFY_BAD_RANGE', { header: text.slice(0, 80), size: size ?? 'unknown' })
  const list = /^bytes[ \t]*=(.*)$/i.exec(text.trim())?.[1] ?? ''
  const specs = list.split(',', RANGES_MAX + 2).filter((spec) => spec.trim() !== '')
  if (specs.length > RANGES_MAX) throw refused()
  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const [, first, last] = /^\s*(\d*)-(\d*)\s*$/.exec(spec) ?? []
    let start = Number(first)
    let end: number | undefined = last ? Number(last) + 1 : size
    if (!(first || last) || !isSafe(start) || !isSafe(Number(last) + 1) || (first && last && end! <= start)) throw refused()
    if (!first) {
      if (size === undefined) throw refused() // it counts from the end
      start = Math.max(0, size - Number(last))
      end = size
    } else if (size !== undefined) end = Math.min(size, end!)
    if (end === undefined) ranges.push({ start })
    else if (start < end) ranges.push({ start, end })
  }
  if (ranges.length === 0) throw refused()
  return ranges
}

const isSafe = Number.isSafeInteger
