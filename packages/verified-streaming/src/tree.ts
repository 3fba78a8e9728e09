/**
 * Geometry of a BLAKE3 tree: how many chunks, groups and parents a blob of a given size has and where a node splits.
 * Chunk numbers reach 2^43, so nothing here uses 32-bit operators on them.
 */
import { CHUNK_BYTES, CHUNK_GROUP_LOG_MAX, HASH_BYTES, PAIR_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'

/** Chunks of a blob: at least one, since the empty blob is one chunk of no bytes. */
export function chunkCountOf(size: number): number {
  return Math.max(1, Math.ceil(size / CHUNK_BYTES))
}

/** Chunk groups of a blob: the leaves of its outboard. */
export function groupCountOf(size: number, chunkGroupLog: number): number {
  return Math.max(1, Math.ceil(size / (CHUNK_BYTES * 2 ** chunkGroupLog)))
}

/** Octets of an outboard without its length field. */
export function outboardBytesOf(size: number, chunkGroupLog: number): number {
  return (groupCountOf(size, chunkGroupLog) - 1) * PAIR_BYTES
}

/** Leaves of the left subtree of a node of `count` > 1 leaves: the largest power of two below `count`. */
export function leftCountOf(count: number): number {
  const below = count - 1
  if (below < 2 ** 32) return 0x8000_0000 >>> Math.clz32(below)
  return (0x8000_0000 >>> Math.clz32(Math.floor(below / 2 ** 32))) * 2 ** 32
}

/** Throws unless `chunkGroupLog` is 0 to 10. */
export function checkChunkGroupLog(chunkGroupLog: number): number {
  if (Number.isInteger(chunkGroupLog) && chunkGroupLog >= 0 && chunkGroupLog <= CHUNK_GROUP_LOG_MAX) return chunkGroupLog
  throw new VerifyError('VERIFY_BAD_ARGUMENT', `chunkGroupLog must be 0 to ${CHUNK_GROUP_LOG_MAX}, got ${chunkGroupLog}`)
}

/** Throws unless `root` is 32 bytes. Returns a copy: the caller's may change while we work. */
export function checkRoot(root: Uint8Array): Uint8Array {
  if (root instanceof Uint8Array && root.length === HASH_BYTES) return root.slice()
  throw new VerifyError(
    'VERIFY_BAD_ARGUMENT',
    `a root is ${HASH_BYTES} bytes, got ${root instanceof Uint8Array ? root.length : typeof root}`,
  )
}

/** Throws unless `size` is a whole number of 0 to 2^53-1. */
export function checkSize(size: number): number {
  if (Number.isSafeInteger(size) && size >= 0) return size
  throw new VerifyError('VERIFY_BAD_ARGUMENT', `a size is a whole number of 0 to 2^53-1, got ${size}`)
}
