/** Commits that nobody waits for share a sync, and are as durable as any once they resolve. */
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bytesOf } from '../src/conformance-parts.ts'
import { type Blockstore, createNodeFileSystem, type FileImport, type FileSystem } from '../src/index.ts'
import { useStoreFolder } from './support/store-folder.ts'

const folder = useStoreFolder()

/** A file system that counts the syncs of packs. */
function counting(): { fileSystem: FileSystem; syncs: () => number } {
  const fileSystem = createNodeFileSystem()
  let syncs = 0
  return {
    syncs: () => syncs,
    fileSystem: {
      ...fileSystem,
      async open(path, mode) {
        const file = await fileSystem.open(path, mode)
        if (!path.endsWith('.pack')) return file
        return { ...file, datasync: () => (syncs++, file.datasync()) }
      },
    },
  }
}

/** A file of one raw leaf, all of it added. */
async function arrived(store: Blockstore, seed: number): Promise<{ cid: CID; root: Uint8Array; file: FileImport }> {
  const block = bytesOf(100 + seed, seed)
  const cid = CID.createV1(0x55, await sha256.digest(block))
  const file = store.importFile(cid)
  await file.add({ cid, block, kind: 'file', fileOffset: 0, dataStart: 0, dataEnd: block.length, fileSize: block.length })
  return { cid, root: hash(block), file }
}

async function arrivedAll(store: Blockstore, count: number): Promise<Awaited<ReturnType<typeof arrived>>[]> {
  return await Promise.all(Array.from({ length: count }, (_, seed) => arrived(store, seed)))
}

// 32 files are enough for one sync; what comes while it runs shares the next.
test.each([
  [1, 1],
  [16, 1],
  [40, 2],
])('%i files whose commits may linger cost %i syncs', async (files, expected) => {
  const { fileSystem, syncs } = counting()
  const store = await folder.open({}, { fileSystem })
  const all = await arrivedAll(store, files)
  const before = syncs()
  const entities = await Promise.all(all.map(({ file }) => file.commit({ mayLinger: true })))
  expect(syncs() - before).toBe(expected)
  expect(entities.map(({ root }) => root)).toEqual(all.map(({ root }) => root))
})

test('a commit that somebody waits for does not linger, and takes along those that do', async () => {
  const { fileSystem, syncs } = counting()
  const store = await folder.open({}, { fileSystem })
  const [first, second, third] = await arrivedAll(store, 3)
  const before = syncs()
  const lingering = [first!.file.commit({ mayLinger: true }), second!.file.commit({ mayLinger: true })]
  await third!.file.commit()
  expect(syncs() - before).toBe(1)
  expect(await Promise.all([first, second, third].map(async (each) => (await store.entity(each!.cid))?.root))).toEqual(
    [first, second, third].map((each) => each!.root),
  )
  await Promise.all(lingering)
  expect(syncs() - before).toBe(1)
})

test('stop() loses nothing that lingers', async () => {
  const store = await folder.open()
  const { cid, root, file } = await arrived(store, 7)
  const committed = file.commit({ mayLinger: true })
  await setImmediate() // its records wait now: before that a stop would have ended the import
  await Promise.all([store.stop(), committed])
  const again = await folder.open()
  expect((await again.entity(cid))?.root).toEqual(root)
})
