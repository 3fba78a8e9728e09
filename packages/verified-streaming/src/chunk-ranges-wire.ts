/**
 * Chunk ranges as others write them: the canonical wire form of bao-tree and iroh (spec §1.6), and the `Range` header of HTTP.
 *
 * Functions beside the class and not in it, so that who only hashes, encodes or decodes does not carry them.
 */
import { byteRangesOfHeader } from './byte-range.ts'
import { ChunkRanges } from './chunk-ranges.ts'
import { errorOf, type VerifyError } from './errors.ts'
import { checkBytes } from './tree.ts'
import { readVarint, writeVarint } from './varint.ts'

const U64_MAX = 0xffff_ffff_ffff_ffffn

/** The canonical wire form (spec §1.6): a count, then the widths of alternating spans, "not selected" first; shortest varints. */
export function encodeChunkRanges(ranges: ChunkRanges): Uint8Array<ArrayBuffer> {
  const out: number[] = []
  writeChunkRanges(out, ranges)
  return Uint8Array.from(out)
}

/** Appends the wire form to `out`. */
export function writeChunkRanges(out: number[], { boundaries }: ChunkRanges): void {
  writeVarint(out, BigInt(boundaries.length))
  let last = 0n
  for (const boundary of boundaries) {
    const value = boundary === Infinity ? U64_MAX : BigInt(boundary)
    writeVarint(out, value - last)
    last = value
  }
}

/**
 * Accepts what `encodeChunkRanges` writes and nothing else.
 *
 * @throws {VerifyError} `VERIFY_MALFORMED`; `VERIFY_BAD_ARGUMENT` for what is no bytes.
 */
export function decodeChunkRanges(bytes: Uint8Array): ChunkRanges {
  const { ranges, next } = readChunkRanges(checkBytes(bytes), 0)
  if (next !== bytes.length) throw malformed(next)
  return ranges
}

/** Decodes at `offset`; `next` is where what follows begins. */
export function readChunkRanges(bytes: Uint8Array, offset: number): { ranges: ChunkRanges; next: number } {
  let { value: count, next } = readVarint(bytes, offset)
  if (count > bytes.length - next) throw malformed(next)
  const boundaries: number[] = []
  for (let last = 0n; count > 0n; count--) {
    const width = readVarint(bytes, next)
    next = width.next
    last += width.value
    const isEmpty = width.value === 0n && boundaries.length > 0
    if (isEmpty || (last !== U64_MAX && last > Number.MAX_SAFE_INTEGER)) throw malformed(next)
    boundaries.push(last === U64_MAX ? Infinity : Number(last))
  }
  return { ranges: ChunkRanges.fromBoundaries(boundaries), next }
}

/**
 * Chunks that a `Range` header of HTTP asks for ("bytes=0-499,-500"). A suffix ("-500") needs `size`; where the size is
 * given, ranges beyond the end select nothing.
 *
 * @throws {VerifyError} `VERIFY_BAD_RANGE` when it is no byte range, or none of it can be satisfied.
 */
export function parseRangeHeader(header: string, size?: number): ChunkRanges {
  return ChunkRanges.fromByteRanges(byteRangesOfHeader(header, size))
}

const malformed = (offset: number): VerifyError => errorOf('VERIFY_MALFORMED', { what: 'ranges', offset })
