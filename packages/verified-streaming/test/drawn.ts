/** What property tests of encodings draw, and the slow reference's trees of it. */
import fc from 'fast-check'
import { ChunkRanges, type ReadAt } from '../src/index.ts'
import { contentOf } from './collect.ts'
import { type ReferenceTree, referenceTree, truncated } from './reference/bao.ts'

// Sizes where trees change shape, within what the slow reference can do.
export const sizeArb: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 1023, 1024, 1025, 2048, 3073, 16_383, 16_384, 16_385, 32_769, 49_153),
  fc.integer({ min: 0, max: 70_000 }),
)
export const logArb: fc.Arbitrary<number> = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 10)
export const boundariesArb: fc.Arbitrary<ChunkRanges> = fc
  .uniqueArray(fc.integer({ min: 0, max: 80 }), { maxLength: 7 })
  .map((list) => ChunkRanges.fromBoundaries(list.sort((a, b) => a - b)))
const trees = new Map<number, ReferenceTree>()
/** Trees are slow to make and the same for all groups and ranges. */
export function treeOf(size: number): ReferenceTree {
  const tree = trees.get(size) ?? referenceTree(contentOf(size))
  trees.set(size, tree)
  return tree
}

export function selectionOf(ranges: ChunkRanges, size: number): (chunk: number) => boolean {
  const last = Math.max(1, Math.ceil(size / 1024)) - 1
  const isBeyondWanted = ranges.isOpen || ranges.boundaries.some((boundary) => boundary > last)
  return truncated((chunk) => ranges.contains(chunk), size, isBeyondWanted)
}

/** Random access whose answers come later, in memory of their own, and are spoilt at the next call. */
export function slow(bytes: Uint8Array): ReadAt {
  let last = new Uint8Array(0)
  return {
    size: bytes.length,
    async readAt(offset, length) {
      last.fill(0xee)
      last = bytes.slice(offset, offset + length)
      await Promise.resolve()
      return last
    },
  }
}
