/**
 * The order of things in an encoding, without recursion: parents and leaves of a tree in pre-order, as far as a selection
 * reaches them. The leaf rule is bao-tree's (spec §1.5): a node that is selected whole and no larger than a chunk group is
 * one leaf; a group selected in part is descended to single chunks. At group size 1 that is Bao.
 *
 * Nodes wait on a stack of at most one sibling a level. Each has a slot in it, and whoever walks may keep data of its own
 * beside the slots (the decoder expected values): when a parent is taken, `rightSlot` and `leftSlot` say where its children now
 * wait, -1 for one that the selection misses.
 */
import type { ChunkRanges } from './chunk-ranges.ts'
import { WALK_SLOTS } from './constants.ts'
import { leftPlaceOf, type OutboardOrder, rightPlaceOf, rootPlaceOf } from './places.ts'
import { leftCountOf } from './tree.ts'

export class PreOrderWalk {
  readonly chunkCount: number
  readonly #selection: ChunkRanges
  readonly #groupChunks: number
  readonly #order: OutboardOrder
  /** Chunks of a group of the outboard. A power each time it is asked for would be one of what costs in a decoder. */
  readonly #outboardChunks: number
  /** Start, count, coverage and place of those that wait. */
  readonly #waiting = new Float64Array(WALK_SLOTS * 4)
  #depth = 0

  /** The node taken last: its first chunk, its chunks, and whether it is a leaf of the encoding. */
  start = 0
  count = 0
  isLeaf = false
  /** Whether all of the node taken last is selected. */
  isWhole = false
  /** Where the pair of the node taken last lies in an outboard, where it is above the groups of that. */
  place = 0
  slot = -1
  leftSlot = -1
  rightSlot = -1

  /**
   * @param selection - already truncated to the blob's size.
   * @param outboardLog - group size of the outboard that `place` is about.
   */
  constructor(
    chunkCount: number,
    chunkGroupLog: number,
    selection: ChunkRanges,
    order: OutboardOrder = 'pre',
    outboardLog: number = chunkGroupLog,
  ) {
    this.chunkCount = chunkCount
    this.#selection = selection
    this.#groupChunks = 2 ** chunkGroupLog
    this.#order = order
    this.#outboardChunks = 2 ** outboardLog
    this.#push(0, chunkCount, selection.coverage(0, chunkCount), rootPlaceOf(order, this.groups(chunkCount)))
  }

  /** Groups of the outboard under a node of `count` chunks. */
  groups(count: number = this.count): number {
    return Math.ceil(count / this.#outboardChunks)
  }

  /** Takes the next node; false at the end. */
  next(): boolean {
    if (this.#depth === 0) return false
    const slot = (this.slot = --this.#depth)
    const waiting = this.#waiting
    this.start = waiting[4 * slot]!
    this.count = waiting[4 * slot + 1]!
    this.isWhole = waiting[4 * slot + 2] === 2
    this.place = waiting[4 * slot + 3]!
    this.isLeaf = this.count === 1 || (this.isWhole && this.count <= this.#groupChunks)
    this.leftSlot = this.rightSlot = -1
    if (!this.isLeaf) this.#descend()
    return true
  }

  /** Forgets the children of the parent taken last, or of the leaf nothing. */
  skipChildren(): void {
    this.#depth = this.slot
  }

  #descend(): void {
    const { start, count, place } = this
    const left = leftCountOf(count)
    const middle = start + left
    const coverageOf = (from: number, end: number): number => (this.isWhole ? 2 : this.#selection.coverage(from, end))
    const groups = this.groups(count)
    this.rightSlot = this.#push(middle, count - left, coverageOf(middle, start + count), rightPlaceOf(this.#order, place, groups))
    this.leftSlot = this.#push(start, left, coverageOf(start, middle), leftPlaceOf(this.#order, place, groups))
  }

  #push(start: number, count: number, coverage: number, place: number): number {
    if (coverage === 0) return -1
    const waiting = this.#waiting
    const slot = this.#depth++
    waiting[4 * slot] = start
    waiting[4 * slot + 1] = count
    waiting[4 * slot + 2] = coverage
    waiting[4 * slot + 3] = place
    return slot
  }
}
