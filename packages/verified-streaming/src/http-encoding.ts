/** The encoding of whole chunk groups, made from a host's content and outboard, each item as soon as it has come. */
import type { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, HEADER_BYTES } from './constants.ts'
import { readOutboard, writeSize } from './outboard.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import type { ReadAt } from './random-access.ts'
import { chunkCountOf } from './tree.ts'

/**
 * As `encodeRanges`, but never waits for more than the next group: a slow host's bytes are verified as they come.
 *
 * @param ranges - whole groups of 2^chunkGroupLog chunks.
 * @returns views, valid until the next.
 */
export async function* encodeGroups(
  content: ReadAt,
  outboard: ReadAt,
  size: number,
  ranges: ChunkRanges,
  chunkGroupLog: number,
): AsyncGenerator<Uint8Array, void, void> {
  const header = new Uint8Array(HEADER_BYTES)
  writeSize(header, 0, size)
  yield header
  const reader = readOutboard(outboard, size, 'pre', chunkGroupLog)
  const walk = new PreOrderWalk(chunkCountOf(size), chunkGroupLog, ranges.truncate(size))
  while (walk.next()) {
    if (walk.isLeaf) {
      const start = walk.start * CHUNK_BYTES
      yield content.readAt(start, Math.min(walk.count * CHUNK_BYTES, size - start))
      continue
    }
    yield reader.pair(walk.place, walk.groups())
  }
}
