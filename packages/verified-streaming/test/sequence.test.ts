import { describe, expect, test } from 'vitest'
import {
  ChunkRanges,
  ChunkRangesSeq,
  createByteReader,
  createOutboard,
  decodeCollection,
  decodeHashSequence,
  decodeSequence,
  encodeCollection,
  encodeHashSequence,
  encodeSequence,
  hash,
  type VerifiableBlob,
} from '../src/index.ts'
import { collect, contentOf, flipped, inPieces } from './collect.ts'
import { hexOf } from './bao-cases.ts'
import { joined } from './reference/bao.ts'

const CHILDREN = [0, 5, 40_000, 16_384].map(contentOf)

async function library(): Promise<{ root: Uint8Array; roots: Uint8Array[]; open: (root: Uint8Array) => VerifiableBlob }> {
  const roots = CHILDREN.map((data) => hash(data))
  const sequence = encodeHashSequence(roots)
  const blobs = new Map<string, VerifiableBlob>()
  for (const data of [sequence, ...CHILDREN]) blobs.set(hexOf(hash(data)), { data, ...(await createOutboard(data)) })
  return { root: hash(sequence), roots, open: (root) => blobs.get(hexOf(root))! }
}

describe('a hash sequence', () => {
  test('is the roots, one after the other, and nothing else', () => {
    const roots = CHILDREN.map((data) => hash(data))
    const bytes = encodeHashSequence(roots)
    expect(bytes).toEqual(joined(roots))
    expect(decodeHashSequence(bytes)).toEqual(roots)
    expect(decodeHashSequence(new Uint8Array(0))).toEqual([])
    for (const length of [1, 31, 33, 127])
      expect(() => decodeHashSequence(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
    expect(() => encodeHashSequence([new Uint8Array(31)])).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
  })

  test.each([1, 1000, 1_000_000])('comes over one stream with all that it names, in pieces of %i bytes', async (length) => {
    const { root, roots, open } = await library()
    const response = await collect(encodeSequence({ root, ranges: ChunkRangesSeq.all }, open))
    const held = [encodeHashSequence(roots), ...CHILDREN].map(() => [] as number[])
    for await (const { index, offset, bytes } of decodeSequence(inPieces(response, length), { root, ranges: ChunkRangesSeq.all })) {
      expect(offset).toBe(held[index]!.length)
      held[index]!.push(...bytes)
    }
    expect(held.map((bytes) => Uint8Array.from(bytes))).toEqual([encodeHashSequence(roots), ...CHILDREN])
  })

  test('gives ranges of children alone to whoever knows their roots', async () => {
    const { root, roots, open } = await library()
    const ranges = ChunkRangesSeq.fromRanges([ChunkRanges.none, ChunkRanges.none, ChunkRanges.all, ChunkRanges.fromChunks(20, 21)])
    const response = await collect(encodeSequence({ root, ranges }, open))
    const seen: [number, number, number][] = []
    const stream = joined([response, Uint8Array.of(9)])
    const reader = createByteReader(inPieces(stream, 333))
    for await (const { index, offset, bytes } of decodeSequence(reader, { root, ranges }, { children: roots }))
      seen.push([index, offset, bytes.length])
    expect(seen).toEqual([
      [2, 0, 5],
      [3, 20 * 1024, 1024],
    ])
    expect(await reader.next()).toEqual(Uint8Array.of(9))
    await expect(collectParts(decodeSequence(response, { root, ranges }))).rejects.toMatchObject({ code: 'VERIFY_INCOMPLETE' })
    await expect(collectParts(decodeSequence(stream, { root, ranges }, { children: roots }))).rejects.toMatchObject({
      code: 'VERIFY_TRAILING',
    })
  })

  test('ends at the first byte that is wrong, in whichever blob', async () => {
    const { root, open } = await library()
    const response = await collect(encodeSequence({ root, ranges: ChunkRangesSeq.all }, open))
    for (let place = 0; place < response.length; place += 331) {
      await expect(
        collectParts(decodeSequence(flipped(response, place, 0x10), { root, ranges: ChunkRangesSeq.all })),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^VERIFY_/),
      })
    }
    await expect(
      collectParts(decodeSequence(response, { root, ranges: ChunkRangesSeq.all }, { sequenceBytesMax: 127 })),
    ).rejects.toMatchObject({
      code: 'VERIFY_TOO_LARGE',
    })
  })
})

async function collectParts(parts: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of parts) count++
  return count
}

describe('a collection', () => {
  const entries = [
    { name: 'a.txt', root: hash(Uint8Array.of(1)) },
    { name: 'photos/ä ö.jpg', root: hash(Uint8Array.of(2)) },
    { name: '', root: hash(Uint8Array.of(3)) },
  ]

  test('is metadata in postcard and a sequence that begins with its root', () => {
    const { root, sequence, metadata } = encodeCollection(entries)
    const names = entries.map(({ name }) => new TextEncoder().encode(name))
    // postcard: 13 bytes of header without a length, then a list: count, and each string behind its length.
    const expected = joined([
      new TextEncoder().encode('CollectionV0.'),
      Uint8Array.of(3),
      ...names.flatMap((name) => [Uint8Array.of(name.length), name]),
    ])
    expect(metadata).toEqual(expected)
    expect(sequence).toEqual(joined([hash(metadata), ...entries.map((entry) => entry.root)]))
    expect(root).toEqual(hash(sequence))
    expect(decodeCollection(sequence, metadata)).toEqual(entries)
    expect(decodeCollection(encodeCollection([]).sequence, encodeCollection([]).metadata)).toEqual([])
  })

  test('with many and long names comes back', () => {
    const many = Array.from({ length: 300 }, (_, i) => ({ name: `${i}/`.repeat(i), root: hash(Uint8Array.of(i & 0xff)) }))
    const { sequence, metadata } = encodeCollection(many)
    expect(decodeCollection(sequence, metadata)).toEqual(many)
  })

  test('with metadata that its sequence does not name is refused, whatever was changed', () => {
    const { sequence, metadata } = encodeCollection(entries)
    for (let place = 0; place < metadata.length; place++) {
      expect(() => decodeCollection(sequence, flipped(metadata, place))).toThrow(expect.objectContaining({ code: 'VERIFY_MISMATCH' }))
    }
    expect(() => decodeCollection(new Uint8Array(0), metadata)).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
  })

  const withMetadata =
    (metadata: Uint8Array): (() => unknown) =>
    () =>
      decodeCollection(encodeHashSequence([hash(metadata), ...entries.map(({ root }) => root)]), metadata)

  test('whose metadata is truly named but malformed is refused', () => {
    const { metadata } = encodeCollection(entries)
    for (let length = 0; length < metadata.length; length++)
      expect(withMetadata(metadata.subarray(0, length))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
    expect(withMetadata(joined([metadata, Uint8Array.of(0)]))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
    expect(withMetadata(flipped(metadata, 0))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
    expect(withMetadata(flipped(metadata, 15, 0x80))).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' })) // no UTF-8
    expect(withMetadata(encodeCollection(entries.slice(1)).metadata)).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
    const absurd = joined([metadata.subarray(0, 13), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f)])
    expect(withMetadata(absurd)).toThrow(expect.objectContaining({ code: 'VERIFY_MALFORMED' }))
  })
})
