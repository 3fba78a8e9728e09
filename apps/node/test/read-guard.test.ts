// Goal: nobody loses what he reads to whoever removes it, and nobody is given what is just being removed.
// Method: the real store and fetcher; what must happen at one moment is held there by a gate in front of one call, the rest is left to chance.
import { createBlockstore, type Blockstore, type StoredBlob } from '@selvedge/blockstore'
import { createFetcher, type Fetcher } from '@selvedge/fetcher'
import type { CID } from 'multiformats/cid'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { importFileInto } from '../src/compose/import-file.ts'
import { ReadGuard } from '../src/compose/read-guard.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

const DATA = sampleBytes(400_000, 7)
const nobody = (): boolean => false

interface World {
  readonly store: Blockstore
  readonly fetcher: Fetcher<StoredBlob>
  readonly cid: CID
  readonly root: Uint8Array
  /** Puts it in again where it is gone. */
  putIn(): Promise<void>
}

async function worldOf(): Promise<World> {
  const folder = await scratchFolder()
  const store = createBlockstore({}, { path: join(folder, 'store') })
  await store.start()
  const fetcher = createFetcher({ store, origins: [] })
  onTestFinished(async () => {
    await fetcher.stop()
    await store.stop()
  })
  const file = join(folder, 'file')
  await writeFile(file, DATA)
  const { cid, entity } = await importFileInto(store, file)
  const putIn = async (): Promise<void> => void (await importFileInto(store, file))
  return { store, fetcher, cid, root: entity.root!, putIn }
}

test('what is open by root or by CID is not removed, and when it is closed it is', async () => {
  const { store, fetcher, cid, root } = await worldOf()
  const guard = new ReadGuard({ source: fetcher, store })
  const opened = [await guard.openRoot(root), await guard.openCid(cid), await guard.openCid(cid)]
  for (const each of opened) {
    expect(await guard.remove(root, nobody)).toBe(false)
    await each!.close()
    await each!.close()
  }
  expect(await guard.remove(root, () => true)).toBe(false)
  expect(await store.has(root)).toBe(true)
  expect(await Promise.all([guard.remove(root, nobody), guard.remove(root, nobody)])).toEqual([true, false])
  expect(await guard.remove(root, nobody)).toBe(false)
})

test('what was opened while it arrived is read from the store by now, and stays until it is closed', async () => {
  const { store, fetcher, cid, root } = await worldOf()
  const source = {
    openRoot: (each: Uint8Array) => fetcher.openRoot(each),
    openTree: (each: CID) => fetcher.openTree(each),
    openCid: async (each: CID) => ({ ...(await fetcher.openCid(each)), complete: false, root: undefined }),
  }
  const guard = new ReadGuard({ source, store })
  const opened = await guard.openCid(cid)
  expect(await guard.remove(root, nobody)).toBe(false)
  expect((await opened.blocks.get(cid)).length).toBeGreaterThan(0)
  await opened.close()
  expect(await guard.remove(root, nobody)).toBe(true)
})

test('whoever opens it while the remover looks at what others are opening is seen', async () => {
  const { store, fetcher, cid, root } = await worldOf()
  const source = {
    openRoot: (each: Uint8Array) => fetcher.openRoot(each),
    openTree: (each: CID) => fetcher.openTree(each),
    openCid: () => new Promise<never>(() => {}),
  }
  const looked = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const slow = {
    delete: (each: Uint8Array) => store.delete(each),
    async entity() {
      looked.resolve()
      await gate.promise
      return undefined
    },
  }
  const guard = new ReadGuard({ source, store: slow })
  void guard.openCid(cid)
  const removing = guard.remove(root, nobody)
  await looked.promise
  const blob = await guard.openRoot(root)
  gate.resolve()
  expect(await removing).toBe(false)
  expect(Buffer.compare(await bytesOf(blob!), DATA)).toBe(0)
  await blob!.close()
})

test('whoever asks for what is just being removed waits, and finds it gone', async () => {
  const { store, fetcher, cid, root } = await worldOf()
  const gate = Promise.withResolvers<void>()
  const slow = {
    entity: (each: CID) => store.entity(each),
    async delete(each: Uint8Array) {
      await gate.promise
      return await store.delete(each)
    },
  }
  const guard = new ReadGuard({ source: fetcher, store: slow })
  const removing = guard.remove(root, nobody)
  const asked = [guard.openRoot(root), guard.openCid(cid).catch(() => undefined)]
  gate.resolve()
  expect(await removing).toBe(true)
  expect(await Promise.all(asked)).toEqual([undefined, undefined])
})

test('a removal that fails is said to whoever removes, and what is there can be read', async () => {
  const { store, fetcher, root } = await worldOf()
  const failing = { entity: (each: CID) => store.entity(each), delete: () => Promise.reject(new Error('EIO')) }
  const guard = new ReadGuard({ source: fetcher, store: failing })
  const removing = guard.remove(root, nobody)
  const opening = guard.openRoot(root)
  await expect(removing).rejects.toThrow('EIO')
  await (await opening)!.close()
})

test('a content that is opened while it is removed is either read whole or not there', async () => {
  const { store, fetcher, cid, root, putIn } = await worldOf()
  const guard = new ReadGuard({ source: fetcher, store })
  const outcomes = { read: 0, gone: 0 }
  for (let turn = 0; turn < 60; turn++) {
    await putIn()
    const byCid = async (): Promise<boolean> => {
      const opened = await guard.openCid(cid).catch(() => undefined)
      if (opened === undefined) return false
      await waits(turn % 7)
      expect((await opened.blocks.get(cid)).length).toBeGreaterThan(0)
      await opened.close()
      return true
    }
    const byRoot = async (): Promise<boolean> => {
      const blob = await guard.openRoot(root)
      if (blob === undefined) return false
      await waits(turn % 5)
      expect(Buffer.compare(await bytesOf(blob), DATA)).toBe(0)
      await blob.close()
      return true
    }
    const remove = async (): Promise<boolean> => {
      await waits(turn % 11)
      return await guard.remove(root, () => false)
    }
    const removing = turn % 2 === 0 ? remove() : undefined
    const readers = [waits(4 + (turn % 13)).then(byCid), waits(1 + (turn % 17)).then(byRoot), waits(turn % 9).then(byCid)]
    const isRemoved = await (removing ?? remove())
    for (const wasRead of await Promise.all(readers)) outcomes[wasRead ? 'read' : 'gone']++
    expect(await store.has(root)).toBe(!isRemoved)
    await guard.remove(root, () => false)
    expect(await store.has(root)).toBe(false)
  }
  expect(outcomes.read).toBeGreaterThan(0)
  expect(outcomes.gone).toBeGreaterThan(0)
})

async function bytesOf({ data, size }: Awaited<ReturnType<ReadGuard['openRoot']>> & object): Promise<Uint8Array> {
  return data instanceof Uint8Array ? data : await data.readAt(0, size)
}

/** So many turns of the queue of microtasks. */
async function waits(turns: number): Promise<void> {
  for (let i = 0; i < turns * 3; i++) await Promise.resolve()
}
