import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { hash, ChunkRanges, encodeRanges, decode } from '@selvedge/verified-streaming'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBlockstore } from '../src/index.ts'

let path: string
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'selvedge-blockstore-'))
})
afterEach(() => rm(path, { recursive: true }))

async function* of(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255)

test.each([0, 1, 16_384, 16_385, 262_144, 262_145, 5_000_000])(
  'a blob of %i bytes is there after a restart, and its ranges verify',
  async (length) => {
    const bytes = bytesOf(length)
    const first = createBlockstore({}, { path })
    await first.start()
    const { root, size } = await first.put(of(bytes))
    expect(root).toEqual(hash(bytes))
    expect(size).toBe(length)
    await first.stop()
    const second = createBlockstore({}, { path })
    await second.start()
    const blob = await second.open(root)
    expect(blob).toBeDefined()
    const ranges = ChunkRanges.fromByteRanges([{ start: Math.floor(length / 2), end: length }])
    const parts: Uint8Array[] = []
    for await (const part of decode(encodeRanges(blob!, ranges), root, { ranges })) parts.push(part.bytes.slice())
    expect(Buffer.concat(parts).length).toBeGreaterThanOrEqual(Math.ceil(length / 2))
    await blob!.close()
    expect(await second.delete(root)).toBe(true)
    expect(await second.open(root)).toBeUndefined()
    await second.stop()
  },
)

test('blocks and a file', async () => {
  const store = createBlockstore({}, { path })
  await store.start()
  const leaf = bytesOf(1000)
  const cid = CID.createV1(0x55, await sha256.digest(leaf))
  await store.putBlock(cid, leaf)
  expect(await store.getBlock(cid)).toEqual(leaf)
  const leaf2 = bytesOf(300_000)
  const cid2 = CID.createV1(0x55, await sha256.digest(leaf2))
  const file = store.importFile(cid2)
  await file.add({ cid: cid2, block: leaf2, kind: 'file', fileOffset: 0, dataStart: 0, dataEnd: leaf2.length, fileSize: leaf2.length })
  expect(await file.getBlock(cid2)).toEqual(leaf2)
  const entity = await file.commit()
  expect(entity.root).toEqual(hash(leaf2))
  expect(await store.getBlock(cid2)).toEqual(leaf2)
  expect(await file.getBlock(cid2)).toEqual(leaf2)
  await store.stop()
})
