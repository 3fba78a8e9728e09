/** Where an encoding may be cut without leaving its receiver with bytes that it cannot verify, and how far a receiver has verified it. */
import { describe, expect, test } from 'vitest'
import { ChunkRanges, createMemoryStore, createOutboard, createSink, decode, encodeRanges } from '../src/index.ts'
import { collect, contentOf, flipped, inPieces } from './collect.ts'

interface Encoded {
  readonly root: Uint8Array
  readonly encoded: Uint8Array
  readonly ends: readonly number[]
}

async function encodedOf(size: number, ranges: ChunkRanges, chunkGroupLog: number): Promise<Encoded> {
  const data = contentOf(size)
  const blob = await createOutboard(data)
  const ends: number[] = []
  let handedOut = 0
  const onUnitEnd = (offset: number): void => {
    expect(offset).toBeGreaterThan(handedOut) // told before the piece that it lies in
    ends.push(offset)
  }
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of encodeRanges({ data, ...blob }, ranges, { chunkGroupLog, onUnitEnd })) {
      yield piece
      handedOut += piece.length
    }
  }
  return { root: blob.root, encoded: await collect(pieces()), ends }
}

/** How far `encoded` is found verified after each part, and at last. */
async function verifiedOf(
  encoded: Uint8Array,
  root: Uint8Array,
  options: { readonly ranges: ChunkRanges; readonly chunkGroupLog: number; readonly pieceBytes?: number },
): Promise<number[]> {
  const { pieceBytes = encoded.length || 1, ...rest } = options
  const decoding = decode(inPieces(encoded, pieceBytes), root, rest)
  const offsets = [decoding.verifiedOffset]
  try {
    for await (const _ of decoding) offsets.push(decoding.verifiedOffset)
  } catch {
    // a cut or a lie: what was verified before it counts
  }
  return [...offsets, decoding.verifiedOffset]
}

const SOME = ChunkRanges.fromByteRanges([
  { start: 1_000, end: 2_000 },
  { start: 40_000, end: 90_000 },
])

describe.each([0, 4])('in groups of 2^%i chunks', (chunkGroupLog) => {
  describe.each([
    [0, 'all'],
    [1, 'all'],
    [16_384, 'all'],
    [16_385, 'all'],
    [100_000, 'all'],
    [100_000, 'some'],
    [300_001, 'some'],
  ])('of %i bytes, %s of them,', (size, which) => {
    const ranges = which === 'all' ? ChunkRanges.all : SOME

    test('everything up to the end of a unit is verified by what came up to there', async () => {
      const { root, encoded, ends } = await encodedOf(size, ranges, chunkGroupLog)
      expect(ends.at(-1)).toBe(encoded.length)
      for (const end of ends) {
        const offsets = await verifiedOf(encoded.subarray(0, end), root, { ranges, chunkGroupLog })
        expect(offsets.at(-1)).toBe(end)
      }
    })

    test('nothing more is verified before the next unit has ended, and nothing from a wrong byte on', async () => {
      const { root, encoded, ends } = await encodedOf(size, ranges, chunkGroupLog)
      for (const [index, end] of ends.entries()) {
        const before = ends[index - 1] ?? 0
        const cut = await verifiedOf(encoded.subarray(0, end - 1), root, { ranges, chunkGroupLog })
        expect(Math.max(...cut)).toBe(before)
        if (size === 0) continue
        const lie = await verifiedOf(flipped(encoded, end - 1), root, { ranges, chunkGroupLog })
        expect(Math.max(...lie)).toBe(before)
      }
    })

    test.each([1, 1_000, 70_000])('in inputs of %i bytes the offset grows from unit to unit', async (pieceBytes) => {
      const { root, encoded, ends } = await encodedOf(size, ranges, chunkGroupLog)
      const offsets = await verifiedOf(encoded, root, { ranges, chunkGroupLog, pieceBytes })
      expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
      expect(offsets[0]).toBe(0)
      expect(offsets.at(-1)).toBe(encoded.length)
      expect(offsets.slice(1).filter((offset) => !ends.includes(offset))).toEqual([])
    })
  })
})

test('a sink says of each response how far it is verified', async () => {
  const { root, encoded, ends } = await encodedOf(100_000, ChunkRanges.all, 4)
  const sink = createSink(root, { store: createMemoryStore() })
  const offsets: number[] = []
  await sink.receive(inPieces(encoded, 5_000), { onProgress: ({ verifiedOffset }) => offsets.push(verifiedOffset) })
  expect(offsets).toEqual(ends)
})
