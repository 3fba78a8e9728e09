/** How much of a tree waits for a disk that does not answer. */
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { rawCidOf } from '../src/conformance-parts.ts'
import { createNodeFileSystem, type FileSystem, type TreeBlock } from '../src/index.ts'
import { useStoreFolder } from './support/store-folder.ts'

const folder = useStoreFolder()
const COUNT = 20_000

/** A disk whose syncs wait from `close` on until `open`. */
function gatedDisk(): { fileSystem: FileSystem; close: () => void; open: () => void; asked: Promise<void> } {
  const inner = createNodeFileSystem()
  let gate = Promise.resolve()
  let open: () => void = () => undefined
  let ask: () => void = () => undefined
  const asked = new Promise<void>((resolve) => (ask = resolve))
  const fileSystem: FileSystem = {
    ...inner,
    open: async (path, mode) => {
      const file = await inner.open(path, mode)
      const datasync = async (): Promise<void> => {
        ask()
        await gate
        await file.datasync()
      }
      return { ...file, datasync }
    },
  }
  return { fileSystem, close: () => void (gate = new Promise<void>((resolve) => (open = resolve))), open: () => open(), asked }
}

const place = { depth: 1, isEntityRoot: true, fileOffset: 0, dataStart: 0 } as const

async function fileOf(i: number): Promise<TreeBlock> {
  const block = Uint8Array.of(i, i >> 8)
  return { ...place, cid: await rawCidOf(block), block, kind: 'file', dataEnd: 2, fileSize: 2 }
}

async function inlineOf(i: number): Promise<TreeBlock> {
  const block = Uint8Array.of(0x19, i >> 8, i) // a number in CBOR
  return { ...place, cid: CID.createV1(0x71, identity.digest(block)), block, kind: 'other', dataEnd: 0, fileSize: undefined }
}

test.each([
  ['files of two bytes', fileOf],
  ['nodes that stand in their links', inlineOf],
])('a tree of %s waits for the disk before much of it is held, and is whole when the disk answers', async (_, blockOf) => {
  const disk = gatedDisk()
  const store = await folder.open({}, { fileSystem: disk.fileSystem })
  const root = Uint8Array.of(0xa0)
  const top: TreeBlock = { ...(await inlineOf(0)), cid: await rawCidOf(root), block: root, depth: 0 }
  const blocks = await Promise.all(Array.from({ length: COUNT }, (_unused, i) => blockOf(i)))
  const tree = store.importTree(top.cid)
  disk.close()
  await tree.add(top)
  await disk.asked
  let taken = 0
  const adding = (async () => {
    for (const block of blocks) {
      await tree.add(block)
      taken++
    }
  })()
  for (let before = -1; before < taken; ) {
    before = taken
    for (let turns = 0; turns < 50; turns++) await turn() // nothing but the disk is waited for: each turn takes all it can
  }
  const takenMax = taken
  disk.open()
  expect(takenMax).toBeLessThan(COUNT / 2)
  await adding
  await tree.commit()
  for (const { cid } of [blocks[0]!, blocks[COUNT / 2]!, blocks.at(-1)!]) expect(await store.entity(cid)).toBeDefined()
})
