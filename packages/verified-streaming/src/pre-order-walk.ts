/**
 * The order of things in an encoding, without recursion: parents and leaves of a tree in pre-order, as far as a selection
 * reaches them. The leaf rule is bao-tree's (spec §1.5): a node that is selected whole and no larger than a chunk group is
 * one leaf; a group selected in part is descended to single chunks. At group size 1 that is Bao.
 *
 * Nodes wait on a stack of at most one sibling a level. Each has a slot in it, and whoever walks may keep data of its own
 * beside the slots (the decoder expected values, the encoder places in an outboard): when a parent is taken, `rightSlot`
 * and `leftSlot` say where its children now wait, -1 for one that the selection misses.
 */
import type { ChunkRanges } from './chunk-ranges.ts'
import { WALK_SLOTS } from './constants.ts'
import { leftCountOf } from './tree.ts'

export class PreOrderWalk {
  readonly chunkCount: number
  readonly #selection: ChunkRanges
  readonly #groupChunks: number
  readonly #starts = new Float64Array(WALK_SLOTS)
  readonly #counts = new Float64Array(WALK_SLOTS)
  readonly #whole = new Uint8Array(WALK_SLOTS)
  #waiting = 0

  /** The node taken last: its first chunk, its chunks, and whether it is a leaf of the encoding. */
  start = 0
  count = 0
  isLeaf = false
  /** Whether all of the node taken last is selected. */
  isWhole = false
  slot = -1
  leftSlot = -1
  rightSlot = -1

  /** @param selection - already truncated to the blob's size. */
  constructor(chunkCount: number, chunkGroupLog: number, selection: ChunkRanges) {
    this.chunkCount = chunkCount
    this.#selection = selection
    this.#groupChunks = 2 ** chunkGroupLog
    this.#push(0, chunkCount, selection.coverage(0, chunkCount))
  }

  /** Takes the next node; false at the end. */
  next(): boolean {
    if (this.#waiting === 0) return false
    const slot = --this.#waiting
    this.slot = slot
    this.start = this.#starts[slot]!
    this.count = this.#counts[slot]!
    this.isWhole = this.#whole[slot] === 2
    this.isLeaf = this.count === 1 || (this.isWhole && this.count <= this.#groupChunks)
    this.leftSlot = -1
    this.rightSlot = -1
    if (!this.isLeaf) this.#descend()
    return true
  }

  /** Forgets the children of the parent taken last, or of the leaf nothing. */
  skipChildren(): void {
    this.#waiting = this.slot
  }

  #descend(): void {
    const left = leftCountOf(this.count)
    const middle = this.start + left
    const end = this.start + this.count
    this.rightSlot = this.#push(middle, this.count - left, this.isWhole ? 2 : this.#selection.coverage(middle, end))
    this.leftSlot = this.#push(this.start, left, this.isWhole ? 2 : this.#selection.coverage(this.start, middle))
  }

  #push(start: number, count: number, coverage: 0 | 1 | 2): number {
    if (coverage === 0) return -1
    const slot = this.#waiting++
    this.#starts[slot] = start
    this.#counts[slot] = count
    this.#whole[slot] = coverage
    return slot
  }
}
