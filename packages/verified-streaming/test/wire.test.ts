import { describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  ChunkRangesSeq,
  decodeChunkRanges,
  decodeGetRequest,
  encodeChunkRanges,
  encodeGetRequest,
  VerifyError,
} from '../src/index.ts'

// Literals of iroh-blobs' own tests (spec §1.6): these bytes are not ours.
const hex = (text: string): Uint8Array => Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
const spans = (...list: [number, number?][]): ChunkRanges =>
  list.reduce((all, [start, end]) => all.union(ChunkRanges.fromChunks(start, end)), ChunkRanges.none)

describe('ranges on the wire', () => {
  test.each([
    ['none', '00', ChunkRanges.none],
    ['all', '01 00', ChunkRanges.all],
    ['64..', '01 40', spans([64])],
    ['..64', '02 00 40', spans([0, 64])],
    ['1..3, 9..13', '04 01 02 06 04', spans([1, 3], [9, 13])],
    ['10000..', '01 904e', spans([10_000])],
    ['the last chunk', '01 ffffffffffffffffff01', ChunkRanges.lastChunk],
    ['0..5 and the last chunk', '03 00 05 faffffffffffffffff01', spans([0, 5]).union(ChunkRanges.lastChunk)],
  ])('%s', (_, text, ranges) => {
    expect(encodeChunkRanges(ranges)).toEqual(hex(text))
    expect(decodeChunkRanges(hex(text))).toEqual(ranges)
  })

  test.each([
    ['nothing', ''],
    ['fewer spans than counted', '02 00'],
    ['more bytes than spans', '01 00 00'],
    ['an empty span inside', '02 01 00'],
    ['a number longer than need be', '01 8000'],
    ['a count longer than need be', '8100 00'],
    ['a boundary between 2^53 and the last chunk', '01 8080808080808020'],
    ['a sum above 2^64-1', '02 ffffffffffffffffff01 01'],
    ['a number above 2^64-1', '01 ffffffffffffffffff02'],
    ['a number of eleven bytes', '01 8080808080808080808001'],
    ['a count of 2^63', '80808080808080808001'],
  ])('%s is refused', (_, text) => {
    expect(() => decodeChunkRanges(hex(text))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
  })
})

describe('sequences of ranges on the wire', () => {
  const single = ChunkRangesSeq.blob()
  const mixed = ChunkRangesSeq.fromRanges([spans([1, 3]), spans([7, 13])])

  test.each([
    ['all', '01 00 0100', ChunkRangesSeq.all],
    ['none', '00', ChunkRangesSeq.none],
    ['a single blob', '02 00 0100 01 00', single],
    ['1..3, then 7..13', '03 00 020102 01 020706 01 00', mixed],
  ])('%s', (_, text, seq) => {
    expect(seq.encode()).toEqual(hex(text))
    expect(ChunkRangesSeq.decode(hex(text))).toEqual(seq)
  })

  test.each([
    ['an empty first entry', '01 00 00'],
    ['an entry that repeats its neighbour', '02 00 0100 01 0100'],
    ['two entries at one index', '02 00 0100 00 00'],
    ['a cut entry', '02 00 0100 01'],
    ['bytes behind', '01 00 0100 00'],
  ])('%s is refused', (_, text) => {
    expect(() => ChunkRangesSeq.decode(hex(text))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
  })

  test('every index answers with the entry that holds there', () => {
    expect([0, 1, 2, 9].map((index) => mixed.at(index))).toEqual([spans([1, 3]), spans([7, 13]), ChunkRanges.none, ChunkRanges.none])
    expect(ChunkRangesSeq.all.at(2 ** 40)).toEqual(ChunkRanges.all)
    const repeated = ChunkRangesSeq.fromRanges([ChunkRanges.none, ChunkRanges.none, spans([2, 4])], { repeatLast: true })
    expect([0, 1, 2, 3, 77].map((index) => repeated.at(index).isEmpty)).toEqual([true, true, false, false, false])
    expect([single.isBlob, ChunkRangesSeq.none.isBlob, mixed.isBlob, repeated.isBlob]).toEqual([true, true, false, false])
    expect([mixed.endIndex, repeated.endIndex]).toEqual([2, Number.POSITIVE_INFINITY])
  })
})

describe('requests', () => {
  const root = new Uint8Array(32).fill(0xda)
  const named = 'da'.repeat(32)

  test.each([
    ['one blob', `00 ${named} 020001000100`, ChunkRangesSeq.blob()],
    ['a sequence with all that it names', `00 ${named} 01000100`, ChunkRangesSeq.all],
  ])('%s', (_, text, ranges) => {
    expect(encodeGetRequest({ root, ranges })).toEqual(hex(text))
    expect(decodeGetRequest(hex(text))).toEqual({ root, ranges })
  })

  test.each([
    ['another variant', `01 ${named} 01000100`],
    ['a cut root', '00 dadada'],
    ['no ranges', `00 ${named}`],
    ['bytes behind', `00 ${named} 01000100 00`],
  ])('%s is refused', (_, text) => {
    expect(() => decodeGetRequest(hex(text))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
  })

  test('a request above 1 MiB is refused unread', () => {
    expect(() => decodeGetRequest(new Uint8Array(2 ** 20 + 1))).toThrow(expect.objectContaining({ code: 'VERIFY_TOO_LARGE' }))
  })

  test('a request that ends anywhere within is refused', () => {
    const whole = encodeGetRequest({ root, ranges: ChunkRangesSeq.fromRanges([spans([1, 3], [300, 70_000]), spans([7, 13])]) })
    for (let length = 0; length < whole.length; length++) expect(() => decodeGetRequest(whole.subarray(0, length))).toThrow(VerifyError)
  })
})
