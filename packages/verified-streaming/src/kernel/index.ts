/**
 * The hash kernel as the tree and codec code sees it: chaining values (CVs, 32 bytes) of subtrees and parents, from bytes
 * anywhere to bytes anywhere, without allocation per call. Everything is synchronous. The engine below is portable
 * JavaScript for the first kilobytes of a process and generated WebAssembly after that, where the host allows it.
 *
 * Invariant: no state survives a call but the engine itself, so calls may interleave in any order.
 */
import { BLOCK_BYTES, CHUNK_BYTES, CV_BYTES, CVS_AT, CVS_MAX, IV_AT, OUT_AT, PAIR_AT, ROOT, STAGE_BYTES } from './constants.ts'
import { engineFor, shortcuts } from './select.ts'
import { chunksInto, subtreeInto } from './subtree.ts'

function copyOut(memory: Uint8Array, at: number, out: Uint8Array, outOffset: number): void {
  for (let i = 0; i < CV_BYTES; i++) out[outOffset + i] = memory[at + i]!
}

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
  const engine = engineFor(end - start)
  subtreeInto(engine, input, start, end, startChunk, isRoot, 0, IV_AT)
  copyOut(engine.memory, CVS_AT, out, outOffset)
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
  const groupChunks = 2 ** chunkGroupLog
  // Small groups are taken several at a time, so that all lanes have work.
  const runBytes = Math.max(groupChunks * CHUNK_BYTES, STAGE_BYTES)
  let to = outOffset
  for (let at = start; at < end; at += runBytes) {
    const chunks = chunksInto(engine, input, at, Math.min(end, at + runBytes), startChunk + (at - start) / CHUNK_BYTES, 0, 0, IV_AT)
    const groups = Math.ceil(chunks / groupChunks)
    if (groupChunks > 1) engine.reduce(CVS_AT, chunks, groups, 0, 0, IV_AT)
    out.set(engine.memory.subarray(CVS_AT, CVS_AT + groups * CV_BYTES), to)
    to += groups * CV_BYTES
  }
  return (to - outOffset) / CV_BYTES
}

/** Parent of two CVs lying side by side (64 bytes) at `pairOffset`. Writes 32 bytes to `out`. */
export function parentCv(pair: Uint8Array, pairOffset: number, isRoot: boolean, out: Uint8Array, outOffset: number): void {
  if (shortcuts !== undefined) return shortcuts.parentCv(pair, pairOffset, isRoot, out, outOffset)
  const engine = engineFor(BLOCK_BYTES)
  const { memory } = engine
  for (let i = 0; i < BLOCK_BYTES; i++) memory[PAIR_AT + i] = pair[pairOffset + i]!
  engine.parents(PAIR_AT, 1, isRoot ? ROOT : 0, IV_AT, OUT_AT)
  copyOut(memory, OUT_AT, out, outOffset)
}

/**
 * Whether the parent of the 64 bytes at `pairOffset` is the CV whose eight words (little endian, as an `Int32Array` view of its
 * bytes shows them) stand at `expected[index]`. Fastest when `pair` is exactly 64 bytes long.
 */
export function parentMatches(pair: Uint8Array, pairOffset: number, isRoot: boolean, expected: Int32Array, index: number): boolean {
  if (shortcuts !== undefined) return shortcuts.parentMatches(pair, pairOffset, isRoot, expected, index)
  const engine = engineFor(BLOCK_BYTES)
  for (let i = 0; i < BLOCK_BYTES; i++) engine.memory[PAIR_AT + i] = pair[pairOffset + i]!
  engine.parents(PAIR_AT, 1, isRoot ? ROOT : 0, IV_AT, OUT_AT)
  return matches(engine.words, OUT_AT, expected, index)
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
  const engine = engineFor(end - start)
  subtreeInto(engine, input, start, end, startChunk, isRoot, 0, IV_AT)
  return matches(engine.words, CVS_AT, expected, index)
}

/**
 * Parents of `count` consecutive pairs (64 bytes each) at `pairOffset`, none of them a root, four at a time. Writes 32 bytes
 * each to `out`, which may be `pairs` itself at the same offset.
 */
export function parentCvs(pairs: Uint8Array, pairOffset: number, count: number, out: Uint8Array, outOffset: number): void {
  const engine = engineFor(count * BLOCK_BYTES)
  const { memory } = engine
  const step = CVS_MAX / 2
  for (let i = 0; i < count; i += step) {
    const some = Math.min(step, count - i)
    memory.set(pairs.subarray(pairOffset + i * BLOCK_BYTES, pairOffset + (i + some) * BLOCK_BYTES), CVS_AT)
    engine.parents(CVS_AT, some, 0, IV_AT, CVS_AT)
    out.set(memory.subarray(CVS_AT, CVS_AT + some * CV_BYTES), outOffset + i * CV_BYTES)
  }
}

function matches(words: Int32Array, at: number, expected: Int32Array, index: number): boolean {
  for (let i = 0; i < CV_BYTES / 4; i++) if (words[at / 4 + i] !== expected[index + i]) return false
  return true
}
