/** A response that goes on at any of its octets: the same octets, and nothing read of what was sent before but the group that it stands in. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkRanges, createOutboard, encodeRanges, encodeRangesFrom } from '../src/index.ts'
import { collect } from './collect.ts'
import { boundariesArb, logArb, selectionOf, sizeArb, slow, treeOf } from './drawn.ts'
import { type ReferenceItem, referenceItems, type ReferenceTree } from './reference/bao.ts'
import { inMemory, watched } from './watched.ts'

const RUNS = Number(process.env.RUNS ?? 120)
const SEED = Number(process.env.SEED ?? 20_261_127)
const KIB = 1024
const HEADER_BYTES = 8

const rangesArb = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(ChunkRanges.all, ChunkRanges.lastChunk, ChunkRanges.none) },
  { weight: 3, arbitrary: boundariesArb },
)

function itemsOf(tree: ReferenceTree, log: number, ranges: ChunkRanges): ReferenceItem[] {
  return referenceItems(tree, log, selectionOf(ranges, tree.data.length))
}

/** The first leaf with an octet at or behind `offset` of the encoding. */
function leafAt(items: readonly ReferenceItem[], offset: number): ReferenceItem | undefined {
  let placed = HEADER_BYTES
  for (const item of items) {
    placed += item.bytes.length
    if (item.kind === 'leaf' && placed > offset) return item
  }
  return undefined
}

// Goal: any response goes on at any octet, and what was sent is not read again.
// Method: content, ranges, groups of encoding and outboard, order and offset drawn; held against the tail of the whole response, and every read
// against the reference's own list of what the response has.
test(`what comes from an offset on is the tail of the whole, and nothing before its group is read, seed ${SEED}`, () =>
  fc.assert(
    fc.asyncProperty(
      fc.tuple(sizeArb, rangesArb, logArb, logArb, fc.constantFrom('pre' as const, 'post' as const), fc.boolean(), fc.nat()),
      async ([size, ranges, chunkGroupLog, outboardLog, order, isSlow, place]) => {
        const tree = treeOf(size)
        const made = await createOutboard(tree.data, { chunkGroupLog: outboardLog, order })
        const wholeEnds: number[] = []
        const blob = { data: tree.data, outboard: made.outboard, size, order }
        const whole = await collect(encodeRanges(blob, ranges, { chunkGroupLog, onUnitEnd: (end) => wholeEnds.push(end) }))
        const offset = place % (whole.length + 1)

        const data = watched(isSlow ? slow(tree.data) : inMemory(tree.data))
        const outboard = isSlow ? slow(made.outboard) : made.outboard
        const ends: number[] = []
        const tail = await collect(
          encodeRangesFrom({ data, outboard, size, order }, offset, ranges, { chunkGroupLog, onUnitEnd: (end) => ends.push(end) }),
        )
        expect(Buffer.compare(tail, whole.subarray(offset))).toBe(0)
        expect(ends).toEqual(wholeEnds.filter((end) => end > offset))

        const leaf = leafAt(itemsOf(tree, chunkGroupLog, ranges), offset)
        const groupBytes = KIB * 2 ** outboardLog
        const lowest = leaf === undefined ? Infinity : Math.floor(leaf.start / groupBytes) * groupBytes // without a leaf: none at all
        expect(data.reads.filter((read) => read.offset < lowest)).toEqual([])
      },
    ),
    { numRuns: RUNS, seed: SEED },
  ))
