import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bytesOf,
  ChunkRanges,
  createDecodeStream,
  createMemoryStore,
  createOutboard,
  createOutboardBuilder,
  createSink,
  decodeTransform,
  encode,
  encodedBytesOf,
  encodeRanges,
  type VerifyError,
  validRanges,
  verifyRanges,
} from '../src/index.ts'
import { collect, inPieces, isAllTrue, outcomeOf, streamOf } from './collect.ts'
import { boundariesArb, logArb, selectionOf, sizeArb, slow, treeOf } from './drawn.ts'
import { everything, joined, referenceDecode, referenceEncoding, referenceOutboard } from './reference/bao.ts'

const RUNS = Number(process.env.RUNS ?? 60)

const rangesArb = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(ChunkRanges.all, ChunkRanges.lastChunk) },
  { weight: 3, arbitrary: boundariesArb },
)

const forAll = <T extends unknown[]>(arbs: { [K in keyof T]: fc.Arbitrary<T[K]> }, check: (...args: T) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.tuple<T>(...arbs), (args) => check(...args)),
    { numRuns: RUNS },
  )

describe('held against the reference', () => {
  test('outboards of every group size and order, from pieces of any length', () =>
    forAll(
      [sizeArb, logArb, fc.constantFrom('pre' as const, 'post' as const), fc.integer({ min: 1, max: 40_000 })],
      async (size, chunkGroupLog, order, length) => {
        const tree = treeOf(size)
        const expected = { root: tree.root, size, outboard: referenceOutboard(tree, chunkGroupLog, order) }
        const options = { chunkGroupLog, order, lengthField: false }
        expect(await createOutboard(tree.data, options)).toEqual(expected)
        expect(await createOutboard(inPieces(tree.data, length), options)).toEqual(expected)
        const builder = createOutboardBuilder(options)
        for (let at = 0; at < size; at += length) builder.update(tree.data.subarray(at, at + length))
        expect(builder.finish()).toEqual(expected)
      },
    ))

  test('combined encodings', () =>
    forAll([sizeArb, logArb], async (size, chunkGroupLog) => {
      const tree = treeOf(size)
      const encoded = await collect(encode(slow(tree.data), { chunkGroupLog }))
      expect(encoded).toEqual(referenceEncoding(tree, chunkGroupLog, everything))
    }))

  test('responses for any ranges, groups, outboards and ways to read', () =>
    forAll(
      [sizeArb, rangesArb, logArb, logArb, fc.constantFrom('pre' as const, 'post' as const), fc.boolean()],
      async (size, ranges, chunkGroupLog, outboardLog, order, isSlow) => {
        const tree = treeOf(size)
        const { outboard } = await createOutboard(tree.data, { chunkGroupLog: outboardLog, order })
        const blob = { data: isSlow ? slow(tree.data) : tree.data, outboard: isSlow ? slow(outboard) : outboard, size, order }
        const encoded = await collect(encodeRanges(blob, ranges, { chunkGroupLog }))
        expect(encoded).toEqual(referenceEncoding(tree, chunkGroupLog, selectionOf(ranges, size)))
        expect(encodedBytesOf(size, ranges, chunkGroupLog)).toBe(encoded.length)
      },
    ))

  test('what is decoded, from pieces of any length', () =>
    forAll([sizeArb, rangesArb, logArb, fc.integer({ min: 1, max: 20_000 })], async (size, ranges, chunkGroupLog, length) => {
      const tree = treeOf(size)
      const encoded = referenceEncoding(tree, chunkGroupLog, selectionOf(ranges, size))
      const expected: { offset: number; bytes: Uint8Array }[] = []
      referenceDecode(encoded, tree.root, chunkGroupLog, (said) => selectionOf(ranges, said), expected)
      for (const source of [encoded, inPieces(encoded, length)]) {
        const { end, parts } = await outcomeOf(source, tree.root, { ranges, chunkGroupLog })
        expect(end).toBe('done')
        expect(joined(parts.map(({ bytes }) => bytes))).toEqual(joined(expected.map(({ bytes }) => bytes)))
        expect(isAllTrue(parts, tree.data)).toBe(true)
      }
    }))

  test('what is refused: damaged encodings end where the reference ends, with the same bytes before', () =>
    forAll(
      [sizeArb, rangesArb, logArb, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 20_000 })],
      async (size, ranges, chunkGroupLog, place, bits, length) => {
        const tree = treeOf(size)
        const damaged = referenceEncoding(tree, chunkGroupLog, selectionOf(ranges, size))
        damaged[place % damaged.length]! ^= bits
        if (new DataView(damaged.buffer).getBigUint64(0, true) > 200_000n) return // the reference would make a tree of it
        const expected: { offset: number; bytes: Uint8Array }[] = []
        let isRefused = false
        try {
          referenceDecode(damaged, tree.root, chunkGroupLog, (said) => selectionOf(ranges, said), expected)
        } catch {
          isRefused = true
        }
        const { end, parts } = await outcomeOf(inPieces(damaged, length), tree.root, { ranges, chunkGroupLog })
        expect(end === 'done').toBe(!isRefused)
        expect(joined(parts.map(({ bytes }) => bytes))).toEqual(joined(expected.map(({ bytes }) => bytes)))
      },
    ))

  test('what is stored: damage anywhere is found by verifyRanges exactly where it matters, and validRanges leaves it out', () =>
    forAll([sizeArb, logArb, boundariesArb, fc.nat()], async (size, chunkGroupLog, ranges, place) => {
      const tree = treeOf(size)
      const { root, outboard } = await createOutboard(tree.data, { chunkGroupLog })
      await verifyRanges(slow(tree.data), slow(outboard), root, ranges)
      expect(await validRanges(tree.data, outboard, root)).toEqual(ChunkRanges.all.truncate(size))
      if (size === 0) return
      const damaged = tree.data.slice()
      damaged[place % size]! ^= 1
      const hit = ChunkRanges.fromByteRanges([{ start: place % size, end: (place % size) + 1 }]).roundUpToGroups(chunkGroupLog)
      const looked = ranges.roundUpToGroups(chunkGroupLog).truncate(size).roundUpToGroups(chunkGroupLog)
      const isHit = !looked.intersect(hit).isEmpty
      const code = await verifyRanges(damaged, outboard, root, ranges).then(
        () => 'true',
        (error: VerifyError) => `${error.code} ${error.details['what']}`,
      )
      expect(code).toBe(isHit ? 'VERIFY_MISMATCH content' : 'true')
      expect(await validRanges(damaged, outboard, root)).toEqual(ChunkRanges.all.truncate(size).difference(hit))
    }))

  test('every other way in: web streams, it-pipe and a sink take what decode takes, and refuse at the same byte', () =>
    forAll(
      [sizeArb, rangesArb, logArb, fc.option(fc.nat()), fc.integer({ min: 1, max: 20_000 })],
      async (size, ranges, chunkGroupLog, place, length) => {
        const tree = treeOf(size)
        const encoded = referenceEncoding(tree, chunkGroupLog, selectionOf(ranges, size))
        if (place !== null) encoded[8 + (place % Math.max(1, encoded.length - 8))]! ^= 1 // behind the length; of an empty blob: nothing
        const proven: { offset: number; bytes: Uint8Array }[] = []
        const isRefused = endsWithError(() =>
          referenceDecode(encoded, tree.root, chunkGroupLog, (said) => selectionOf(ranges, said), proven),
        )
        const expected = { end: isRefused ? 'VERIFY_MISMATCH' : 'done', bytes: joined(proven.map(({ bytes }) => bytes)) }

        const stream = streamOf(inPieces(encoded, length)).pipeThrough(createDecodeStream(tree.root, { ranges, chunkGroupLog }))
        expect(await gathered(stream)).toEqual(expected)
        expect(await gathered(bytesOf(decodeTransform(tree.root, { ranges, chunkGroupLog })(inPieces(encoded, length))))).toEqual(expected)

        const store = createMemoryStore()
        const sink = createSink(tree.root, { store, chunkGroupLog })
        const end = await sink.receive(inPieces(encoded, length), { ranges }).then(
          () => 'done',
          ({ code }: VerifyError) => code,
        )
        const held = sink.held.byteRanges(size)
        const stored = joined(held.map((range) => store.readContent(range.start, range.end - range.start)))
        expect({ end, bytes: stored }).toEqual(expected)
      },
    ))
})

function endsWithError(run: () => void): boolean {
  try {
    run()
    return false
  } catch {
    return true
  }
}

/** What came before the end, and the code of the end. */
async function gathered(source: AsyncIterable<Uint8Array>): Promise<{ end: string; bytes: Uint8Array }> {
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of source) pieces.push(piece.slice())
    return { end: 'done', bytes: joined(pieces) }
  } catch (error) {
    return { end: (error as VerifyError).code, bytes: joined(pieces) }
  }
}
