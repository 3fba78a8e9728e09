/**
 * An outboard: every parent of a tree above its chunk groups, 64 bytes each, in pre-order or post-order (places.ts). Nothing in it
 * says which; a u64le size may stand before a pre-order outboard (Bao) or behind a post-order one.
 */
import { CHUNK_GROUP_LOG_MAX, HEADER_BYTES, PAIR_BYTES } from './constants.ts'
import { refuse } from './errors.ts'
import type { Later } from './later.ts'
import type { OutboardOrder } from './places.ts'
import type { ReadAt } from './random-access.ts'
import { outboardBytesOf } from './tree.ts'
import { windowOn } from './window.ts'

/** Pairs read at once from random access: one read for each MiB of content at 16 KiB groups. */
const WINDOW_PAIRS = 64

/** Reads pairs by place, keeping a window of those around the last one read: a subtree's pairs lie together in both orders. */
export interface OutboardReader {
  readonly order: OutboardOrder
  readonly chunkGroupLog: number
  /** Where the length field lies, if there is one. */
  readonly sizeAt: number | undefined
  /** Left and right value of the node at `place` over `groups` groups: a view, valid until the next call. */
  pair(place: number, groups: number): Later<Uint8Array>
}

/**
 * @param log - where known; else the one that fits the length: counts of groups of different sizes never agree above one.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when no group size gives an outboard of that length.
 */
export function readOutboard(source: ReadAt, size: number, order: OutboardOrder = 'pre', log?: number): OutboardReader {
  const spareOf = (chunkGroupLog: number): number => source.size - outboardBytesOf(size, chunkGroupLog)
  let chunkGroupLog = log ?? 0
  while (spareOf(chunkGroupLog) !== 0 && spareOf(chunkGroupLog) !== HEADER_BYTES) {
    if (log !== undefined || ++chunkGroupLog > CHUNK_GROUP_LOG_MAX) refuse(`an outboard of ${size} bytes`, source.size)
  }
  const spare = spareOf(chunkGroupLog)
  const isPre = order === 'pre'
  const read = windowOn(source)
  const at = (place: number): number => (isPre ? spare : 0) + place * PAIR_BYTES
  return {
    order,
    chunkGroupLog,
    sizeAt: spare > 0 ? (isPre ? 0 : source.size - spare) : undefined,
    pair(place, groups) {
      const pairs = Math.min(groups - 1, WINDOW_PAIRS)
      const first = isPre ? place : place - pairs + 1
      return read(at(place), PAIR_BYTES, at(first), at(first + pairs))
    },
  }
}

/** u64le. */
export function readSize(source: Uint8Array, offset: number): bigint {
  return new DataView(source.buffer, source.byteOffset + offset).getBigUint64(0, true)
}

/** u64le. */
export function writeSize(target: Uint8Array, offset: number, size: number): void {
  new DataView(target.buffer, target.byteOffset + offset).setBigUint64(0, BigInt(size), true)
}
