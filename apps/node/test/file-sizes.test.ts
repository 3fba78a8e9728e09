// Goal: a file of any size says how large it is. Method: our form of a file node against `ipfs-unixfs`, which is right outside of 2^31 to 2^32 and reads all
// sizes right; and one real file of two GiB and a byte, which lies on the disk as a hole.
import { decode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFileDag } from '../src/dag/file-dag.ts'
import { encodeFileNode } from '../src/dag/file-sizes.ts'
import { scratchFolder } from './harness.ts'

const EDGES = [7n, 14n, 21n, 28n, 31n, 32n, 33n, 35n, 42n, 49n, 52n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n])

test.each([0n, 1n, ...EDGES])('a node of parts of %i bytes is written as the field writes it, and read as it was meant', (size) => {
  for (const blockSizes of [[size], [size, 1n], [262_144n, size]]) {
    const node = new UnixFS({ type: 'file', blockSizes })
    const bytes = encodeFileNode(node)
    const read = UnixFS.unmarshal(bytes)
    expect({ type: read.type, sizes: read.blockSizes }).toEqual({ type: 'file', sizes: blockSizes })
    const isMisspelt = [node.fileSize(), ...blockSizes].some((each) => each >= 2n ** 31n && each < 2n ** 32n)
    if (!isMisspelt) expect(Buffer.from(bytes)).toEqual(Buffer.from(node.marshal()))
  }
})

test('a file of two GiB and a byte declares them, under the CID of the node that does', { timeout: 300_000 }, async () => {
  const size = 2 ** 31 + 1
  const path = join(await scratchFolder(), 'film')
  const file = await open(path, 'w')
  await file.truncate(size)
  await file.close()
  const dag = createFileDag()
  const cid = await dag.build([{ path: 'film', file: path, size }], { wrap: false })
  const { Data, Links } = decode(await dag.blocks.get(cid))
  const { blockSizes } = UnixFS.unmarshal(Data!)
  expect(blockSizes.reduce((sum, each) => sum + each)).toBe(BigInt(size))
  expect(Buffer.from(Data!)).toEqual(Buffer.from(encodeFileNode(new UnixFS({ type: 'file', blockSizes }))))
  expect(Links).toHaveLength(blockSizes.length)
  expect(dag.stats).toMatchObject({ bytes: size, nodes: 1 + 2 }) // the root, 47 equal nodes of zeros, and the last one
})
