import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byteRangesOfHeader, ChunkRanges, decodeChunkRanges, encodeChunkRanges, parseRangeHeader, type VerifyError } from '../src/index.ts'

const RUNS = Number(process.env.RUNS ?? 300)
/** Chunks that the model looks at; boundaries reach a little beyond, so that open and closed ends differ. */
const WINDOW = 48

const rangesArb = fc
  .uniqueArray(fc.oneof(fc.nat(WINDOW + 8), fc.constant(Number.POSITIVE_INFINITY)), { maxLength: 9 })
  .map((list) => ChunkRanges.fromBoundaries(list.sort((a, b) => a - b)))

const modelOf = (ranges: ChunkRanges, count = WINDOW): boolean[] => Array.from({ length: count }, (_, chunk) => ranges.contains(chunk))

const forAll = (check: (a: ChunkRanges, b: ChunkRanges) => void): void =>
  fc.assert(fc.property(rangesArb, rangesArb, check), { numRuns: RUNS })

describe('as a set', () => {
  test('union, intersection and difference are those of sets of chunks', () =>
    forAll((a, b) => {
      const [inA, inB] = [modelOf(a), modelOf(b)]
      expect(modelOf(a.union(b))).toEqual(inA.map((is, i) => is || inB[i]))
      expect(modelOf(a.intersect(b))).toEqual(inA.map((is, i) => is && inB[i]))
      expect(modelOf(a.difference(b))).toEqual(inA.map((is, i) => is && !inB[i]))
    }))

  test('results are canonical: equal sets are equal, and boundaries rise', () =>
    forAll((a, b) => {
      expect(a.union(b)).toEqual(b.union(a))
      expect(a.difference(b).union(a.intersect(b))).toEqual(a)
      for (const set of [a.union(b), a.intersect(b), a.difference(b), a.roundUpToGroups(2), a.truncate(20_000)]) {
        expect(ChunkRanges.fromBoundaries(set.boundaries)).toEqual(set)
      }
    }))

  test('coverage says nothing, a part or everything', () =>
    forAll((a) => {
      const model = modelOf(a)
      for (let start = 0; start < WINDOW; start += 5) {
        for (let end = start + 1; end <= WINDOW; end += 7) {
          const part = model.slice(start, end)
          expect(a.coverage(start, end)).toBe(part.every(Boolean) ? 2 : part.some(Boolean) ? 1 : 0)
        }
        const next = model.indexOf(false, start)
        expect(Math.min(a.runEnd(start), WINDOW)).toBe(next === -1 ? WINDOW : next)
      }
    }))

  test('rounding up gives whole groups, and every group that was touched', () =>
    forAll((a) => {
      const model = modelOf(a)
      expect(modelOf(a.roundUpToGroups(3))).toEqual(model.map((_, i) => model.slice(i - (i % 8), i - (i % 8) + 8).some(Boolean)))
    }))

  test('the wire form comes back', () =>
    forAll((a) => {
      expect(decodeChunkRanges(encodeChunkRanges(a))).toEqual(a)
    }))

  test('truncation keeps what exists, and the last chunk for all that lies at or beyond it', () =>
    forAll((a) => {
      for (const count of [1, 2, 3, 17, 40]) {
        const wantsBeyond = modelOf(a, WINDOW + 20).some((is, chunk) => is && chunk >= count - 1) || a.isOpen
        const expected = modelOf(a).map((is, chunk) => (chunk < count - 1 ? is : chunk === count - 1 && wantsBeyond))
        expect(modelOf(a.truncate(count * 1024))).toEqual(expected)
        expect(a.truncate(count * 1024 - 1023)).toEqual(a.truncate(count * 1024))
      }
      expect(modelOf(a.truncate(0), 3)).toEqual([!a.isEmpty, false, false])
    }))
})

test('whatever bytes the decoder accepts, the encoder writes again', () => {
  const rewritten = (bytes: Uint8Array): Uint8Array | string => {
    try {
      return encodeChunkRanges(decodeChunkRanges(bytes))
    } catch (error) {
      return (error as VerifyError).code
    }
  }
  const check = (bytes: Uint8Array): void => {
    expect([bytes, 'VERIFY_MALFORMED']).toContainEqual(rewritten(bytes))
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), check), { numRuns: 20 * RUNS })
})

describe('from bytes', () => {
  test('every chunk that a range touches', () => {
    const of = (...list: { start: number; end?: number }[]): readonly number[] => ChunkRanges.fromByteRanges(list).boundaries
    expect(of({ start: 0 })).toEqual([0])
    expect(of({ start: 1023, end: 1025 })).toEqual([0, 2])
    expect(of({ start: 1024, end: 1024 })).toEqual([])
    expect(of({ start: 9000, end: 9001 }, { start: 0, end: 1 }, { start: 1, end: 1024 })).toEqual([0, 1, 8, 9])
    expect(of({ start: 5000 }, { start: 100, end: 2 ** 40 })).toEqual([0])
    expect(of({ start: 2 ** 53 - 1 })).toEqual([2 ** 43 - 1])
  })

  test.each([
    [{ start: -1 }],
    [{ start: 0.5 }],
    [{ start: 5, end: 4 }],
    [{ start: 2 ** 53 }],
    [{ start: Number.NaN }],
    [{ start: 0, end: 1.5 }],
  ])('%o is refused', (range) => {
    expect(() => ChunkRanges.fromByteRanges([range])).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_RANGE' }))
  })

  test('back to the bytes of a blob', () => {
    expect(ChunkRanges.fromBoundaries([0, 2, 4]).byteRanges(5000)).toEqual([
      { start: 0, end: 2048 },
      { start: 4096, end: 5000 },
    ])
    expect(ChunkRanges.fromBoundaries([8]).byteRanges(5000)).toEqual([])
  })
})

describe('from a Range header', () => {
  test.each([
    ['bytes=0-499', 10_000, [{ start: 0, end: 500 }]],
    ['bytes=500-', 10_000, [{ start: 500, end: 10_000 }]],
    ['bytes=-500', 10_000, [{ start: 9500, end: 10_000 }]],
    ['bytes=-20000', 10_000, [{ start: 0, end: 10_000 }]],
    ['bytes=0-99999', 10_000, [{ start: 0, end: 10_000 }]],
    [
      'Bytes= 0-0 , 9999-9999,',
      10_000,
      [
        { start: 0, end: 1 },
        { start: 9999, end: 10_000 },
      ],
    ],
    ['bytes=20000-, 5-5', 10_000, [{ start: 5, end: 6 }]],
    ['bytes=500-', undefined, [{ start: 500 }]],
    ['bytes=500-501', undefined, [{ start: 500, end: 502 }]],
  ])('%s of %s bytes', (header, size, expected) => {
    expect(byteRangesOfHeader(header, size)).toEqual(expected)
    expect(parseRangeHeader(header, size)).toEqual(ChunkRanges.fromByteRanges(expected))
  })

  test.each([
    ['items=0-5', 100],
    ['bytes=', 100],
    ['bytes=-', 100],
    ['bytes=5-4', 100],
    ['bytes=a-b', 100],
    ['bytes=0x1-2', 100],
    ['bytes=1-2-3', 100],
    ['bytes=100-', 100],
    ['bytes=-0', 100],
    ['bytes=-5', 0],
    ['bytes=-5', undefined],
    ['bytes=99999999999999999-', undefined],
    [`bytes=${'0-0,'.repeat(300)}`, 100],
  ])('%s of %s bytes is refused', (header, size) => {
    expect(() => parseRangeHeader(header, size)).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_RANGE' }))
  })
})
