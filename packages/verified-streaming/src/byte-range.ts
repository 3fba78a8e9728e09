/** Ranges of bytes, and the `Range` header of HTTP (RFC 9110 §14.1.2) as a list of them. */
import { VerifyError } from './errors.ts'

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
  const list = /^bytes[ \t]*=(.*)$/i.exec(header.trim())?.[1]
  const specs =
    list
      ?.split(',', RANGES_MAX + 1)
      .map((spec) => spec.trim())
      .filter((spec) => spec !== '') ?? []
  if (specs.length === 0 || specs.length > RANGES_MAX)
    throw new VerifyError('VERIFY_BAD_RANGE', `not a range of bytes: "${header.slice(0, 80)}"`)
  const ranges = specs.map((spec) => byteRangeOfSpec(spec, size)).filter((range) => range !== undefined)
  if (ranges.length === 0) throw new VerifyError('VERIFY_BAD_RANGE', `no part of "${header.slice(0, 80)}" lies within ${size} bytes`)
  return ranges
}

function byteRangeOfSpec(spec: string, size: number | undefined): ByteRange | undefined {
  const [, first = '', last = ''] = /^(\d*)-(\d*)$/.exec(spec) ?? []
  const start = Number(first)
  const end = Number(last)
  if (
    (first === '' && last === '') ||
    start > Number.MAX_SAFE_INTEGER ||
    end >= Number.MAX_SAFE_INTEGER ||
    (first !== '' && last !== '' && end < start)
  ) {
    throw new VerifyError('VERIFY_BAD_RANGE', `not a range of bytes: "${spec.slice(0, 80)}"`)
  }
  if (first === '') {
    if (size === undefined) throw new VerifyError('VERIFY_BAD_RANGE', `"${spec}" counts from the end, and the size is not known`)
    return end === 0 || size === 0 ? undefined : { start: Math.max(0, size - end), end: size }
  }
  if (size !== undefined && start >= size) return undefined
  if (last === '') return size === undefined ? { start } : { start, end: size }
  return { start, end: size === undefined ? end + 1 : Math.min(size, end + 1) }
}
