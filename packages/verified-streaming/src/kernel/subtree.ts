/** Staging of input and hashing of subtrees inside an engine's memory: what the codec's calls and the hashers have in common. */
import { BLOCK_BYTES, CHUNK_BYTES, CV_BYTES, CVS_AT, CVS_MAX, IV_AT, KEY_AT, ROOT, STAGE_AT } from './constants.ts'
import type { Engine, Mode } from './engine.ts'

/** Bytes copied in at once: more falls out of the first-level cache (spec §4.2). */
const STEP_BYTES = 16_384
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
  // Whole chunks that already lie in the kernel's memory are hashed in place. Short inputs are not asked for their
  // `buffer`, because V8 makes it at the first look when an array is small.
  if (length >= STEP_BYTES && input.buffer === memory.buffer && (input.byteOffset + start) % 16 === 0) return input.byteOffset + start
  memory.set(start === 0 && end === input.length ? input : input.subarray(start, end), STAGE_AT)
  const rest = length % BLOCK_BYTES
  if (rest !== 0 || length === 0) memory.fill(0, STAGE_AT + length, STAGE_AT + length - rest + BLOCK_BYTES)
  return STAGE_AT
}

/** Chunk CVs of up to 1 MiB, left at `CVS_AT`; returns how many. `endFlags` go into the last block of each chunk. */
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
  let out = CVS_AT
  let at = start
  do {
    const next = Math.min(end, at + STEP_BYTES)
    const count = next - at <= CHUNK_BYTES ? 1 : Math.ceil((next - at) / CHUNK_BYTES)
    engine.chunks(stage(engine, input, at, next), next - at, chunk | 0, (chunk / 2 ** 32) | 0, flags, endFlags, key, out)
    at = next
    chunk += count
    out += count * CV_BYTES
  } while (at < end)
  return chunk - startChunk
}

/** CV of the subtree over `input[start, end)`, left at `CVS_AT`. */
export function subtreeInto(
  engine: Engine,
  input: Uint8Array,
  start: number,
  end: number,
  startChunk: number,
  isRoot: boolean,
  flags: number,
  key: number,
): void {
  const rootFlag = isRoot ? ROOT : 0
  const isSingle = end - start <= CHUNK_BYTES
  const count = chunksInto(engine, input, start, end, startChunk, flags, isSingle ? rootFlag : 0, key)
  if (!isSingle) engine.reduce(CVS_AT, count, 1, flags, rootFlag, key)
}
