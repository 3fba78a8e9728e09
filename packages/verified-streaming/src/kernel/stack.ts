/**
 * The left edge of a growing tree: CVs of complete subtrees, largest first, one for each bit of the count of chunks so far.
 * A subtree is pushed only when at least one byte is known to follow it, so nothing here is ever the root.
 */
import { CV_BYTES, OUT_AT, PAIR_AT } from './constants.ts'
import type { Engine } from './engine.ts'

/** Enough for 2^53 chunks. */
const DEPTH_MAX = 54

export class CvStack {
  /** Chunks covered so far. */
  chunks = 0
  depth = 0
  #cvs: Uint8Array | undefined

  /** Adds the subtree of `chunks` chunks (a power of two that divides the count so far) whose CV lies at `cvAt` in `engine.memory`. */
  push(engine: Engine, cvAt: number, chunks: number, flags: number, key: number): void {
    const cvs = (this.#cvs ??= new Uint8Array(DEPTH_MAX * CV_BYTES))
    const { memory } = engine
    let at = cvAt
    let before = this.chunks
    for (let size = chunks; before % (2 * size) !== 0; size *= 2) {
      this.depth--
      pair(memory, cvs, this.depth, at)
      engine.parents(PAIR_AT, 1, flags, key, OUT_AT)
      at = OUT_AT
      before -= size
    }
    for (let i = 0; i < CV_BYTES; i++) cvs[this.depth * CV_BYTES + i] = memory[at + i]!
    this.depth++
    this.chunks += chunks
  }

  /** Joins the tail's CV at `cvAt` with all that is here, but for the last parent, whose 64 bytes are left at `PAIR_AT`. */
  joinTail(engine: Engine, cvAt: number, flags: number, key: number): void {
    const cvs = this.#cvs!
    let at = cvAt
    for (let i = this.depth - 1; ; i--) {
      pair(engine.memory, cvs, i, at)
      if (i === 0) return
      engine.parents(PAIR_AT, 1, flags, key, OUT_AT)
      at = OUT_AT
    }
  }

  clear(): void {
    this.chunks = 0
    this.depth = 0
    this.#cvs?.fill(0) // in keyed modes these are secret
  }
}

/** Lays CV `index` of the stack and the one at `at` side by side. */
function pair(memory: Uint8Array, cvs: Uint8Array, index: number, at: number): void {
  memory.copyWithin(PAIR_AT + CV_BYTES, at, at + CV_BYTES)
  memory.set(cvs.subarray(index * CV_BYTES, (index + 1) * CV_BYTES), PAIR_AT)
}
