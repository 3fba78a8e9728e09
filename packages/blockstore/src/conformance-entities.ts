/** The part of the suite about files that arrive as blocks, and about entities. Its DAGs are made by hand: raw leaves under one node that stands for dag-pb. */
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { bytesOf, type Conformance, type With } from './conformance-parts.ts'
import type { FileBlock } from './ports.ts'

interface Arriving {
  readonly cid: CID
  readonly flat: Uint8Array
  readonly blocks: readonly FileBlock[]
}

/**
 * A file of `count` leaves. Each third leaf is framed (a wrapped leaf: bytes before and after its own), each fifth repeats the first.
 */
async function fileOf(count: number, leafBytes: number, seed: number): Promise<Arriving> {
  const leaves: { block: Uint8Array; dataStart: number; dataEnd: number }[] = []
  for (let i = 0; i < count; i++) {
    const data = bytesOf(leafBytes, seed + (i % 5 === 4 ? 0 : i))
    const isFramed = i % 3 === 2 && i % 5 !== 4
    const block = isFramed ? Uint8Array.of(8, 2, 18, ...data, 24, 7) : data
    leaves.push({ block, dataStart: isFramed ? 3 : 0, dataEnd: (isFramed ? 3 : 0) + data.length })
  }
  const size = leaves.reduce((sum, { dataStart, dataEnd }) => sum + dataEnd - dataStart, 0)
  const node = new TextEncoder().encode(`node ${seed} of ${count} leaves`)
  const root = CID.createV1(0x70, await sha256.digest(node))
  const blocks: FileBlock[] = [{ cid: root, block: node, kind: 'file', fileOffset: 0, dataStart: 0, dataEnd: 0, fileSize: size }]
  const flat = new Uint8Array(size)
  let fileOffset = 0
  for (const leaf of leaves) {
    const cid = CID.createV1(0x55, await sha256.digest(leaf.block))
    blocks.push({ cid, ...leaf, kind: 'file', fileOffset, fileSize: size })
    flat.set(leaf.block.subarray(leaf.dataStart, leaf.dataEnd), fileOffset)
    fileOffset += leaf.dataEnd - leaf.dataStart
  }
  return { cid: root, flat, blocks }
}

export function checkEntities({ test, expect }: Conformance, withStore: With): void {
  for (const [count, leafBytes] of [
    [1, 10],
    [20, 1_000],
    [30, 40_000],
  ] as const) {
    test(`a file of ${count} leaves of ${leafBytes} bytes is readable while it arrives, and whole after its commit`, () =>
      withStore({}, async (store) => {
        const { cid, flat, blocks } = await fileOf(count, leafBytes, 7)
        const file = store.importFile(cid)
        for (const block of blocks) {
          const shared = block.block.slice() // a walk hands out views of buffers that it uses again
          await file.add({ ...block, block: shared })
          shared.fill(0)
          expect(await file.getBlock(block.cid)).toEqual(block.block)
        }
        expect(await store.entity(cid)).toBeUndefined()
        expect(await store.getBlock(cid)).toBeUndefined()
        expect(await file.commit()).toMatchObject({ kind: 'file', size: flat.length, root: hash(flat) })
        await file.abort()
        expect(await store.entity(cid)).toMatchObject({ kind: 'file', size: flat.length, root: hash(flat) })
        for (const block of blocks) {
          expect(await store.getBlock(block.cid)).toEqual(block.block)
          expect(await file.getBlock(block.cid)).toEqual(block.block)
        }
        const blob = await store.open(hash(flat))
        expect(await blob?.data.readAt(0, flat.length)).toEqual(flat)
        await blob?.close()
      }))
  }
  test('files that share leaves live and go each on its own', () =>
    withStore({}, async (store) => {
      const files = [await fileOf(6, 500, 7), await fileOf(9, 500, 7), await fileOf(9, 50_000, 7)]
      for (const { cid, blocks } of files) {
        const file = store.importFile(cid)
        for (const block of blocks) await file.add(block)
        await file.commit()
      }
      const [small, large] = files as [Arriving, Arriving]
      await store.delete(hash(small.flat))
      expect(await store.entity(small.cid)).toBeUndefined()
      expect(await store.getBlock(small.cid)).toBeUndefined()
      for (const { cid, block } of large.blocks) expect(await store.getBlock(cid)).toEqual(block)
      expect(await store.entity(large.cid)).toMatchObject({ size: large.flat.length })
    }))
  test('a block that was also put on its own outlives the file', () =>
    withStore({}, async (store) => {
      const { cid, flat, blocks } = await fileOf(3, 100, 9)
      const leaf = blocks[1] as FileBlock
      await store.putBlock(leaf.cid, leaf.block)
      const file = store.importFile(cid)
      for (const block of blocks) await file.add(block)
      await file.commit()
      await store.delete(hash(flat))
      expect(await store.getBlock(leaf.cid)).toEqual(leaf.block)
      expect(await store.getBlock((blocks[2] as FileBlock).cid)).toBeUndefined()
    }))
  test('an aborted import leaves nothing, and takes nothing more', () =>
    withStore({}, async (store) => {
      const { cid, blocks } = await fileOf(30, 20_000, 3)
      const file = store.importFile(cid)
      for (const block of blocks) await file.add(block)
      await file.abort()
      await file.abort()
      await expect(file.commit()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      await expect(file.add(blocks[0] as FileBlock)).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      expect(await store.getBlock(cid)).toBeUndefined()
      for await (const _ of store.list()) throw new Error('an aborted import left a blob')
    }))
  test('blocks out of order, of another root, of another kind or too few are refused', () =>
    withStore({}, async (store) => {
      const { cid, blocks } = await fileOf(5, 100, 3)
      const [root, first, second] = blocks as [FileBlock, FileBlock, FileBlock]
      const cases: FileBlock[][] = [
        [first],
        [root, second],
        [root, first, first],
        [{ ...root, kind: 'directory' }],
        [{ ...root, dataEnd: 1e6 }],
      ]
      for (const sequence of cases) {
        const file = store.importFile(cid)
        for (const block of sequence.slice(0, -1)) await file.add(block)
        await expect(file.add(sequence.at(-1) as FileBlock)).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
        await expect(file.commit()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
        expect(await store.entity(cid)).toBeUndefined()
      }
      const short = store.importFile(cid)
      for (const block of blocks.slice(0, -1)) await short.add(block)
      await expect(short.commit()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      expect(await store.entity(cid)).toBeUndefined()
    }))
  test('a directory is an entity when its root block is here; version 0 and version 1 name the same one', () =>
    withStore({}, async (store) => {
      const block = new TextEncoder().encode('a directory')
      const v0 = CID.createV0(await sha256.digest(block))
      const v1 = v0.toV1()
      await expect(store.putEntity({ cid: v0, kind: 'directory' })).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      await store.putBlock(v0, block)
      await store.putEntity({ cid: v0, kind: 'directory' })
      await store.putEntity({ cid: v1, kind: 'directory' })
      expect(await store.entity(v1)).toMatchObject({ kind: 'directory', size: 0 })
      expect(String((await store.entity(v0))?.cid)).toBe(String(v1))
      expect(await store.entity(CID.createV1(0x55, v0.multihash))).toBeUndefined()
      await expect(store.putEntity({ cid: v0, kind: 'file' })).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
    }))
  test('an abort ends an import that nobody feeds', () =>
    withStore({}, async (store) => {
      const { cid, blocks } = await fileOf(5, 100, 3)
      const controller = new AbortController()
      const reason = new Error('enough')
      const file = store.importFile(cid, { signal: controller.signal })
      await file.add(blocks[0] as FileBlock)
      controller.abort(reason)
      await expect(file.commit()).rejects.toMatchObject({})
      expect(await store.entity(cid)).toBeUndefined()
    }))
}
