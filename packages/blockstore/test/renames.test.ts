// Goal: nothing is ever moved into a store's folder or out of it. A rename on one file system is done or it is not; a move across two of them is a copy and
// a delete, which a crash leaves half done. Method: the real store on a disk that tells each rename (the port has no other verb that moves or links), over
// all that gets a name: put, imported, deleted, compacted, opened again with and without its index.
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { readdirSync, readFileSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { bytesOf, partsOf, rawCidOf } from '../src/conformance-parts.ts'
import { INLINE_BYTES_MAX, INLINE_SKELETON_BYTES_MAX } from '../src/constants.ts'
import { type Blockstore, createNodeFileSystem, type FileBlock, type FileSystem } from '../src/index.ts'
import { Random } from './support/random.ts'
import { churn, unsynced, useSmallPacks } from './support/small-packs.ts'
import { checkModel, Model, runWorkload } from './support/workload.ts'

const { inFolder, openStore, packs } = useSmallPacks()

interface Move {
  readonly source: string
  readonly target: string
  /** File systems: of what is renamed, and of the folder that it comes to. */
  readonly devices: readonly [source: number, target: number]
}

/** A disk that tells each rename before it is done. */
function telling(moves: Move[]): FileSystem {
  return {
    ...unsynced,
    rename: async (source, target) => {
      const [moved, folder] = await Promise.all([stat(source), stat(join(target, '..'))])
      moves.push({ source, target, devices: [moved.dev, folder.dev] })
      await unsynced.rename(source, target)
    },
  }
}

/** A file whose skeleton is too large for a record: its root has more bytes beside the content than that. */
async function importFramed(store: Blockstore): Promise<CID> {
  const [node, leaf] = [bytesOf(INLINE_SKELETON_BYTES_MAX + 1, 1), bytesOf(1_000, 2)]
  const cid = CID.createV1(0x70, await sha256.digest(node))
  const of = { kind: 'file', fileOffset: 0, dataStart: 0, fileSize: leaf.length }
  const blocks: readonly FileBlock[] = [
    { ...of, cid, block: node, dataEnd: 0 },
    { ...of, cid: await rawCidOf(leaf), block: leaf, dataEnd: leaf.length },
  ]
  const file = store.importFile(cid)
  for (const block of blocks) await file.add(block)
  await file.commit()
  return cid
}

test('what is renamed stays within the folder of its store, on one file system', async () => {
  const moves: Move[] = []
  const components = { fileSystem: telling(moves) }
  const first = await openStore({}, components)
  const framed = await importFramed(first)
  const { root } = await first.put(partsOf(bytesOf(INLINE_BYTES_MAX + 1, 3), 100_000))
  await churn(first, 1, 100, () => false)
  await expect.poll(packs, { interval: 5, timeout: 30_000 }).not.toContain('00000001.pack')
  const model = new Model()
  await runWorkload(first, new Random(1), model.log, new Set(), 150)
  expect(await first.delete(root)).toBe(true)
  await first.stop()
  await (await openStore({}, components)).stop()
  await rm(inFolder('index'), { recursive: true })
  const last = await openStore({}, components)
  expect((await last.getBlock(framed))?.length).toBe(INLINE_SKELETON_BYTES_MAX + 1)
  expect(await checkModel(last, model)).toEqual([])

  const inStore = (path: string): string => relative(inFolder(), path).replace(/[0-9a-f]{64}/, '*')
  expect([...new Set(moves.map(({ target }) => inStore(target)))].toSorted()).toEqual([
    'FORMAT',
    'blobs/*.data',
    'blobs/*.obao4',
    'skeletons/*.skel',
  ])
  for (const { source, devices } of moves) {
    expect(inStore(source)).toMatch(/^parts\/[^/]+$/)
    expect(devices[0]).toBe(devices[1])
  }
})

test('what the store asks of a file system moves nothing but by rename, and no source of it asks another', () => {
  const verbs = ['list', 'makeDirectory', 'open', 'remove', 'rename', 'size', 'syncDirectory']
  expect(Object.keys(createNodeFileSystem()).toSorted()).toEqual(verbs)
  const folder = join(import.meta.dirname, '../src')
  const imported = readdirSync(folder)
    .toSorted()
    .flatMap((name) => {
      const imports = readFileSync(join(folder, name), 'utf8').matchAll(/^import ([^']+) from 'node:fs(?:\/promises)?'/gm)
      return [...imports].map(([, names]) => [name, names] as const)
    })
  expect(imported).toEqual([
    ['lock.ts', '{ readFileSync }'],
    ['node-file-system.ts', '* as fs'],
  ])
})
