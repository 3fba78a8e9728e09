// Goal: what is deleted from packs comes back to the disk, nothing that was not deleted is lost, and nobody who reads notices.
// Method: the real store in small packs, content that comes and goes for many times its size, readers that stand still and readers that never stop.
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { rm } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { bytesOf, collect, rawCidOf } from '../src/conformance-parts.ts'
import { type Blockstore, type CompactionEvent, createBlockstore, type FileSystem, type OpenFile } from '../src/index.ts'
import { Random } from './support/random.ts'
import { SimulatedDisk, SimulatedIndex } from './support/simulated-disk.ts'
import { BLOB_BYTES, churn, contentOf, disk, PACK_BYTES, putBlob, unsynced, useSmallPacks } from './support/small-packs.ts'
import { blocksOf, checkModel, Model, runWorkload } from './support/workload.ts'

const { inFolder, openStore, packs, packBytes } = useSmallPacks()

test('content that comes and goes for eight times the quota leaves a folder of the quota and two packs, and all that is still there', async () => {
  const quotaBytes = 500_000
  const store = await openStore({ quotaBytes, packBytesMax: 50_000 })
  const here: { seed: number; root: Uint8Array }[] = []
  for (let seed = 1; seed <= 800; seed++) {
    if (here.length === 80) {
      const [gone] = here.splice((seed * 7) % 40, 1)
      await store.delete(gone!.root)
      expect(await packBytes()).toBeLessThanOrEqual(quotaBytes + 2 * 50_000)
    }
    here.push({ seed, root: await putBlob(store, seed) })
  }
  expect(store.usedBytes).toBeLessThanOrEqual(80 * (BLOB_BYTES + 100))
  for (const { seed, root } of here) expect(await contentOf(store, root)).toEqual(bytesOf(BLOB_BYTES, seed))
  expect((await collect(store.list())).length).toBe(80)
})

test('files, blocks, directories and the records of large blobs move with the rest, and an index made anew knows the same', async () => {
  const events: CompactionEvent[] = []
  const store = await openStore({ onCompaction: (event) => events.push(event) })
  const file = await blocksOf(3) // 3 is a small file, 5 a large one
  const large = await blocksOf(5)
  for (const { cid, blocks } of [file, large]) {
    const arriving = store.importFile(cid)
    for (const block of blocks) await arriving.add(block)
    await arriving.commit()
  }
  const node = new TextEncoder().encode('a directory')
  const directory = CID.createV1(0x70, await sha256.digest(node))
  await store.putBlock(directory, node)
  await store.putEntity({ cid: directory, kind: 'directory' })
  const kept = await churn(store, 1, 300, (i) => i % 10 === 0)
  expect(events.filter(({ type }) => type === 'compacted').length).toBeGreaterThan(5)
  expect(await packs()).not.toContain('00000001.pack')
  const check = async (opened: Blockstore): Promise<void> => {
    for (const { cid, flat, blocks } of [file, large]) {
      expect((await opened.entity(cid))?.root).toEqual(hash(flat))
      expect(await contentOf(opened, hash(flat))).toEqual(flat)
      for (const { cid: leaf, block } of blocks) expect(await opened.getBlock(leaf)).toEqual(block)
    }
    expect([(await opened.entity(directory))?.kind, await opened.getBlock(directory)]).toEqual(['directory', node])
    for (const [i, root] of kept) expect(await contentOf(opened, root)).toEqual(bytesOf(BLOB_BYTES, i))
    expect((await collect(opened.list())).length).toBe(kept.size + 2)
  }
  await check(store)
  const used = store.usedBytes
  await store.stop()
  const second = await openStore()
  await check(second)
  expect(second.usedBytes).toBe(used)
  await second.stop()
  await rm(inFolder('index'), { recursive: true })
  const third = await openStore()
  await check(third)
  expect(third.usedBytes).toBe(used)
  for (const { flat } of [file, large]) await third.delete(hash(flat))
  for (const { cid, blocks } of [file, large]) {
    expect(await third.entity(cid)).toBeUndefined()
    for (const { cid: leaf } of blocks) expect(await third.getBlock(leaf)).toBeUndefined()
  }
})

test('a file that was moved twice is moved a third time, and its blocks are found', async () => {
  const store = await openStore()
  const { cid, blocks } = await blocksOf(3)
  const arriving = store.importFile(cid)
  for (const block of blocks) await arriving.add(block)
  await arriving.commit()
  for (let round = 0; round < 3; round++) {
    const before = await packs()
    await churn(store, 1_000 * round, 200, () => false)
    const after = await packs()
    expect(after.filter((name) => before.includes(name))).toEqual([])
    for (const { cid: leaf, block } of blocks) expect(await store.getBlock(leaf)).toEqual(block)
  }
})

test('who holds a blob open reads on when its pack is gone, and who reads all the time finds each blob that is there', async () => {
  const store = await openStore()
  const kept = await churn(store, 1, 20, () => true)
  const [standing, root] = [...kept][0]!
  const blob = (await store.open(root))!
  let reads = 0
  let isOver = false
  const reading = async (offset: number): Promise<void> => {
    for (let at = offset; !isOver; at++) {
      const [seed, wanted] = [...kept][at % kept.size]!
      expect(Buffer.compare((await contentOf(store, wanted))!, bytesOf(BLOB_BYTES, seed))).toBe(0)
      reads++
      await setImmediate()
    }
  }
  const readers = [0, 5, 10, 15].map(reading)
  for (let round = 1; round <= 5; round++) await churn(store, 1_000 * round, 100, () => false)
  isOver = true
  await Promise.all(readers)
  expect(reads).toBeGreaterThan(20)
  expect(await packs()).not.toContain('00000001.pack')
  expect(await blob.data.readAt(0, BLOB_BYTES)).toEqual(bytesOf(BLOB_BYTES, standing))
  await blob.close()
})

test('between the look into the index and the opening of the pack it may go: the reader finds where it went', async () => {
  let before: ((path: string) => Promise<void>) | undefined
  const fileSystem: FileSystem = {
    ...disk,
    open: async (path, mode) => {
      if (mode === 'read' && path.endsWith('00000001.pack')) await before?.(path)
      return await disk.open(path, mode)
    },
  }
  const first = await openStore()
  const kept = await putBlob(first, 1)
  const block = bytesOf(300, 77)
  const cid = await rawCidOf(block)
  await first.putBlock(cid, block)
  const gone = [...(await churn(first, 100, 40, () => true)).values()]
  await first.stop()
  const store = await openStore({}, { fileSystem })
  let arrived: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => (arrived = resolve))
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  before = async () => {
    before = undefined // the readers' only: the compactor opens it as well
    arrived()
    await opened
  }
  const reads = [contentOf(store, kept), store.getBlock(cid)] // which share the opening
  await waiting
  for (const root of gone) await store.delete(root)
  await expect.poll(() => packs(), { interval: 5, timeout: 30_000 }).not.toContain('00000001.pack')
  open()
  expect(await Promise.all(reads)).toEqual([bytesOf(BLOB_BYTES, 1), block])
})

test.each([1, 2, 3])(
  'what lives is counted as it comes and goes as it is counted at the start, and from the packs alone, seed %i',
  async (seed) => {
    const first = await openStore()
    const model = new Model()
    await runWorkload(first, new Random(seed), model.log, new Set(), 200)
    const used = [first.usedBytes, first.blockBytes]
    await first.stop()
    const second = await openStore()
    expect([second.usedBytes, second.blockBytes]).toEqual(used)
    await second.stop()
    await rm(inFolder('index'), { recursive: true })
    const third = await openStore()
    expect([third.usedBytes, third.blockBytes]).toEqual(used)
    expect(await checkModel(third, model)).toEqual([])
  },
)

test('deletes and puts that run beside a compaction are neither undone nor lost', async () => {
  const store = await openStore()
  const roots = await churn(store, 1, 240, () => true)
  const again = new Set<number>()
  const worker = async (first: number): Promise<void> => {
    for (let i = first; i <= 240; i += 8) {
      if (i % 10 !== 0) await store.delete(roots.get(i)!)
      if (i % 7 === 0) {
        await putBlob(store, i) // behind its delete
        again.add(i)
      }
    }
  }
  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(worker))
  const check = async (opened: Blockstore): Promise<void> => {
    for (const [i, root] of roots)
      expect(await contentOf(opened, root)).toEqual(i % 10 === 0 || again.has(i) ? bytesOf(BLOB_BYTES, i) : undefined)
  }
  await check(store)
  expect(await packs()).not.toContain('00000001.pack')
  await store.stop()
  await rm(inFolder('index'), { recursive: true })
  await check(await openStore())
})

/** It tells what a compaction of the first pack does, from the moment in which it is opened for that. */
class WatchedDisk extends SimulatedDisk {
  readonly said: ('slice' | 'put' | 'removed')[] = []
  onCompaction: (() => Promise<void>) | undefined

  override async open(path: string, mode: 'read' | 'create' | 'append'): Promise<OpenFile> {
    const file = await super.open(path, mode)
    if (mode === 'read' && path.endsWith('00000001.pack')) {
      this.said.length = 0
      void this.onCompaction?.()
    }
    const write: OpenFile['write'] = async (offset, parts) => {
      if (parts.length > 100) this.said.push('slice')
      await file.write(offset, parts)
    }
    return { ...file, write }
  }

  override async remove(path: string): Promise<void> {
    if (path.endsWith('00000001.pack')) this.said.push('removed')
    await super.remove(path)
  }
}

async function blockOf(seed: number): Promise<{ readonly cid: CID; readonly block: Uint8Array }> {
  const block = bytesOf(40, seed)
  return { cid: await rawCidOf(block), block }
}

test('a pack of many small records is moved in slices, between which others have their turn', async () => {
  // All that this disk does is done in the same turn: what comes in a later one has its own only where the compaction gives it.
  const disk = new WatchedDisk()
  const index = new SimulatedIndex(disk)
  const components = { fileSystem: disk, openIndex: () => index, acquireLock: async () => async () => {} }
  const store = createBlockstore(components, { path: 'store', packBytesMax: PACK_BYTES })
  onTestFinished(() => store.stop())
  await store.start()
  const blocks = await Promise.all(Array.from({ length: 1_100 }, (_, i) => blockOf(i + 1)))
  await Promise.all(blocks.map(({ cid, block }) => store.putBlock(cid, block)))
  const roots = await churn(store, 1, 40, () => true)
  const late = await blockOf(5_000)
  disk.onCompaction = async () => {
    await setImmediate()
    await store.putBlock(late.cid, late.block)
    disk.said.push('put')
  }
  for (const root of roots.values()) await store.delete(root)
  await expect.poll(() => disk.said).toContain('removed')
  const said = disk.said.slice(0, disk.said.indexOf('removed'))
  expect(said.filter((each) => each === 'slice').length).toBe(3)
  expect(said.lastIndexOf('slice')).toBeGreaterThan(said.indexOf('put'))
  expect(said.indexOf('put')).toBeGreaterThan(said.indexOf('slice'))
})

test('blocks that are forgotten and come again are moved with the rest, of a pack of many too', async () => {
  const events: CompactionEvent[] = []
  const store = await openStore({ onCompaction: (event) => events.push(event) })
  const blocks = await Promise.all(Array.from({ length: 1_100 }, (_, i) => blockOf(i + 1)))
  await Promise.all(blocks.map(({ cid, block }) => store.putBlock(cid, block)))
  const roots = await churn(store, 1, 20, () => true)
  await store.forgetBlocks(0)
  expect(store.blockBytes).toBe(0)
  await Promise.all(blocks.map(({ cid, block }) => store.putBlock(cid, block)))
  await churn(store, 100, 60, () => false)
  for (const root of roots.values()) await store.delete(root)
  await expect.poll(packBytes, { interval: 5, timeout: 30_000 }).toBeLessThan(3 * PACK_BYTES)
  for (const { cid, block } of blocks) expect(Buffer.compare((await store.getBlock(cid))!, block)).toBe(0)
  expect(events.map(({ type }) => type)).not.toContain('damaged')
  expect(Math.max(...events.map((event) => (event.type === 'compacted' ? event.movedBytes : 0)))).toBeGreaterThan(600 * 92)
})

test('a delete that makes too much dead waits until some of it has come back', async () => {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  let reached: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => (reached = resolve))
  const fileSystem: FileSystem = {
    ...unsynced,
    open: async (path, mode) => {
      if (mode === 'read' && path.endsWith('00000001.pack')) {
        reached()
        await opened
      }
      return await unsynced.open(path, mode)
    },
  }
  const store = await openStore({}, { fileSystem })
  const roots = await churn(store, 1, 40, () => true)
  let deleted = 0
  const deleting = (async () => {
    for (const root of roots.values()) {
      await store.delete(root)
      deleted++
    }
  })()
  await waiting
  for (let turn = 0; turn < 100; turn++) await setImmediate()
  expect(deleted * BLOB_BYTES).toBeLessThanOrEqual(PACK_BYTES)
  open()
  await deleting
  expect(deleted).toBe(40)
})

test('blocks are forgotten though every place of a write is taken: who has it may be waiting for that', async () => {
  const store = await openStore({ writesMax: 1, waitingMax: 0 })
  for (let i = 1; i <= 30; i++) await store.putBlock(await rawCidOf(bytesOf(5_000, i)), bytesOf(5_000, i))
  const file = await blocksOf(3)
  const arriving = store.importFile(file.cid)
  await arriving.add(file.blocks[0]!)
  await expect(putBlob(store, 99)).rejects.toMatchObject({ code: 'BLOCKSTORE_BUSY' })
  await store.forgetBlocks(0)
  expect(store.blockBytes).toBe(0)
  await arriving.abort()
})

test('stop in the middle of it loses nothing, and the next start goes on', async () => {
  const store = await openStore()
  const roots = await churn(store, 1, 200, () => true)
  const deleting = [...roots]
    .filter(([i]) => i % 4 !== 0)
    .map(([, root]) => store.delete(root).catch((error: { code: string }) => error.code))
  await setImmediate()
  await store.stop()
  for (const answer of await Promise.all(deleting)) expect([true, 'BLOCKSTORE_STOPPED']).toContain(answer)
  const again = await openStore()
  for (const [i, root] of roots) if (i % 4 === 0) expect(await contentOf(again, root)).toEqual(bytesOf(BLOB_BYTES, i))
  for (const [i, root] of roots) if (i % 4 !== 0) await again.delete(root)
  await expect.poll(packBytes, { interval: 10, timeout: 30_000 }).toBeLessThan(2 * PACK_BYTES + 2 * 50 * BLOB_BYTES)
})
