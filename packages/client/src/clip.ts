import type { ByteRange } from '@selvedge/content'

interface Part {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** What of `part` lies in `range`, a view; undefined where nothing does. */
export function clipOf(part: Part, { start, end = Number.POSITIVE_INFINITY }: ByteRange): Part | undefined {
  const { offset, bytes } = part
  const from = Math.max(start, offset)
  const to = Math.min(end, offset + bytes.length)
  if (from >= to) return undefined
  return to - from === bytes.length ? part : { offset: from, bytes: bytes.subarray(from - offset, to - offset) }
}
