/** The end of a hash: the root's compression, repeated with a counter for outputs longer than 32 bytes. */
import { BLOCK_BYTES, CHUNK_BYTES, CHUNK_END, CHUNK_START, CV_BYTES, CVS_AT, OUT_AT, PARENT, ROOT } from './constants.ts'
import type { Edge } from './edge.ts'
import type { Mode } from './engine.ts'
import { compress } from './portable.ts'
import { engineFor } from './select.ts'
import { chunksInto, keyAt, reduce, stage, subtreeInto } from './subtree.ts'

/**
 * Output of the blob that ends with `tail` (at most 1 MiB; empty only for the empty blob) and whose earlier subtrees are in `edge`, which
 * is used up.
 */
export function finish(tail: Uint8Array, mode: Mode, edge: Edge | undefined, outputBytes: number): Uint8Array<ArrayBuffer> {
  const engine = engineFor(tail.length)
  const key = keyAt(engine, mode)
  const { memory } = engine
  let flags = mode.flags
  // The root's input: chaining value, block, its length and flags.
  let cv = key
  let block = CVS_AT
  let length = BLOCK_BYTES
  if (edge && edge.depth > 0) {
    subtreeInto(engine, tail, 0, tail.length, edge.chunks, 0, flags, key)
    edge.push(memory, CVS_AT, 0)
    edge.fold(false)
    memory.set(edge.cvs.subarray(0, BLOCK_BYTES), CVS_AT)
    flags |= PARENT
  } else if (tail.length > CHUNK_BYTES) {
    reduce(engine, CVS_AT, chunksInto(engine, tail, 0, tail.length, 0, flags, 0, key), 2, flags, 0, key)
    flags |= PARENT
  } else {
    block = stage(engine, tail, 0, tail.length)
    const earlier = Math.max(0, Math.ceil(tail.length / BLOCK_BYTES) - 1) * BLOCK_BYTES
    length = tail.length - earlier
    if (earlier > 0) {
      engine.one(block, earlier, 0, 0, flags | CHUNK_START, 0, key, CVS_AT, 1)
      cv = CVS_AT
      block += earlier
    } else flags |= CHUNK_START
    flags |= CHUNK_END
  }
  if (outputBytes === CV_BYTES) {
    engine.one(block, length, 0, 0, flags | ROOT, 0, cv, OUT_AT, 1)
    return memory.slice(OUT_AT, OUT_AT + CV_BYTES)
  }
  const out = new Uint8Array(outputBytes)
  for (let at = 0, counter = 0; at < outputBytes; at += BLOCK_BYTES, counter++) {
    compress(engine.words, cv >> 2, block >> 2, counter | 0, (counter / 2 ** 32) | 0, length, flags | ROOT, OUT_AT >> 2, true)
    out.set(memory.subarray(OUT_AT, OUT_AT + Math.min(BLOCK_BYTES, outputBytes - at)), at)
  }
  return out
}
