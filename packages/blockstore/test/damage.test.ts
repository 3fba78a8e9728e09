import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ChunkRanges, decode, encodeRanges, hash, verifyRanges } from '@selvedge/verified-streaming'
import { expect, test } from 'vitest'
import { bytesOf, partsOf, rawCidOf } from '../src/conformance-parts.ts'
import { blocksOf } from './support/workload.ts'
import { useStoreFolder } from './support/store-folder.ts'

const folder = useStoreFolder()

async function flip(file: string, offset: number): Promise<void> {
  const handle = await open(file, 'r+')
  const byte = new Uint8Array(1)
  await handle.read(byte, 0, 1, offset)
  await handle.write(Uint8Array.of((byte[0] as number) ^ 0x40), 0, 1, offset)
  await handle.close()
}

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

async function onlyFile(name: string, suffix: string): Promise<string> {
  const files = (await readdir(join(folder.path(), name))).filter((file) => file.endsWith(suffix))
  expect(files.length).toBe(1)
  return join(folder.path(), name, files[0] as string)
}

test.each([
  ['data', 500_000, 'blobs', '.data', 300_000],
  ['outboard', 500_000, 'blobs', '.obao4', 70],
  ['small blob', 50_000, 'packs', '.pack', 40_000],
  ['blob of one group', 900, 'packs', '.pack', 500],
])('a flipped byte of %s is noticed when its range is read, whoever checks', async (_, length, name, suffix, offset) => {
  const store = await folder.open()
  const { root } = await store.put(partsOf(bytesOf(length), 10_000))
  await flip(await onlyFile(name, suffix), offset)
  const blob = await store.open(root)
  if (blob === undefined) throw new Error('the blob is gone')
  const verdict = decode(encodeRanges(blob, ChunkRanges.all), root, { ranges: ChunkRanges.all })
  await expect(drain(verdict)).rejects.toMatchObject({ code: expect.stringMatching(/^VERIFY_/) })
  await expect(verifyRanges(blob.data, blob.outboard, root, ChunkRanges.all)).rejects.toMatchObject({
    code: expect.stringMatching(/^VERIFY_/),
  })
  await blob.close()
})

test('a flipped byte of a block is an error at read, and the other blocks are whole', async () => {
  const store = await folder.open()
  const blocks = [bytesOf(1_000, 1), bytesOf(1_000, 2)] as const
  for (const block of blocks) await store.putBlock(await rawCidOf(block), block)
  await flip(await onlyFile('packs', '.pack'), 300)
  await expect(store.getBlock(await rawCidOf(blocks[0]))).rejects.toMatchObject({ code: 'BLOCKSTORE_DAMAGED' })
  expect(await store.getBlock(await rawCidOf(blocks[1]))).toEqual(blocks[1])
})

test('a flipped byte of a file is an error for its block alone; a second put of the bytes makes it whole', async () => {
  const store = await folder.open()
  const { cid, flat, blocks } = await blocksOf(5)
  const file = store.importFile(cid)
  for (const block of blocks) await file.add(block)
  await file.commit()
  const at = Math.floor(flat.length / 2)
  await flip(await onlyFile('blobs', '.data'), at)
  for (const { cid: leaf, block, fileOffset, dataStart, dataEnd } of blocks) {
    const isHit = at >= fileOffset && at < fileOffset + dataEnd - dataStart
    const found = await store.getBlock(leaf).catch((error: { code: string }) => error.code)
    expect(found).toEqual(isHit ? 'BLOCKSTORE_DAMAGED' : block)
  }
  await store.put(partsOf(flat, 100_000))
  for (const { cid: leaf, block } of blocks) expect(await store.getBlock(leaf)).toEqual(block)
})

test('any flipped byte of a pack that the index has seen is an error or harmless, never wrong bytes', async () => {
  const store = await folder.open()
  const block = bytesOf(40)
  const cid = await rawCidOf(block)
  await store.putBlock(cid, block)
  const pack = await onlyFile('packs', '.pack')
  for (let offset = 0; offset < 16 + 2 + 34 + 40; offset++) {
    await flip(pack, offset)
    const found = await store.getBlock(cid).catch((error: { code: string }) => error.code)
    expect(offset < 52 ? found : 'BLOCKSTORE_DAMAGED').toEqual(offset < 52 ? block : found)
    await flip(pack, offset)
  }
  expect(await store.getBlock(cid)).toEqual(block)
})

test('a data file that is gone or short is forgotten at start, said, and can be put again', async () => {
  const first = await folder.open()
  const bytes = bytesOf(300_000)
  const { root } = await first.put(partsOf(bytes, 100_000))
  await first.stop()
  const handle = await open(await onlyFile('blobs', '.data'), 'r+')
  await handle.truncate(299_999)
  await handle.close()
  const events: unknown[] = []
  const second = await folder.open({ onRecovery: (event) => events.push(event) })
  expect(events).toContainEqual({ type: 'lost', root })
  expect(await second.has(root)).toBe(false)
  await second.put(partsOf(bytes, 100_000))
  expect(await (await second.open(root))?.data.readAt(0, 300_000)).toEqual(bytes)
  expect(root).toEqual(hash(bytes))
})
