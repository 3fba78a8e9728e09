/**
 * How long encodings are. It follows from size, ranges and group size alone: nothing is read. A subtree that is sent whole is one step, so
 * the cost is that of the ranges' ends and not that of what lies between.
 */
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, HEADER_BYTES, PAIR_BYTES } from './constants.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { checkChunkGroupLog, checkSize, chunkCountOf } from './tree.ts'

/** Octets of the response for `ranges`, without making it. */
export function encodedBytesOf(
  size: number,
  ranges: ChunkRanges = ChunkRanges.all,
  chunkGroupLog: number = CHUNK_GROUP_LOG_DEFAULT,
): number {
  const walk = new PreOrderWalk(chunkCountOf(checkSize(size)), checkChunkGroupLog(chunkGroupLog), ranges.truncate(size))
  return passOver(walk, size, chunkGroupLog, Infinity).placed
}

/**
 * Takes the nodes of a walk that has taken none, as long as their octets end at or before `offset` of the encoding.
 *
 * @returns where the node that was taken last begins, which reaches beyond `offset`; or, where `isOver`, where the encoding ends.
 */
export function passOver(
  walk: PreOrderWalk,
  size: number,
  chunkGroupLog: number,
  offset: number,
): { readonly placed: number; readonly isOver: boolean } {
  const groupChunks = 2 ** chunkGroupLog
  let placed = HEADER_BYTES
  while (walk.next()) {
    const { start, count, isLeaf, isWhole } = walk
    if (isWhole) {
      const content = Math.min(count * CHUNK_BYTES, size - start * CHUNK_BYTES)
      const parents = Math.ceil(count / groupChunks) - 1
      const end = placed + content + parents * PAIR_BYTES
      if (end <= offset) {
        placed = end
        walk.skipChildren()
        continue
      }
    }
    if (isLeaf || placed + PAIR_BYTES > offset) return { placed, isOver: false }
    placed += PAIR_BYTES
  }
  return { placed, isOver: true }
}
