/** The part of the suite about whole DAGs that arrive as one stream of blocks. The DAG is made by hand; its nodes stand for dag-pb. */
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import { bytesOf, type Conformance, collect, rawCidOf, type With } from './conformance-parts.ts'
import type { Blockstore, EntityKind, TreeBlock, TreeImport } from './ports.ts'

interface Made {
  readonly cid: CID
  readonly kind: EntityKind
  /** Of a file. */
  readonly flat?: Uint8Array
  readonly blocks: readonly TreeBlock[]
  /** Place in the stream of the last of its own blocks; of a sharded directory, of the last one below it. */
  last: number
}

interface MadeTree {
  readonly cid: CID
  readonly blocks: readonly TreeBlock[]
  readonly entities: readonly Made[]
}

const nodeBytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function nodeOf(text: string, kind: TreeBlock['kind'], depth: number, isEntityRoot = true): Promise<TreeBlock> {
  const block = nodeBytes(text)
  const cid = CID.createV1(0x70, await sha256.digest(block))
  return { cid, block, kind, depth, isEntityRoot, fileOffset: 0, dataStart: 0, dataEnd: 0, fileSize: undefined }
}

/** A raw leaf that is a file, or a node with leaves of `leafBytes`, of which every third has a frame and every fifth repeats the first. */
async function fileOf(size: number, leafBytes: number, depth: number, seed: number): Promise<Made> {
  if (size <= leafBytes) {
    const block = bytesOf(size, seed)
    const cid = await rawCidOf(block)
    const only = { cid, block, kind: 'file', depth, isEntityRoot: true, fileOffset: 0, dataStart: 0, dataEnd: size, fileSize: size }
    return { cid, kind: 'file', flat: block, blocks: [only], last: 0 }
  }
  const root = { ...(await nodeOf(`a file of ${size} bytes, ${seed}`, 'file', depth)), fileSize: size }
  const blocks: TreeBlock[] = [root]
  const flat = new Uint8Array(size)
  for (let offset = 0, leaf = 0; offset < size; offset += leafBytes, leaf++) {
    const length = Math.min(leafBytes, size - offset)
    const data = bytesOf(length, seed + (leaf % 5 === 4 ? 0 : leaf))
    const isFramed = leaf % 3 === 2 && leaf % 5 !== 4
    const block = isFramed ? Uint8Array.of(8, 2, 18, ...data, 24, 7) : data
    const dataStart = isFramed ? 3 : 0
    const place = { depth: depth + 1, isEntityRoot: false, fileOffset: offset, dataStart, dataEnd: dataStart + length, fileSize: size }
    blocks.push({ cid: await rawCidOf(block), block, kind: 'file', ...place })
    flat.set(data, offset)
  }
  return { cid: root.cid as CID, kind: 'file', flat, blocks, last: 0 }
}

/** A sharded directory with a shard below, a plain one with a symlink and a repeated file, small, empty, inline and large files, and another node. */
async function treeOf(): Promise<MadeTree> {
  const small = await fileOf(100, 1_000, 1, 1)
  const repeated = { ...small, blocks: small.blocks.map((block) => ({ ...block, depth: 3 })) }
  const inlineBytes = Uint8Array.of(5, 5, 5)
  const inline = CID.createV1(0x55, identity.digest(inlineBytes))
  const single = async (kind: TreeBlock['kind'], depth: number): Promise<Made> => {
    const block = await nodeOf(`a ${kind} at ${depth}`, kind, depth)
    return { cid: block.cid as CID, kind: kind === 'shard' ? 'directory' : (kind as EntityKind), blocks: [block], last: 0 }
  }
  const inlineBlock = {
    cid: inline,
    block: inlineBytes,
    kind: 'file',
    depth: 1,
    isEntityRoot: true,
    fileOffset: 0,
    dataStart: 0,
    dataEnd: 3,
    fileSize: 3,
  }
  const top = await single('shard', 0)
  const parts: (Made | TreeBlock)[] = [
    top,
    small,
    await nodeOf('a shard below', 'shard', 1, false),
    await fileOf(20_000, 1_000, 2, 3),
    await single('directory', 2),
    await single('symlink', 3),
    repeated,
    await fileOf(0, 1_000, 1, 9),
    { cid: inline, kind: 'file', flat: inlineBytes, blocks: [inlineBlock], last: 0 },
    await fileOf(700_000, 100_000, 1, 11),
    await single('other', 1),
    await fileOf(250_000, 300, 1, 12),
  ]
  const blocks: TreeBlock[] = []
  const entities: Made[] = []
  for (const part of parts) {
    if (!('blocks' in part)) blocks.push(part)
    else {
      blocks.push(...part.blocks)
      part.last = blocks.length - 1
      if (part !== repeated) entities.push(part)
    }
  }
  top.last = blocks.length - 1
  return { cid: top.cid, blocks, entities }
}

/** As a walk does, out of a buffer that is used again. */
async function addAll(tree: TreeImport, blocks: readonly TreeBlock[]): Promise<void> {
  for (const block of blocks) {
    const shared = block.block.slice()
    await tree.add({ ...block, block: shared })
    shared.fill(0xee)
  }
}

export function checkTrees(conformance: Conformance, withStore: With): void {
  const { test, expect } = conformance
  const isWhole = async (store: Blockstore, { cid, kind, flat, blocks }: Made): Promise<void> => {
    expect(await store.entity(cid)).toMatchObject({ kind, size: flat?.length ?? 0, ...(flat === undefined ? {} : { root: hash(flat) }) })
    for (const block of blocks) expect(await store.getBlock(block.cid)).toEqual(block.block)
    if (flat === undefined) return
    const blob = await store.open(hash(flat))
    expect(await blob?.data.readAt(0, flat.length)).toEqual(flat)
    await blob?.close()
  }
  test('each file, directory, symlink and other node of a tree is an entity as if it had come by itself', () =>
    withStore({}, async (store) => {
      const { cid, blocks, entities } = await treeOf()
      const tree = store.importTree(cid)
      await addAll(tree, blocks)
      await tree.commit()
      await tree.abort()
      for (const entity of entities) await isWhole(store, entity)
      const roots = entities.flatMap(({ flat }) => (flat === undefined ? [] : [hash(flat).join()]))
      expect((await collect(store.list())).map(({ root }) => root.join()).sort()).toEqual(roots.sort())
    }))
  test('every block of a tree that has come can be read, from the import or from the store', () =>
    withStore({}, async (store) => {
      const { cid, blocks } = await treeOf()
      const tree = store.importTree(cid)
      for (const [place, block] of blocks.entries()) {
        await tree.add(block)
        for (const before of blocks.slice(Math.max(0, place - 3), place + 1))
          expect((await tree.getBlock(before.cid)) ?? (await store.getBlock(before.cid))).toEqual(before.block)
      }
      for (const block of blocks) expect((await tree.getBlock(block.cid)) ?? (await store.getBlock(block.cid))).toEqual(block.block)
      await tree.abort()
    }))
  test('a tree that is ended anywhere leaves what was completed, whole, and nothing of what was not', () =>
    withStore({}, async (store) => {
      const { cid, blocks, entities } = await treeOf()
      for (const count of [1, 2, 3, 4, 14, 23, 24, 25, 26, 27, 28, 29, 33, 36, 37, 38, 59]) {
        const tree = store.importTree(cid)
        await addAll(tree, blocks.slice(0, count))
        await tree.abort()
        for (const entity of entities) {
          // A file is known to be whole by what comes after it; a plain directory is its one node.
          const isHere = entity.kind === 'file' || entity.blocks[0]?.kind === 'shard' ? entity.last + 1 < count : entity.last < count
          if (isHere) await isWhole(store, entity)
          else expect(await store.entity(entity.cid)).toBeUndefined()
        }
        await expect(tree.commit()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
        await expect(tree.add(blocks[0] as TreeBlock)).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
      }
    }))
  test('a tree whose parts are here already, or come twice, or under two names at once, comes out the same', () =>
    withStore({}, async (store) => {
      const { cid, blocks, entities } = await treeOf()
      const alone = entities.find(({ flat }) => flat?.length === 20_000) as Made
      const file = store.importFile(alone.cid)
      for (const block of alone.blocks) await file.add(block)
      await file.commit()
      const flat = entities.find(({ flat: bytes }) => bytes?.length === 100)?.flat as Uint8Array
      await store.put(collectable(flat)) // the same bytes, without their CID
      const trees = [store.importTree(cid), store.importTree(cid), store.importTree(cid)]
      await Promise.all(
        trees.map(async (tree) => {
          await addAll(tree, blocks)
          await tree.commit()
        }),
      )
      for (const entity of entities) await isWhole(store, entity)
      for (const { flat: bytes } of entities) if (bytes !== undefined) await store.delete(hash(bytes))
      expect(await collect(store.list())).toEqual([])
      for (const { cid: gone, kind } of entities) if (kind === 'file') expect(await store.entity(gone)).toBeUndefined()
    }))
  checkRefusals(conformance, withStore)
}

async function* collectable(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function checkRefusals({ test, expect }: Conformance, withStore: With): void {
  test('a tree of another root, a part without its file, a node that is not its CID and a file cut short are refused, and what came before stays', () =>
    withStore({}, async (store) => {
      const { cid, blocks, entities } = await treeOf()
      const [top, small, shard] = blocks as [TreeBlock, TreeBlock, TreeBlock]
      const leaf = (entities.find(({ flat }) => flat?.length === 20_000) as Made).blocks[1] as TreeBlock
      const cases: [TreeBlock[], string][] = [
        [[small], 'BLOCKSTORE_MALFORMED'],
        [[shard], 'BLOCKSTORE_MALFORMED'],
        [[{ ...top, block: nodeBytes('something else') }], 'BLOCKSTORE_BAD_HASH'],
        [[top, leaf], 'BLOCKSTORE_MALFORMED'],
        [[top, { ...small, fileSize: 101 }, shard], 'BLOCKSTORE_MALFORMED'],
        [[top, { ...small, dataEnd: 101 }], 'BLOCKSTORE_MALFORMED'],
        [[top, small, { ...shard, block: nodeBytes('something else') }], 'BLOCKSTORE_BAD_HASH'],
        [[top, { ...small, block: new Uint8Array(2 ** 21 + 1) }], 'BLOCKSTORE_TOO_LARGE'],
      ]
      for (const [sequence, code] of cases) {
        const tree = store.importTree(cid)
        for (const block of sequence.slice(0, -1)) await tree.add(block)
        await expect(tree.add(sequence.at(-1) as TreeBlock)).rejects.toMatchObject({ code })
        await expect(tree.commit()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
        expect(await store.entity(cid)).toBeUndefined()
      }
      expect(await store.entity(small.cid)).toMatchObject({ kind: 'file', size: 100 }) // of the case before the last
      await expect(store.importTree(cid).commit()).rejects.toMatchObject({ code: 'BLOCKSTORE_MALFORMED' })
    }))
  test('the limits hold for the files of a tree, and what was counted for it is given back', () =>
    withStore({ blobBytesMax: 1_000 }, async (store) => {
      const { cid, blocks } = await treeOf()
      for (let i = 0; i < 3; i++)
        await expect(addAll(store.importTree(cid), blocks)).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
      expect((await collect(store.list())).length).toBe(1)
    }))
  test('an abort ends a tree that nobody feeds, with its reason', () =>
    withStore({}, async (store) => {
      const { cid, blocks } = await treeOf()
      const controller = new AbortController()
      const tree = store.importTree(cid, { signal: controller.signal })
      await addAll(tree, blocks.slice(0, 4))
      controller.abort(new Error('enough'))
      await expect(tree.add(blocks[4] as TreeBlock)).rejects.toMatchObject({})
      expect(await store.entity(cid)).toBeUndefined()
    }))
}
