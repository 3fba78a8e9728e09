import { describe, expect, test } from 'vitest'
import {
  type ByteRange,
  entriesOf,
  flatBytes,
  listEntries,
  verifyBlocks,
  verifyCar,
  verifyProof,
  writeCar,
  writeProof,
} from '../src/index.ts'
import { Blocks, bytesOf, chunked, collect, importDirectory, importFile, joinFlat, joinParts } from './support.ts'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'

const CONTENT = bytesOf(100_000)

async function sample(leafBytes = 1_000): Promise<{ blocks: Blocks; root: Awaited<ReturnType<typeof importFile>> }> {
  const blocks = new Blocks()
  const root = await importFile(CONTENT, blocks, { chunker: fixedSize({ chunkSize: leafBytes }) })
  return { blocks, root }
}

describe('a file', () => {
  test.each([1, 7, 999, 65_536, 1_000_000])('comes out of a CAR whole, in chunks of %i bytes', async (size) => {
    const { blocks, root } = await sample()
    const car = await joinParts(writeCar(root, blocks))
    expect(await joinFlat(flatBytes(verifyCar(chunked(car, size), root)))).toEqual(CONTENT)
    for await (const { fileSize } of verifyCar(chunked(car, size), root)) expect(fileSize).toBe(CONTENT.length)
  })

  test.each([[{ start: 0, end: 1 }], [{ start: 99_999 }], [{ start: 12_345, end: 54_321 }], [{ start: 1_000, end: 2_000 }]] satisfies [
    ByteRange,
  ][])('gives the range %o from a CAR of no more than its blocks', async (range: ByteRange) => {
    const { blocks, root } = await sample()
    const car = await joinParts(writeCar(root, blocks, { range, header: false }))
    const expected = CONTENT.subarray(range.start, range.end)
    expect(await joinFlat(flatBytes(verifyCar(chunked(car, 333), root, { range, header: false }), range))).toEqual(expected)
    expect(car.length).toBeLessThan(expected.length + 2_000 + 10_000)
  })

  test('comes out of a proof, whole and in ranges, which costs less than one part in a hundred of a CAR', async () => {
    const { blocks, root } = await sample()
    const proof = await joinParts(writeProof(root, blocks))
    expect(await joinFlat(flatBytes(verifyProof(chunked(proof, 4_321), root)))).toEqual(CONTENT)
    const ranges = [{ start: 5_500, end: 5_501 }, { start: 5_600, end: 7_000 }, { start: 90_000 }]
    const part = await joinParts(writeProof(root, blocks, { ranges }))
    const expected = Buffer.concat(ranges.map(({ start, end }) => CONTENT.subarray(start, end)))
    expect(await joinFlat(flatBytes(verifyProof(chunked(part, 11), root, { ranges }), ranges))).toEqual(new Uint8Array(expected))
  })

  test('that is one raw leaf is proven by its bare bytes and the size of the answer', async () => {
    const blocks = new Blocks()
    const root = await importFile(CONTENT, blocks)
    const proof = await joinParts(writeProof(root, blocks))
    expect(proof).toEqual(CONTENT)
    expect(await joinFlat(flatBytes(verifyProof(chunked(proof, 999), root, { size: CONTENT.length })))).toEqual(CONTENT)
  })

  test('comes out of single blocks, each checked', async () => {
    const { blocks, root } = await sample()
    expect(await joinFlat(flatBytes(verifyBlocks(root, blocks, { ahead: 15 })))).toEqual(CONTENT)
  })
})

describe('a directory', () => {
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`file ${index}.txt`, bytesOf(index, index)]))

  test.each([
    ['plain', {}],
    ['sharded', { shardSplitThresholdBytes: 1 }],
    ['sharded 16 ways', { shardSplitThresholdBytes: 1, shardFanoutBits: 4 }],
    ['sharded 1,024 ways', { shardSplitThresholdBytes: 1, shardFanoutBits: 10 }],
  ])('that is %s lists its entries from its blocks, a CAR and a proof', async (_, options) => {
    const blocks = new Blocks()
    const root = await importDirectory(files, blocks, options)
    const names: string[] = []
    for await (const { name, cid, size } of listEntries(root, blocks)) {
      names.push(name)
      expect(await joinFlat(flatBytes(verifyBlocks(cid, blocks)))).toEqual(files[name])
      expect(size).toBe(files[name]!.length)
    }
    expect(names.toSorted()).toEqual(Object.keys(files).toSorted())
    const fromCar: string[] = []
    for await (const { name } of entriesOf(verifyCar(chunked(await joinParts(writeCar(root, blocks)), 777), root))) fromCar.push(name)
    const fromProof: string[] = []
    for await (const { name } of entriesOf(verifyProof(chunked(await joinParts(writeProof(root, blocks)), 777), root))) fromProof.push(name)
    expect([fromCar, fromProof]).toEqual([names, names])
  })

  test('comes whole with scope all, its files included', async () => {
    const blocks = new Blocks()
    const root = await importDirectory({ 'a/b/c.bin': CONTENT, 'a/d.bin': CONTENT.subarray(7), 'e.bin': new Uint8Array(0) }, blocks, {
      shardSplitThresholdBytes: 1,
    })
    const car = await joinParts(writeCar(root, blocks, { scope: 'all' }))
    const seen = await collect(verifyCar(chunked(car, 5_000), root, { scope: 'all' }))
    expect(new Set(seen.map(({ cid }) => cid)).size).toBe(blocks.map.size)
  })
})
