// Goal: a pack that the disk refuses to read keeps no other pack from being compacted, and nothing of it is lost, nor comes back that was deleted meanwhile.
// Method: the real store in small packs, on a disk that refuses to open the first one, or to give its bytes, for as long as it is told to.
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { open, rm } from 'node:fs/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { bytesOf, rawCidOf } from '../src/conformance-parts.ts'
import { LEFT_ALONE_MS } from '../src/constants.ts'
import { BlockstoreError, type CompactionEvent, type FileSystem, type OpenFile } from '../src/index.ts'
import { BLOB_BYTES, churn, contentOf, PACK_BYTES, putBlob, unsynced, useSmallPacks } from './support/small-packs.ts'
import { blocksOf } from './support/workload.ts'

const { inFolder, openStore, packs, packBytes } = useSmallPacks()
const FIRST = '00000001.pack'

interface Refusing {
  readonly fileSystem: FileSystem
  readonly events: CompactionEvent[]
  /** How often it was asked for the first pack, and refused. */
  refusals: number
  isOver: boolean
}

/** @param from - where in the first pack it begins to refuse; undefined: it cannot be opened. */
function refusing(from: number | undefined): Refusing {
  const refuse = (): never => {
    disk.refusals++
    throw new BlockstoreError('BLOCKSTORE_IO', 'EIO: i/o error, read')
  }
  const disk: Refusing = {
    events: [],
    refusals: 0,
    isOver: false,
    fileSystem: {
      ...unsynced,
      async open(path, mode) {
        if (mode !== 'read' || !path.endsWith(FIRST)) return await unsynced.open(path, mode)
        if (from === undefined && !disk.isOver) refuse()
        const file = await unsynced.open(path, mode)
        const read: OpenFile['read'] = async (offset, length, target) => {
          if (from !== undefined && !disk.isOver && offset + length > from) refuse()
          return await file.read(offset, length, target)
        }
        return { ...file, read }
      },
    },
  }
  return disk
}

const optionsOf = ({ events }: Refusing): { onCompaction: (event: CompactionEvent) => void } => ({
  onCompaction: (event) => void events.push(event),
})
const countOf = ({ events }: Refusing, type: CompactionEvent['type']): number => events.filter((event) => event.type === type).length

/** From here on the clock stands still, so much later than now. */
function passes(ms: number): void {
  const nowMs = performance.now() + ms
  const clock = vi.spyOn(performance, 'now').mockReturnValue(nowMs)
  onTestFinished(() => clock.mockRestore())
}

test.each([
  ['opened', undefined],
  ['read', 0],
])('a pack that cannot be %s is told once and left alone, and those behind it are compacted', async (_, from) => {
  const disk = refusing(from)
  const store = await openStore(optionsOf(disk), disk)
  const old = await churn(store, 1, 15, () => true)
  for (let round = 1; round <= 3; round++) await churn(store, 1_000 * round, 200, () => false)
  await expect.poll(packBytes, { interval: 10, timeout: 30_000 }).toBeLessThan(4 * PACK_BYTES)
  expect([countOf(disk, 'failed'), disk.refusals]).toEqual([1, 1])
  expect(countOf(disk, 'compacted')).toBeGreaterThan(20)
  expect(await packs()).toContain(FIRST)
  for (const root of old.values()) expect(await store.has(root)).toBe(true)
  disk.isOver = true
  for (const [i, root] of old) expect(await contentOf(store, root)).toEqual(bytesOf(BLOB_BYTES, i))
  await store.stop()
  const next = await openStore(optionsOf(disk), disk)
  await churn(next, 5_000, 100, () => false)
  await expect.poll(packs, { interval: 10, timeout: 30_000 }).not.toContain(FIRST)
  for (const [i, root] of old) expect(await contentOf(next, root)).toEqual(bytesOf(BLOB_BYTES, i))
})

test('it is tried again ten minutes later, and told no more than once', async () => {
  const disk = refusing(0)
  const store = await openStore(optionsOf(disk), disk)
  const old = await churn(store, 1, 15, () => true)
  await churn(store, 1_000, 200, () => false)
  passes(LEFT_ALONE_MS)
  await churn(store, 2_000, 100, () => false)
  expect([disk.refusals, countOf(disk, 'failed')]).toEqual([2, 1])
  disk.isOver = true
  await churn(store, 3_000, 100, () => false)
  expect(await packs()).toContain(FIRST)
  passes(LEFT_ALONE_MS)
  await churn(store, 4_000, 100, () => false)
  await expect.poll(packs, { interval: 10, timeout: 30_000 }).not.toContain(FIRST)
  for (const [i, root] of old) expect(await contentOf(store, root)).toEqual(bytesOf(BLOB_BYTES, i))
})

test('what was moved out of it before the disk refused is there once, and what follows is there when it can be read', async () => {
  const [blobBytes, packBytesMax] = [200_000, 3_000_000]
  const disk = refusing(2_100_000)
  const store = await openStore({ ...optionsOf(disk), packBytesMax }, disk)
  const roots: Uint8Array[] = []
  for (let i = 1; i <= 45; i++) roots.push(await putBlob(store, i, blobBytes))
  const [kept, gone] = [roots.slice(0, 15), roots.slice(15)]
  for (const root of gone) await store.delete(root)
  await expect.poll(() => countOf(disk, 'compacted'), { interval: 10, timeout: 30_000 }).toBeGreaterThan(0)
  expect(countOf(disk, 'failed')).toBe(1)
  expect(await packs()).toContain(FIRST)
  expect(await contentOf(store, kept[0]!)).toEqual(bytesOf(blobBytes, 1)) // it stands elsewhere by now
  expect(store.usedBytes).toBeLessThan(15 * (blobBytes + 2_000))
  disk.isOver = true
  for (const [i, root] of kept.entries()) expect(Buffer.compare((await contentOf(store, root))!, bytesOf(blobBytes, i + 1))).toBe(0)
  const used = store.usedBytes
  await store.stop()
  await rm(inFolder('index'), { recursive: true })
  const next = await openStore({ packBytesMax })
  for (const [i, root] of kept.entries()) expect(Buffer.compare((await contentOf(next, root))!, bytesOf(blobBytes, i + 1))).toBe(0)
  for (const root of gone) expect(await next.has(root)).toBe(false)
  expect(next.usedBytes).toBe(used)
})

test('what is deleted while it is left alone stays deleted, though the index is lost and the pack can be read again', async () => {
  const disk = refusing(0)
  const store = await openStore(optionsOf(disk), disk)
  const old = await churn(store, 1, 12, () => true)
  const file = await blocksOf(3)
  const arriving = store.importFile(file.cid)
  for (const each of file.blocks) await arriving.add(each)
  const { root: fileRoot } = await arriving.commit()
  const deleted = [...old.keys()].filter((i) => i % 2 === 0)
  await churn(store, 500, 30, () => false) // what follows stands in another pack
  for (const i of deleted) await store.delete(old.get(i)!)
  await store.delete(fileRoot!)
  await putBlob(store, 2) // again
  const before = await packs()
  for (let round = 1; round <= 3; round++) await churn(store, 1_000 * round, 200, () => false)
  const still = async (): Promise<string[]> => (await packs()).filter((name) => before.includes(name))
  await expect.poll(still, { interval: 10, timeout: 30_000 }).toEqual([FIRST]) // the packs of those deletes are gone
  await store.delete(old.get(11)!)
  const used = store.usedBytes
  await store.stop()
  await rm(inFolder('index'), { recursive: true })
  const again = await openStore()
  for (const [i, root] of old) {
    const isHere = i === 2 || !(deleted.includes(i) || i === 11)
    expect(await contentOf(again, root)).toEqual(isHere ? bytesOf(BLOB_BYTES, i) : undefined)
  }
  expect([await again.entity(file.cid), await again.has(fileRoot!), again.usedBytes]).toEqual([undefined, false, used])
})

test('of blocks those behind it are forgotten, and who wants more is told what the disk said, without a try of it or of the others', async () => {
  const disk = refusing(0)
  const store = await openStore(optionsOf(disk), disk)
  const blocks = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => ({ block: bytesOf(BLOB_BYTES, i + 1), cid: await rawCidOf(bytesOf(BLOB_BYTES, i + 1)) })),
  )
  for (const { cid, block } of blocks) await store.putBlock(cid, block)
  await churn(store, 1_000, 30, () => true) // what lives, and would be written again
  const all = store.blockBytes
  await store.forgetBlocks(all / 2)
  expect(store.blockBytes).toBeLessThanOrEqual(all / 2)
  expect([countOf(disk, 'failed'), disk.refusals]).toEqual([1, 1])
  await expect(store.forgetBlocks(0)).rejects.toMatchObject({ code: 'BLOCKSTORE_IO' })
  const gone = [await packs(), countOf(disk, 'compacted')]
  await expect(store.forgetBlocks(0)).rejects.toMatchObject({ code: 'BLOCKSTORE_IO' })
  expect([await packs(), countOf(disk, 'compacted')]).toEqual(gone) // nothing was written again for nothing
  expect([countOf(disk, 'failed'), disk.refusals]).toEqual([1, 1])
  const standing = store.blockBytes
  expect(standing).toBeGreaterThan(PACK_BYTES / 2)
  expect(standing).toBeLessThan(2 * PACK_BYTES) // those of the first pack
  disk.isOver = true
  for (const { cid, block } of blocks.slice(0, 10)) expect(await store.getBlock(cid)).toEqual(block)
  passes(LEFT_ALONE_MS)
  await store.forgetBlocks(0)
  expect([store.blockBytes, (await packs()).includes(FIRST)]).toEqual([0, false])
})

test('a pack behind it in which a byte went bad waits for it, since what that deletes is not known; the others do not', async () => {
  const first = await openStore()
  const old = await churn(first, 1, 60, () => true)
  const node = new TextEncoder().encode('a directory')
  const cid = CID.createV1(0x70, await sha256.digest(node))
  await first.putBlock(cid, node)
  await first.stop()
  const handle = await open(inFolder('packs', '00000002.pack'), 'r+')
  await handle.write(Uint8Array.of(1, 2, 3), 0, 3, 3 * (BLOB_BYTES + 57) + 4)
  await handle.close()
  const disk = refusing(0)
  const store = await openStore(optionsOf(disk), disk)
  for (let round = 1; round <= 3; round++) await churn(store, 1_000 * round, 200, () => false)
  expect([countOf(disk, 'failed'), countOf(disk, 'damaged')]).toEqual([1, 1])
  expect(await packs()).toEqual(expect.arrayContaining([FIRST, '00000002.pack']))
  expect(await packs()).not.toContain('00000003.pack')
  disk.isOver = true
  const check = async (): Promise<void> => {
    for (const [i, root] of old) expect(await contentOf(store, root)).toEqual(bytesOf(BLOB_BYTES, i))
    expect(await store.getBlock(cid)).toEqual(node)
  }
  await check()
  passes(LEFT_ALONE_MS)
  await churn(store, 5_000, 200, () => false)
  await expect.poll(packs, { interval: 10, timeout: 30_000 }).not.toContain('00000002.pack')
  expect(await packs()).not.toContain(FIRST)
  await check()
})
