/**
 * Geometry of a BLAKE3 tree: how many chunks, groups and parents a blob of a given size has and where a node splits.
 * Chunk numbers reach 2^43, so nothing here uses 32-bit operators on them.
 */
import { CHUNK_BYTES, CHUNK_GROUP_LOG_MAX, HASH_BYTES, PAIR_BYTES } from './constants.ts'
import { refuse } from './errors.ts'

/** Chunks of a blob: at least one, since the empty blob is one chunk of no bytes. */
export function chunkCountOf(size: number): number {
  return groupCountOf(size, 0)
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
  let left = 1
  while (2 * left < count) left *= 2
  return left
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` unless `value` is a whole number of `min` to `max`. */
export function checkNumber(name: string, value: number, max: number = Number.MAX_SAFE_INTEGER, min = 0): number {
  return Number.isSafeInteger(value) && value >= min && value <= max ? value : refuse(`${name} from ${min} to ${max}`, value)
}

/** Throws unless `chunkGroupLog` is 0 to 10. */
export function checkChunkGroupLog(chunkGroupLog: number): number {
  return checkNumber('chunkGroupLog', chunkGroupLog, CHUNK_GROUP_LOG_MAX)
}

/** Throws unless `root` is 32 bytes. Returns a copy: the caller's may change while we work. */
export function checkRoot(root: Uint8Array): Uint8Array<ArrayBuffer> {
  const isOne = isBytes(root)
  return isOne && root.length === HASH_BYTES ? new Uint8Array(root) : refuse('a root of 32 bytes', isOne ? root.length : root)
}

/** Throws unless `size` is a whole number of 0 to 2^53-1. */
export function checkSize(size: number): number {
  return checkNumber('a size', size)
}

/** Whether it is an array of bytes, of whatever realm: that of a frame or of a test runner has a class of its own. */
export function isBytes(value: unknown): value is Uint8Array {
  return (value as Partial<Uint8Array> | null | undefined)?.BYTES_PER_ELEMENT === 1
}

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for what JavaScript callers pass by mistake: strings, ArrayBuffers, wider arrays. */
export function checkBytes(bytes: Uint8Array): Uint8Array {
  return isBytes(bytes) ? bytes : refuse('a Uint8Array', bytes)
}

/**
 * Checked bytes as a plain view. A `Buffer` of Node is an array whose `slice` copies nothing: what is copied of it in order to be kept,
 * here or by whoever gets a part of it, would change with its source, and a stream that hands it on would take the source's memory away.
 */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return checkBytes(bytes).constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
