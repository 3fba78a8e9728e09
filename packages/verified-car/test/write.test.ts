import { encode as encodeDagCbor } from '@ipld/dag-cbor'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { expect, test } from 'vitest'
import { encodeCarHeader, writeCar, writeProof } from '../src/index.ts'
import { Blocks, bytesOf, importFile } from './support.ts'

async function sample(): Promise<{ blocks: Blocks; root: CID }> {
  const blocks = new Blocks()
  return { blocks, root: await importFile(bytesOf(10_000), blocks, { chunker: fixedSize({ chunkSize: 1_000 }) }) }
}

test.each([writeCar, writeProof])('%o asks for one block ahead of its consumer, never for more', async (write) => {
  const { blocks, root } = await sample()
  let asked = 0
  const port = {
    get: (cid: CID): Promise<Uint8Array> => {
      asked++
      return blocks.get(cid)
    },
  }
  let taken = 0
  for await (const piece of write(root, port)) {
    if (write === writeCar && piece.length < 100 && taken === 0) continue // the header
    taken++
    expect(asked).toBe(Math.min(taken + 1, 11))
  }
  expect(taken).toBe(11)
})

test('a block that cannot be had fails after what comes before it was handed on, and nobody is left with a rejection', async () => {
  const { blocks, root } = await sample()
  let asked = 0
  const port = {
    get: async (cid: CID): Promise<Uint8Array> => {
      if (++asked === 4) throw new Error('the disk is gone')
      return await blocks.get(cid)
    },
  }
  let pieces = 0
  await expect(async () => {
    for await (const _ of writeProof(root, port)) pieces++
  }).rejects.toThrow('the disk is gone')
  expect(pieces).toBe(3)
  asked = 2
  for await (const _ of writeProof(root, port)) if (asked === 4) break // leaves while the failure is on its way
  expect(asked).toBe(4)
})

test.each([0, 4, 16, 17, 20, 32, 64, 128, 200, 240, 255])('the header of one root with a digest of %i bytes is its dag-cbor', (length) => {
  const root = CID.createV1(0x55, createDigest(0x12, new Uint8Array(length).fill(7)))
  for (const roots of [[root], [root, root], []]) {
    const header = encodeCarHeader(roots)
    const expected = encodeDagCbor({ roots, version: 1 })
    expect(Buffer.from(header.subarray(header.length - expected.length))).toEqual(Buffer.from(expected))
    expect(header.length).toBe(expected.length + (expected.length < 128 ? 1 : 2))
  }
})
