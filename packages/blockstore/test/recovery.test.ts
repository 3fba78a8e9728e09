import { appendFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bytesOf, collect, partsOf, rawCidOf } from '../src/conformance-parts.ts'
import type { RecoveryEvent } from '../src/index.ts'
import { Random } from './support/random.ts'
import { useStoreFolder } from './support/store-folder.ts'
import { checkModel, Model, runWorkload } from './support/workload.ts'

const folder = useStoreFolder()

test('the index is only a view: without it the packs tell everything', async () => {
  const first = await folder.open()
  const model = new Model()
  await runWorkload(first, new Random(5), model.log, new Set(), 150)
  const before = await collect(first.list())
  await first.stop()
  await rm(join(folder.path(), 'index'), { recursive: true })
  const second = await folder.open()
  expect(await checkModel(second, model)).toEqual([])
  expect(await collect(second.list())).toEqual(before)
})

test('a pack cut at any byte keeps the records before the cut, and the tail is cut off', async () => {
  const first = await folder.open()
  const blocks = [bytesOf(50, 1), bytesOf(60, 2), bytesOf(70, 3)]
  const cids = await Promise.all(blocks.map(rawCidOf))
  for (const [i, cid] of cids.entries()) await first.putBlock(cid, blocks[i] as Uint8Array)
  await first.stop()
  const pack = join(folder.path(), 'packs', '00000001.pack')
  const whole = await readFile(pack)
  const ends = [0, 52 + 50, 2 * 52 + 110, 3 * 52 + 180]
  expect(whole.length).toBe(ends[3])
  for (let size = whole.length - 1; size >= 0; size -= 7) {
    await rm(join(folder.path(), 'index'), { recursive: true })
    await writeFile(pack, whole)
    await truncate(pack, size)
    const events: RecoveryEvent[] = []
    const store = await folder.open({ onRecovery: (event) => events.push(event) })
    const kept = ends.filter((end) => end <= size).length - 1
    for (const [i, cid] of cids.entries()) expect(await store.getBlock(cid)).toEqual(i < kept ? blocks[i] : undefined)
    await store.stop()
    const end = ends[kept] as number
    expect((await readFile(pack)).length).toBe(end)
    expect(events).toEqual(size === end ? [] : [{ type: 'truncated', pack: 1, offset: end, bytes: size - end }])
  }
})

test('any flipped bit of an unseen record ends the replay before it, and nothing of it is taken', async () => {
  const first = await folder.open()
  const blocks = [bytesOf(50, 1), bytesOf(60, 2)] as const
  const cids = await Promise.all(blocks.map(rawCidOf))
  for (const [i, cid] of cids.entries()) await first.putBlock(cid, blocks[i] as Uint8Array)
  await first.stop()
  const pack = join(folder.path(), 'packs', '00000001.pack')
  const whole = await readFile(pack)
  for (let offset = 102; offset < whole.length; offset += 5) {
    await rm(join(folder.path(), 'index'), { recursive: true })
    const torn = Uint8Array.from(whole)
    torn[offset] = (torn[offset] as number) ^ 1
    await writeFile(pack, torn)
    const store = await folder.open()
    expect(await store.getBlock(cids[0] as never)).toEqual(blocks[0])
    expect(await store.getBlock(cids[1] as never)).toBeUndefined()
    await store.putBlock(cids[1] as never, blocks[1])
    expect(await store.getBlock(cids[1] as never)).toEqual(blocks[1])
    await store.stop()
  }
})

test('damage in a pack that is not the last is said, and not cut', async () => {
  const first = await folder.open()
  const block = bytesOf(100)
  await first.putBlock(await rawCidOf(block), block)
  await first.stop()
  const packs = join(folder.path(), 'packs')
  await appendFile(join(packs, '00000001.pack'), 'not a record')
  await writeFile(join(packs, '00000002.pack'), '')
  const events: RecoveryEvent[] = []
  const second = await folder.open({ onRecovery: (event) => events.push(event) })
  expect(await second.getBlock(await rawCidOf(block))).toEqual(block)
  expect((await readFile(join(packs, '00000001.pack'))).length).toBe(152 + 12)
  await second.stop()
})

test('packs that the index has seen and that are gone are an error', async () => {
  const first = await folder.open()
  await first.put(partsOf(bytesOf(100), 100))
  await first.stop()
  await truncate(join(folder.path(), 'packs', '00000001.pack'), 10)
  await expect(folder.open()).rejects.toMatchObject({ code: 'BLOCKSTORE_DAMAGED' })
  await rm(join(folder.path(), 'packs', '00000001.pack'))
  await expect(folder.open()).rejects.toMatchObject({ code: 'BLOCKSTORE_DAMAGED' })
})

test('parts and names without a record are swept at start', async () => {
  const first = await folder.open()
  const { root } = await first.put(partsOf(bytesOf(300_000), 100_000))
  await first.stop()
  await writeFile(join(folder.path(), 'parts', 'left'), 'x')
  await writeFile(join(folder.path(), 'blobs', `${'ab'.repeat(32)}.data`), 'x')
  await writeFile(join(folder.path(), 'skeletons', `${'ab'.repeat(32)}.skel`), 'x')
  const events: RecoveryEvent[] = []
  const second = await folder.open({ onRecovery: (event) => events.push(event) })
  expect(await readdir(join(folder.path(), 'parts'))).toEqual([])
  expect((await readdir(join(folder.path(), 'blobs'))).length).toBe(2)
  expect(await readdir(join(folder.path(), 'skeletons'))).toEqual([])
  expect(events.filter(({ type }) => type === 'swept').length).toBe(2)
  expect(await second.has(root)).toBe(true)
})

test('a folder of another format is refused', async () => {
  await writeFile(join(folder.path(), 'FORMAT'), 'selvedge-blockstore 3\n')
  await expect(folder.open()).rejects.toMatchObject({ code: 'BLOCKSTORE_FORMAT' })
})
