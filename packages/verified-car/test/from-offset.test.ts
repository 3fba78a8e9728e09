/** What a writer gives from an offset on: the tail of the whole, and no leaf asked for that ends before it. */
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { type BlockPort, verifyProof, writeCar, writeProof } from '../src/index.ts'
import { identityCid, putNode, putRaw } from './nodes.ts'
import { Blocks, bytesOf, collect, concat, importDirectory, importFile, joinParts, stream } from './support.ts'
import { watched } from './watched.ts'

const RAW = 0x55
const writers = { car: writeCar, proof: writeProof } as const

describe.each(['car', 'proof'] as const)('mode %s', (mode) => {
  const write = writers[mode]

  test('at each single byte of a small file, and nowhere beyond its end', async () => {
    const blocks = new Blocks()
    const root = await importFile(bytesOf(700), blocks, { chunker: fixedSize({ chunkSize: 100 }) })
    const whole = await joinParts(write(root, blocks))
    for (let fromOffset = 0; fromOffset <= whole.length; fromOffset++) {
      expect(Buffer.compare(await joinParts(write(root, blocks, { fromOffset })), whole.subarray(fromOffset))).toBe(0)
    }
    await expect(joinParts(write(root, blocks, { fromOffset: whole.length + 1 }))).rejects.toThrow(/beyond the end/)
    for (const fromOffset of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      await expect(joinParts(write(root, blocks, { fromOffset }))).rejects.toThrow(RangeError)
    }
  })

  test('inline leaves and leaves of no bytes are where they were', async () => {
    const blocks = new Blocks()
    const parts = [bytesOf(50), new Uint8Array(0), bytesOf(20, 3), bytesOf(60, 5)]
    const cids = [await putRaw(blocks, parts[0]!), await putRaw(blocks, parts[1]!), identityCid(parts[2]!), await putRaw(blocks, parts[3]!)]
    const blockSizes = parts.map(({ length }) => length)
    const root = await putNode(
      blocks,
      { type: 2, fileSize: 130, blockSizes },
      cids.map((cid) => ({ cid })),
    )
    const whole = await joinParts(write(root, blocks))
    for (let fromOffset = 0; fromOffset <= whole.length; fromOffset++) {
      expect(Buffer.compare(await joinParts(write(root, blocks, { fromOffset })), whole.subarray(fromOffset))).toBe(0)
    }
  })

  test('a node before the offset that cannot be had is an error, a leaf is not', async () => {
    const blocks = new Blocks()
    const root = await importFile(bytesOf(9_000), blocks, {
      chunker: fixedSize({ chunkSize: 1_000 }),
      layout: balanced({ maxChildrenPerNode: 3 }),
    })
    const whole = await joinParts(write(root, blocks))
    const port = watched(blocks)
    await joinParts(write(root, port))
    const [, node, leaf] = port.asked
    expect([node!.code, leaf!.code]).toEqual([0x70, RAW])
    const without = (missing: CID): BlockPort => ({
      get: async (cid) => {
        if (cid.equals(missing)) throw new Error('it is gone')
        return await blocks.get(cid)
      },
    })
    const fromOffset = whole.length - 10
    expect((await joinParts(write(root, without(leaf!), { fromOffset }))).length).toBe(10)
    await expect(joinParts(write(root, without(node!), { fromOffset }))).rejects.toThrow('it is gone')
  })
})

test('of a tree the leaves of larger files are passed over; files of one block are asked for, whose lengths nobody tells', async () => {
  const blocks = new Blocks()
  const files = { 'a-large': bytesOf(5_000), 'b-small': bytesOf(100, 2), 'c-last': bytesOf(300, 3) }
  const root = await importDirectory(files, blocks, { chunker: fixedSize({ chunkSize: 1_000 }) })
  const whole = await joinParts(writeCar(root, blocks, { scope: 'all' }))
  for (let fromOffset = 0; fromOffset <= whole.length; fromOffset += 7) {
    const tail = await joinParts(writeCar(root, blocks, { scope: 'all', fromOffset }))
    expect(Buffer.compare(tail, whole.subarray(fromOffset))).toBe(0)
  }
  const port = watched(blocks)
  await joinParts(writeCar(root, port, { scope: 'all', fromOffset: whole.length }))
  expect(port.asked.map(({ code }) => code)).toEqual([0x70, 0x70, RAW, RAW]) // both nodes, and the two files of one block
})

test('head and tail of two connections are one proof', async () => {
  const blocks = new Blocks()
  const content = bytesOf(50_000)
  const root = await importFile(content, blocks, { chunker: fixedSize({ chunkSize: 1_000 }) })
  const whole = await joinParts(writeProof(root, blocks))
  const fromOffset = 31_234
  const tail = await joinParts(writeProof(root, blocks, { fromOffset }))
  const seen = await collect(verifyProof(stream(whole.subarray(0, fromOffset), tail), root))
  expect(concat(seen.filter(({ kind, bytes }) => kind === 'file' && bytes.length === 1_000).map(({ bytes }) => bytes))).toEqual(content)
})
