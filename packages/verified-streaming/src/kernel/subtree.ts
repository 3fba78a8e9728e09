/** Staging of input and hashing of subtrees inside an engine's memory: what the codec's calls and the hashers have in common. */
import {
  BLOCK_BYTES,
  CHUNK_BYTES,
  CHUNK_END,
  CHUNK_START,
  CV_BYTES,
  CVS_AT,
  CVS_MAX,
  IV_AT,
  KEY_AT,
  PARENT,
  STAGE_AT,
} from './constants.ts'
import type { Engine, Mode } from './engine.ts'

/** Chunks copied in and hashed at once: more falls out of the first-level cache (spec §4.2). */
const STEP_CHUNKS = 16
/** Largest subtree of one call. */
export const SUBTREE_BYTES_MAX: number = CVS_MAX * CHUNK_BYTES

/** Puts the mode's key where the engine reads it; returns its address. */
export function keyAt(engine: Engine, mode: Mode): number {
  if (!mode.key) return IV_AT
  engine.memory.set(mode.key, KEY_AT)
  return KEY_AT
}

/** Puts bytes where the engine can read them and zeroes the tail of the last block; returns the address. */
export function stage(engine: Engine, input: Uint8Array, start: number, end: number): number {
  const { memory } = engine
  const length = end - start
  memory.set(start === 0 && end === input.length ? input : input.subarray(start, end), STAGE_AT)
  if (length % BLOCK_BYTES || !length) memory.fill(0, STAGE_AT + length, STAGE_AT + (length | (BLOCK_BYTES - 1)) + 1)
  return STAGE_AT
}

/**
 * Chunk CVs of up to 1 MiB, left at `CVS_AT`; returns how many. `endFlags` go into the last block of each chunk. Two or three whole
 * chunks still go through four lanes, idle lanes being cheaper than chunks one by one.
 */
export function chunksInto(
  engine: Engine,
  input: Uint8Array,
  start: number,
  end: number,
  startChunk: number,
  flags: number,
  endFlags: number,
  key: number,
): number {
  let chunk = startChunk
  let at = start
  do {
    const count = Math.min(STEP_CHUNKS, (end - at) >> 10 || 1)
    const length = Math.min(CHUNK_BYTES, end - at) // of each
    const from = stage(engine, input, at, (at += count * length))
    const hash = count > 1 ? engine.lanes : engine.one
    const out = CVS_AT + (chunk - startChunk) * CV_BYTES
    hash(from, length, chunk | 0, (chunk / 2 ** 32) | 0, flags | CHUNK_START, endFlags | CHUNK_END, key, out, count)
    chunk += count
  } while (at < end)
  return chunk - startChunk
}

/** Parents of `count` pairs of 64 bytes each; `out` may be `input`. May scribble over the 96 bytes after the last one. */
export function parents(engine: Engine, input: number, count: number, flags: number, key: number, out: number): void {
  const hash = count > 1 ? engine.lanes : engine.one
  hash(input, BLOCK_BYTES, 0, 0, flags | PARENT, 0, key, out, count)
}

/**
 * Folds `count` consecutive chaining values at `at` level by level, in place, until no more than `limit` are left: 1 gives
 * their tree's, ceil(count / 2^k) those of its subtrees of 2^k. `rootFlag` goes into the parent of the last two. A value without a
 * sibling rises a level as it is: that is how BLAKE3's left-full tree looks from below.
 */
export function reduce(engine: Engine, at: number, count: number, limit: number, flags: number, rootFlag: number, key: number): void {
  for (let left = count; left > limit; left = (left + 1) >> 1) {
    const pairs = left >> 1
    parents(engine, at, pairs, left === 2 ? flags | rootFlag : flags, key, at)
    if (left & 1) engine.memory.copyWithin(at + pairs * CV_BYTES, at + (left - 1) * CV_BYTES, at + left * CV_BYTES)
  }
}

/** CV of the subtree over `input[start, end)`, left at `CVS_AT`. `rootFlag` goes into the compression that ends it. */
export function subtreeInto(
  engine: Engine,
  input: Uint8Array,
  start: number,
  end: number,
  startChunk: number,
  rootFlag: number,
  flags: number,
  key: number,
): void {
  const count = chunksInto(engine, input, start, end, startChunk, flags, end - start > CHUNK_BYTES ? 0 : rootFlag, key)
  reduce(engine, CVS_AT, count, 1, flags, rootFlag, key)
}
