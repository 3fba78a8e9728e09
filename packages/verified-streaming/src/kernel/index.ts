/**
 * The hash kernel as the tree and codec code sees it: chaining values (CVs, 32 bytes) of subtrees and parents, from bytes
 * anywhere to bytes anywhere, without allocation per call. Everything is synchronous. The engine below is portable
 * JavaScript for the first kilobytes of a process and generated WebAssembly after that, where the host allows it.
 *
 * Invariant: no state survives a call but the engine itself, so calls may interleave in any order.
 */
import { BLOCK_BYTES, CHUNK_BYTES, CV_BYTES, CVS_AT, IV_AT, OUT_AT, PAIR_AT, PARENT, ROOT, STAGE_BYTES } from './constants.ts'
import { type Engine, type Mode, PLAIN } from './engine.ts'
import { compiled, engineFor } from './select.ts'
import { chunksInto, keyAt, parents, reduce, subtreeInto } from './subtree.ts'

/**
 * CV of one subtree: bytes `input[start, end)`, 1 to 2^20 of them, or 0 for the empty blob; `startChunk` is the index of
 * its first chunk in the whole blob. With `isRoot` the result is the blob's root. Writes 32 bytes to `out`.
 */
export function subtreeCv(
  input: Uint8Array,
  start: number,
  end: number,
  startChunk: number,
  isRoot: boolean,
  out: Uint8Array,
  outOffset: number,
): void {
  copyOut(subtree(input, start, end, startChunk, isRoot), CVS_AT, out, outOffset)
}

/** As `subtreeCv`, but answers whether the CV is the one whose eight words stand at `expected[index]`. */
export function subtreeMatches(
  input: Uint8Array,
  start: number,
  end: number,
  startChunk: number,
  isRoot: boolean,
  expected: Int32Array,
  index: number,
): boolean {
  return matches(subtree(input, start, end, startChunk, isRoot), CVS_AT, expected, index)
}

function subtree(input: Uint8Array, start: number, end: number, startChunk: number, isRoot: boolean): Engine {
  const engine = engineFor(end - start)
  subtreeInto(engine, input, start, end, startChunk, isRoot ? ROOT : 0, 0, IV_AT)
  return engine
}

/**
 * CVs of consecutive subtrees of 2^chunkGroupLog chunks each (0 to 10; the last may be short), none of them a root.
 * Any input length above 0. Writes 32 bytes each to `out` and returns how many.
 */
export function subtreeCvs(
  input: Uint8Array,
  start: number,
  end: number,
  startChunk: number,
  chunkGroupLog: number,
  out: Uint8Array,
  outOffset: number,
): number {
  const engine = engineFor(end - start)
  const groupChunks = 1 << chunkGroupLog
  // Small groups are taken several at a time, so that all lanes have work.
  const runBytes = Math.max(groupChunks * CHUNK_BYTES, STAGE_BYTES)
  let to = outOffset
  for (let at = start; at < end; at += runBytes) {
    const chunks = chunksInto(engine, input, at, Math.min(end, at + runBytes), startChunk + (at - start) / CHUNK_BYTES, 0, 0, IV_AT)
    const groups = Math.ceil(chunks / groupChunks)
    reduce(engine, CVS_AT, chunks, groups, 0, 0, IV_AT)
    out.set(engine.memory.subarray(CVS_AT, CVS_AT + groups * CV_BYTES), to)
    to += groups * CV_BYTES
  }
  return (to - outOffset) / CV_BYTES
}

/** Parent of two CVs lying side by side (64 bytes) at `pairOffset`. Writes 32 bytes to `out`. */
export function parentCv(pair: Uint8Array, pairOffset: number, isRoot: boolean, out: Uint8Array, outOffset: number, mode?: Mode): void {
  copyOut(parent(pair, pairOffset, isRoot, mode), OUT_AT, out, outOffset)
}

/**
 * Whether the parent of the 64 bytes at `pairOffset` is the CV whose eight words (little endian, as an `Int32Array` view of its
 * bytes shows them) stand at `expected[index]`. Fastest when `pair` is exactly 64 bytes long.
 */
export function parentMatches(pair: Uint8Array, pairOffset: number, isRoot: boolean, expected: Int32Array, index: number): boolean {
  if (compiled) return compiled.parentMatches(pair, pairOffset, isRoot ? PARENT | ROOT : PARENT, expected, index)
  return matches(parent(pair, pairOffset, isRoot), OUT_AT, expected, index)
}

/** Leaves the value of a parent at `OUT_AT`. */
function parent(pair: Uint8Array, pairOffset: number, isRoot: boolean, mode: Mode = PLAIN): Engine {
  const engine = engineFor(BLOCK_BYTES)
  const flags = mode.flags | (isRoot ? PARENT | ROOT : PARENT)
  const key = keyAt(engine, mode)
  if (compiled) compiled.parent(pair, pairOffset, flags, key)
  else {
    engine.memory.set(pair.subarray(pairOffset, pairOffset + BLOCK_BYTES), PAIR_AT)
    engine.one(PAIR_AT, BLOCK_BYTES, 0, 0, flags, 0, key, OUT_AT, 1)
  }
  return engine
}

/** Parents of `count` consecutive pairs (64 bytes each, up to 512), none of them a root, four at a time. Writes 32 bytes each to `out`. */
export function parentCvs(pairs: Uint8Array, count: number, out: Uint8Array): void {
  const engine = engineFor(count * BLOCK_BYTES)
  const { memory } = engine
  memory.set(pairs.subarray(0, count * BLOCK_BYTES), CVS_AT)
  parents(engine, CVS_AT, count, 0, IV_AT, CVS_AT)
  out.set(memory.subarray(CVS_AT, CVS_AT + count * CV_BYTES))
}

function copyOut({ memory }: Engine, valueAt: number, out: Uint8Array, outOffset: number): void {
  for (let i = 0; i < CV_BYTES; i++) out[outOffset + i] = memory[valueAt + i]!
}

function matches({ words }: Engine, valueAt: number, expected: Int32Array, index: number): boolean {
  for (let i = 0; i < CV_BYTES / 4; i++) if (words[valueAt / 4 + i] !== expected[index + i]) return false
  return true
}
