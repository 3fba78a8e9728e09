// Goal: a bad byte, a cut pack, a full disk or an older version costs what it took, and keeps no pack from being compacted.
// Method: the real store in small packs, whose files are changed between two lives or whose disk refuses.
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { open, rm, truncate, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { bytesOf, collect, rawCidOf } from '../src/conformance-parts.ts'
import { INLINE_BYTES_MAX } from '../src/constants.ts'
import { type Blockstore, BlockstoreError, type CompactionEvent, createLmdbIndex, type FileSystem } from '../src/index.ts'
import { BLOB_BYTES, churn, contentOf, disk, PACK_BYTES, putBlob, useSmallPacks } from './support/small-packs.ts'
import { blocksOf } from './support/workload.ts'

const { inFolder, openStore, packs, packBytes } = useSmallPacks()

test.each([
  ['a byte of a content', 1_000],
  ['a byte of a head', 4],
])('%s that went bad is said, costs nothing but itself, and does not keep its pack from being compacted', async (_, at) => {
  const first = await openStore()
  const old = await churn(first, 1, 15, () => true)
  const block = bytesOf(2_000, 99)
  const cid = await rawCidOf(block)
  await first.putBlock(cid, block)
  const file = await blocksOf(3)
  const arriving = first.importFile(file.cid)
  for (const each of file.blocks) await arriving.add(each)
  await arriving.commit()
  const directory = CID.createV1(0x70, cid.multihash)
  await first.putEntity({ cid: directory, kind: 'directory' })
  await first.stop()
  const pack = inFolder('packs', '00000001.pack')
  const handle = await open(pack, 'r+')
  const fourth = 3 * (BLOB_BYTES + 57)
  await handle.write(Uint8Array.of(1, 2, 3), 0, 3, fourth + at)
  await handle.close()
  const events: CompactionEvent[] = []
  const options = { onCompaction: (event: CompactionEvent) => events.push(event) }
  const second = await openStore(options)
  for (const [i, root] of old) if (i > 10) await second.delete(root)
  await churn(second, 1_000, 200, () => false)
  expect(events.filter(({ type }) => type === 'damaged')).toEqual([{ type: 'damaged', pack: 1, offset: fourth }])
  expect(events.filter(({ type }) => type === 'failed')).toEqual([])
  expect(await packs()).not.toContain('00000001.pack')
  const check = async (store: Blockstore): Promise<void> => {
    for (const [i, root] of old) {
      const found = await contentOf(store, root)
      if (i > 10) expect(found).toBeUndefined()
      else if (i !== 4 || at < 57) expect(found).toEqual(bytesOf(BLOB_BYTES, i))
      else expect(hash(found!)).not.toEqual(root)
    }
    expect([await store.getBlock(cid), (await store.entity(directory))?.kind]).toEqual([block, 'directory'])
    for (const { cid: leaf, block: bytes } of file.blocks) expect(await store.getBlock(leaf)).toEqual(bytes)
  }
  await check(second)
  await second.stop()
  await rm(inFolder('index'), { recursive: true })
  await check(await openStore(options))
})

/** A store whose first pack is full of small blocks, and has a head that went bad near its beginning; 60 blobs follow. */
async function damagedBlocks(): Promise<{
  readonly blocks: readonly { readonly cid: CID; readonly block: Uint8Array }[]
  readonly roots: ReadonlyMap<number, Uint8Array>
}> {
  const first = await openStore()
  const blocks = await Promise.all(
    Array.from({ length: 1_100 }, async (_, i) => ({ block: bytesOf(40, i + 1), cid: await rawCidOf(bytesOf(40, i + 1)) })),
  )
  await Promise.all(blocks.map(({ cid, block }) => first.putBlock(cid, block)))
  const roots = await churn(first, 1, 60, () => true)
  await first.stop()
  const handle = await open(inFolder('packs', '00000001.pack'), 'r+')
  await handle.write(Uint8Array.of(1, 2, 3), 0, 3, 100)
  await handle.close()
  return { blocks, roots }
}

test('of a pack with a bad byte no more blocks are forgotten than have to be', async () => {
  const { blocks } = await damagedBlocks()
  const store = await openStore()
  await store.forgetBlocks(50_000)
  expect(await packs()).not.toContain('00000001.pack')
  expect(store.blockBytes).toBeLessThanOrEqual(50_000)
  expect(store.blockBytes).toBeGreaterThan(50_000 - 100)
  const here = await Promise.all(blocks.map(async ({ cid }) => (await store.getBlock(cid)) !== undefined))
  expect(here.filter(Boolean).length * 92).toBe(store.blockBytes) // 40 bytes, 34 of multihash and 18 of a head
})

test('what follows a bad byte is written again in slices that have a sync each, and who waits goes on after one of them', async () => {
  const { blocks, roots } = await damagedBlocks()
  const goes = Promise.withResolvers<void>()
  let [isOpen, syncs] = [false, 0]
  const fileSystem: FileSystem = {
    ...disk,
    async open(path, mode) {
      if (mode === 'read' && path.endsWith('00000001.pack')) isOpen = true
      const datasync = async (): Promise<void> => void (isOpen && syncs++)
      return { ...(await disk.open(path, mode)), datasync }
    },
    async remove(path) {
      if (path.endsWith('00000001.pack')) await goes.promise
      isOpen = false
      await disk.remove(path)
    },
  }
  const second = await openStore({}, { fileSystem })
  let hasGoneOn = false
  const deleting = (async () => {
    for (const root of roots.values()) {
      await second.delete(root)
      if (isOpen) break
    }
    hasGoneOn = true
  })()
  try {
    await expect.poll(() => hasGoneOn, { interval: 5, timeout: 30_000 }).toBe(true) // after a slice: the pack is still there
  } finally {
    goes.resolve()
    await deleting
  }
  await expect.poll(packs, { interval: 5, timeout: 30_000 }).not.toContain('00000001.pack')
  expect(syncs).toBe(1 + 3) // of what is before it, and of three slices
  for (const { cid, block } of blocks) expect(await second.getBlock(cid)).toEqual(block)
})

test('of a pack that was cut short what is not there any more is forgotten, and the rest is as it was', async () => {
  const first = await openStore()
  const old = await churn(first, 1, 40, () => true)
  const [block, cid] = [bytesOf(2_000, 99), await rawCidOf(bytesOf(2_000, 99))]
  await first.stop()
  await truncate(inFolder('packs', '00000001.pack'), 3 * (BLOB_BYTES + 57) + 1_000)
  const second = await openStore()
  await second.putBlock(cid, block)
  for (const [i, root] of old) if (i > 20) await second.delete(root)
  await churn(second, 1_000, 100, () => false)
  expect(await packs()).not.toContain('00000001.pack')
  for (const [i, root] of old) expect(await contentOf(second, root)).toEqual(i <= 3 ? bytesOf(BLOB_BYTES, i) : undefined)
  expect(await second.getBlock(cid)).toEqual(block)
})

test('a file whose skeleton was cut off is one no more, and its bytes stay what they are by their root', async () => {
  const first = await openStore()
  const old = await churn(first, 1, 3, () => true)
  const file = await blocksOf(5)
  const arriving = first.importFile(file.cid)
  for (const each of file.blocks) await arriving.add(each)
  await arriving.commit()
  const root = hash(file.flat)
  const before = await contentOf(first, root)
  await churn(first, 500, 40, () => true) // the first pack is closed
  expect(before!.length).toBeGreaterThan(INLINE_BYTES_MAX) // in a file of its own: the pack holds its skeleton alone
  await first.stop()
  await truncate(inFolder('packs', '00000001.pack'), 3 * (BLOB_BYTES + 57) + 200)
  const second = await openStore()
  for (const each of old.values()) await second.delete(each)
  await churn(second, 1_000, 100, () => false)
  expect(await packs()).not.toContain('00000001.pack')
  expect([await second.entity(file.cid), await contentOf(second, root)]).toEqual([undefined, before])
})

test('a disk that takes no more bytes hinders compaction and no delete, and it goes on when there is room', async () => {
  let isFull = false
  const fileSystem: FileSystem = {
    ...disk,
    open: async (path, mode) => {
      const file = await disk.open(path, mode)
      const write: typeof file.write = async (offset, parts) => {
        const bytes = parts.reduce((sum, part) => sum + part.length, 0)
        if (isFull && bytes > 1_000) throw new BlockstoreError('BLOCKSTORE_IO', 'no space left on device')
        await file.write(offset, parts)
      }
      return { ...file, write }
    },
  }
  const events: CompactionEvent[] = []
  const store = await openStore({ onCompaction: (event) => events.push(event) }, { fileSystem })
  const roots = await churn(store, 1, 100, () => true)
  isFull = true
  for (const [i, root] of roots) if (i % 5 !== 0) expect(await store.delete(root)).toBe(true)
  expect(events.filter(({ type }) => type === 'failed').length).toBeGreaterThan(0)
  for (const [i, root] of roots) expect(await store.has(root)).toBe(i % 5 === 0)
  isFull = false
  expect(await store.delete(roots.get(5)!)).toBe(true)
  await expect.poll(packBytes, { interval: 10, timeout: 30_000 }).toBeLessThan(2 * PACK_BYTES + 20 * BLOB_BYTES)
  for (const [i, root] of roots) expect(await contentOf(store, root)).toEqual(i % 5 === 0 && i !== 5 ? bytesOf(BLOB_BYTES, i) : undefined)
})

test('a store of the version before is opened, is of this version then, and gives back what is dead in it', async () => {
  /** An index as that version wrote it: of what has no content in its pack it does not say where the record is. */
  const openIndex = (path: string): ReturnType<typeof createLmdbIndex> => {
    const index = createLmdbIndex(path)
    return {
      ...index,
      apply: (batch) =>
        index.apply(
          batch.map((op) => {
            const { table, value } = op
            if (value === undefined) return op
            if (table === 'entities' && value[0] !== 0) return { ...op, value: value.slice(0, 1) }
            const at = table === 'blobs' ? 8 : table === 'files' ? 48 : undefined
            return at === undefined || value[at] !== 0 ? op : { ...op, value: value.slice().fill(0, at + 1, at + 9) }
          }),
        ),
    }
  }
  const first = await openStore({}, { openIndex })
  const largeRoot = await putBlob(first, 500, 300_000)
  const node = new TextEncoder().encode('a directory')
  const cid = CID.createV1(0x70, await sha256.digest(node))
  await first.putBlock(cid, node)
  await first.putEntity({ cid, kind: 'directory' })
  const roots = await churn(first, 1, 60, () => true)
  await first.stop()
  await writeFile(inFolder('FORMAT'), 'selvedge-blockstore 1\n')
  const second = await openStore()
  for (const root of roots.values()) await second.delete(root)
  await churn(second, 1_000, 200, () => false)
  expect(await packs()).not.toContain('00000001.pack')
  await second.stop()
  await rm(inFolder('index'), { recursive: true })
  const third = await openStore()
  expect([(await third.entity(cid))?.kind, await third.getBlock(cid)]).toEqual(['directory', node])
  expect(Buffer.compare((await contentOf(third, largeRoot))!, bytesOf(300_000, 500))).toBe(0)
  expect((await collect(third.list())).length).toBe(1)
})
