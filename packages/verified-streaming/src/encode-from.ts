/**
 * A response that is continued: its octets from any offset on, without what lies before. Where an item begins is arithmetic of the tree, and
 * parents come from the outboard, so of the content that was sent nothing is read or hashed again but the group that the offset falls into.
 */
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_GROUP_LOG_DEFAULT, HEADER_BYTES } from './constants.ts'
import { type EncodeOptions, piecesOf, type VerifiableBlob } from './encode.ts'
import { passOver } from './encoded-bytes.ts'
import { errorOf } from './errors.ts'
import { checkNumber } from './tree.ts'

/**
 * The octets of `encodeRanges(blob, ranges, options)` from `offset` on: for a connection that was lost in the middle, whose other end kept
 * what it has. Nothing is verified, as there.
 *
 * Of what lies before `offset` at most one chunk group is read, the encoding's or the outboard's, whichever is larger, and a few KiB of the
 * outboard. The cost of finding the place is that of the ranges' ends.
 *
 * @param offset - in octets of the encoding, 0 up to its length, where nothing follows. `onUnitEnd` counts from the encoding's start, too.
 * @returns pieces of the caller's own, read from `data` only as they are asked for.
 * @throws {VerifyError} `VERIFY_BAD_RANGE` for an offset beyond the end; `VERIFY_BAD_ARGUMENT` when it is no such number, or size and outboard
 *   do not fit each other.
 * @throws the reason of `options.signal`; whatever `readAt` throws.
 * @example for await (const piece of encodeRangesFrom({ data, outboard, size }, 80_000_000)) socket.write(piece)
 */
export function encodeRangesFrom(
  blob: VerifiableBlob,
  offset: number,
  ranges: ChunkRanges = ChunkRanges.all,
  options: EncodeOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT } = options
  return piecesOf(blob, ranges, options, (walk) => {
    if (checkNumber('an offset', offset) < HEADER_BYTES) return [0, offset]
    const { placed, isOver } = passOver(walk, blob.size, chunkGroupLog, offset)
    if (!isOver) return [placed, offset - placed]
    if (placed < offset) throw errorOf('VERIFY_BAD_RANGE', { offset, end: placed })
    return undefined
  })
}
