import type { ChunkRanges } from '@selvedge/verified-streaming'
import { CHUNK_BYTES } from './constants.ts'
import type { ByteRange } from './ports.ts'

/**
 * Chunk ranges as byte ranges; undefined stands for everything. What begins past 2^53-1 bytes is past the end of any content and is left
 * out, so "the last chunk" of a CID, whose size is proven by its root block anyway, selects nothing but that block.
 */
export function byteRangesOf(ranges: ChunkRanges): ByteRange[] | undefined {
  if (ranges.isAll) return undefined
  const out: ByteRange[] = []
  for (const span of ranges.spans()) {
    const start = span.start * CHUNK_BYTES
    const end = span.end * CHUNK_BYTES
    if (Number.isSafeInteger(start)) out.push(Number.isSafeInteger(end) ? { start, end } : { start })
  }
  return out
}
