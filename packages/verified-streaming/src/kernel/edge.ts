/**
 * The left edge of a growing tree: values of complete subtrees, largest first, side by side, so that the last two are the pair to be
 * merged next. Two are merged only when a further subtree follows them: the last merge of all needs the root flag.
 */
import { CHUNK_BYTES, CV_BYTES, CVS_AT } from './constants.ts'
import type { Mode } from './engine.ts'
import { parentCv } from './index.ts'
import { engineFor } from './select.ts'
import { keyAt, SUBTREE_BYTES_MAX, subtreeInto } from './subtree.ts'

/** Enough for 2^53 chunks, and one that waits to be merged. */
const DEPTH_MAX = 55

/** Hears of 64 bytes at an offset before they are merged. */
export type PairListener = (cvs: Uint8Array, offset: number) => void

export class Edge {
  /** Chunks covered so far. */
  chunks = 0
  depth = 0
  readonly cvs: Uint8Array = new Uint8Array(DEPTH_MAX * CV_BYTES)
  /** Chunks of each subtree. */
  readonly sizes: Float64Array = new Float64Array(DEPTH_MAX)
  readonly #mode: Mode
  readonly #onPair: PairListener | undefined

  constructor(mode: Mode, onPair?: PairListener) {
    this.#mode = mode
    this.#onPair = onPair
  }

  /** Adds the next subtree, of `chunks` chunks (a power of two that divides the count so far; any number at the end), by its value at `bytes[at]`. */
  push(bytes: Uint8Array, at: number, chunks: number): void {
    const { cvs } = this
    const sizes = this.sizes
    while (this.depth > 1 && sizes[this.depth - 1] === sizes[this.depth - 2]) this.#merge(false)
    const to = this.depth * CV_BYTES
    for (let i = 0; i < CV_BYTES; i++) cvs[to + i] = bytes[at + i]!
    sizes[this.depth++] = chunks
    this.chunks += chunks
  }

  /** Merges what is left into the two halves of the whole; with `isRoot` these too, into the root. */
  fold(isRoot: boolean): void {
    while (this.depth > 2) this.#merge(false)
    if (isRoot && this.depth === 2) this.#merge(true)
  }

  #merge(isRoot: boolean): void {
    const { cvs } = this
    const last = --this.depth
    const at = (last - 1) * CV_BYTES
    this.sizes[last - 1]! += this.sizes[last]!
    this.#onPair?.(cvs, at)
    parentCv(cvs, at, isRoot, cvs, at, this.#mode)
  }
}

/** Adds bytes `start` to before `end`, a whole number of 16 KiB, as subtrees as large as their place in the tree allows. */
export function addSubtrees(edge: Edge, mode: Mode, bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; ) {
    const { chunks } = edge
    let size = SUBTREE_BYTES_MAX
    while (size > end - at || (chunks * CHUNK_BYTES) % size !== 0) size /= 2
    const engine = engineFor(size)
    subtreeInto(engine, bytes, at, (at += size), chunks, 0, mode.flags, keyAt(engine, mode))
    edge.push(engine.memory, CVS_AT, size / CHUNK_BYTES)
  }
}
