/** The end of a hash: the root's compression, repeated with a counter for outputs longer than 32 bytes. */
import { BLOCK_BYTES, CHUNK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, CVS_AT, OUT_AT, PAIR_AT, PARENT, ROOT, TAIL_AT } from './constants.ts'
import type { Engine, Mode } from './engine.ts'
import { engineFor } from './select.ts'
import type { CvStack } from './stack.ts'
import { chunksInto, keyAt, stage, subtreeInto } from './subtree.ts'

/**
 * Output of the blob that ends with `tail` (at most 1 MiB; empty only for the empty blob) and whose earlier subtrees are in
 * `stack`, which is left as it was.
 */
export function finish(tail: Uint8Array, mode: Mode, stack: CvStack | undefined, outputBytes: number): Uint8Array {
  const engine = engineFor(tail.length)
  const { flags } = mode
  const key = keyAt(engine, mode)
  if (stack === undefined || stack.depth === 0) {
    if (outputBytes === CV_BYTES) {
      subtreeInto(engine, tail, 0, tail.length, 0, true, flags, key)
      return engine.memory.slice(CVS_AT, CVS_AT + CV_BYTES)
    }
    if (tail.length <= CHUNK_BYTES) return chunkOutput(engine, tail, flags, key, outputBytes)
    pairOfTail(engine, tail, flags, key)
  } else {
    subtreeInto(engine, tail, 0, tail.length, stack.chunks, false, flags, key)
    stack.joinTail(engine, CVS_AT, flags, key)
  }
  if (outputBytes !== CV_BYTES) return expand(engine, key, PAIR_AT, BLOCK_BYTES, flags | PARENT, outputBytes)
  engine.parents(PAIR_AT, 1, flags | ROOT, key, OUT_AT)
  return engine.memory.slice(OUT_AT, OUT_AT + CV_BYTES)
}

/** The two halves of a tree of more than one chunk, left at `PAIR_AT`. */
function pairOfTail(engine: Engine, tail: Uint8Array, flags: number, key: number): void {
  const count = chunksInto(engine, tail, 0, tail.length, 0, flags, 0, key)
  const left = 2 ** (31 - Math.clz32(count - 1))
  const rightAt = CVS_AT + left * CV_BYTES
  engine.reduce(rightAt, count - left, 1, flags, 0, key)
  engine.memory.copyWithin(PAIR_AT + CV_BYTES, rightAt, rightAt + CV_BYTES)
  engine.reduce(CVS_AT, left, 1, flags, 0, key)
  engine.memory.copyWithin(PAIR_AT, CVS_AT, CVS_AT + CV_BYTES)
}

/** Long output of a blob of one chunk: its blocks one by one, because the last is the root. */
function chunkOutput(engine: Engine, bytes: Uint8Array, flags: number, key: number, outputBytes: number): Uint8Array {
  let block = stage(engine, bytes, 0, bytes.length)
  let cv = key
  let blockFlags = flags | CHUNK_START
  let left = bytes.length
  for (; left > BLOCK_BYTES; left -= BLOCK_BYTES, block += BLOCK_BYTES) {
    engine.output(cv, block, 0, 0, BLOCK_BYTES, blockFlags, OUT_AT)
    cv = TAIL_AT
    engine.memory.copyWithin(TAIL_AT, OUT_AT, OUT_AT + CV_BYTES)
    blockFlags = flags
  }
  return expand(engine, cv, block, left, blockFlags | CHUNK_END, outputBytes)
}

function expand(engine: Engine, cv: number, block: number, length: number, flags: number, outputBytes: number): Uint8Array {
  const out = new Uint8Array(outputBytes)
  for (let at = 0, counter = 0; at < outputBytes; at += BLOCK_BYTES, counter++) {
    engine.output(cv, block, counter | 0, (counter / 2 ** 32) | 0, length, flags | ROOT, OUT_AT)
    out.set(engine.memory.subarray(OUT_AT, OUT_AT + Math.min(BLOCK_BYTES, outputBytes - at)), at)
  }
  return out
}
