import type { ByteRange } from './ports.ts'

/**
 * Ranges in order, overlapping and touching ones joined, empty ones gone. Undefined: the whole file (no range was asked, or one
 * that begins at 0 and has no end).
 */
export function normalRangesOf(ranges: readonly ByteRange[] | undefined): readonly ByteRange[] | undefined {
  if (ranges === undefined) return undefined
  for (const { start, end = start } of ranges) {
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
      throw new RangeError(`no range of bytes: [${start}, ${end})`)
    }
  }
  const out: ByteRange[] = []
  for (const range of [...ranges].sort((a, b) => a.start - b.start).filter(({ start, end }) => end !== start)) {
    const last = out.at(-1)
    if (last === undefined || (last.end !== undefined && last.end < range.start)) out.push(range)
    else if (last.end !== undefined) out[out.length - 1] = joined(last, range)
  }
  const isWhole = out.length === 0 || (out[0]?.start === 0 && out[0].end === undefined)
  return isWhole ? undefined : out
}

function joined(a: ByteRange, b: ByteRange): ByteRange {
  return b.end === undefined || a.end === undefined ? { start: a.start } : { start: a.start, end: Math.max(a.end, b.end) }
}

export function textOf(ranges: readonly ByteRange[] | undefined): string {
  return ranges === undefined ? '*' : ranges.map(({ start, end = '' }) => `${start}-${end}`).join(',')
}
