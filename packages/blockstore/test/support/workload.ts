/**
 * What the crash tests do to a store, and what they hold it to. An item's content follows from its number, so a log of
 * "began" and "acked" lines is all that a later process needs to know what must be there.
 */
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Blockstore, FileBlock, TreeBlock } from '../../src/index.ts'
import { bytesOf, partsOf } from '../../src/conformance-parts.ts'
import { Random } from './random.ts'

export type Action = 'put' | 'delete'
export type Log = (state: 'began' | 'acked', action: Action, item: number) => void
export type Expected = 'present' | 'absent' | 'either'

const KINDS = ['small', 'large', 'block', 'file', 'directory', 'largeFile', 'tree'] as const
/** Of a tree: small ones, and one in the middle that is a file of its own on disk. */
const TREE_FILE_BYTES = [3_000, 500, 0, 300_000, 40_000, 17, 20_000]

export function kindOf(item: number): (typeof KINDS)[number] {
  return KINDS[item % KINDS.length] as (typeof KINDS)[number]
}

function contentOf(item: number): Uint8Array {
  const random = new Random(item * 7919 + 1)
  const size = { small: 40_000, large: 200_000, block: 3_000, file: 30_000, directory: 500, largeFile: 250_000, tree: 300 }[kindOf(item)]
  const least = kindOf(item) === 'large' || kindOf(item) === 'largeFile' ? 262_145 : 1
  return bytesOf(least + random.below(size), item + 1)
}

async function blockCidOf(bytes: Uint8Array, codec = 0x55): Promise<CID> {
  return CID.createV1(codec, await sha256.digest(bytes))
}

/** Leaves of an eighth of the file each; every other one has a frame. */
export async function blocksOf(item: number): Promise<{ cid: CID; flat: Uint8Array; blocks: FileBlock[] }> {
  const flat = contentOf(item)
  const node = new TextEncoder().encode(`root of ${item}`)
  const cid = await blockCidOf(node, 0x70)
  const blocks: FileBlock[] = [{ cid, block: node, kind: 'file', fileOffset: 0, dataStart: 0, dataEnd: 0, fileSize: flat.length }]
  const leafBytes = Math.ceil(flat.length / 8)
  for (let offset = 0; offset < flat.length; offset += leafBytes) {
    const data = flat.subarray(offset, offset + leafBytes)
    const block = blocks.length % 2 === 0 ? Uint8Array.of(1, 2, 3, ...data, 4) : data
    const dataStart = block === data ? 0 : 3
    const dataEnd = dataStart + data.length
    blocks.push({ cid: await blockCidOf(block), block, kind: 'file', fileOffset: offset, dataStart, dataEnd, fileSize: flat.length })
  }
  return { cid, flat, blocks }
}

/** A directory and its files, each of one leaf or, where it is too large for that, of two. */
async function treeOf(item: number): Promise<{ cid: CID; blocks: TreeBlock[]; files: { cid: CID; flat: Uint8Array }[] }> {
  const top = contentOf(item)
  const cid = await blockCidOf(top, 0x70)
  const none = { fileOffset: 0, dataStart: 0, dataEnd: 0, fileSize: undefined }
  const blocks: TreeBlock[] = [{ cid, block: top, kind: 'directory', depth: 0, isEntityRoot: true, ...none }]
  const files: { cid: CID; flat: Uint8Array }[] = []
  for (const [place, size] of TREE_FILE_BYTES.entries()) {
    const flat = bytesOf(size, 10_000 + item * 10 + place)
    const file = { kind: 'file', fileOffset: 0, dataStart: 0, fileSize: size }
    if (size < 100_000) {
      const leaf = await blockCidOf(flat)
      blocks.push({ ...file, cid: leaf, block: flat, depth: 1, isEntityRoot: true, dataEnd: size })
      files.push({ cid: leaf, flat })
      continue
    }
    const node = new TextEncoder().encode(`large file of tree ${item}`)
    const root = await blockCidOf(node, 0x70)
    blocks.push({ ...file, cid: root, block: node, depth: 1, isEntityRoot: true, dataEnd: 0 })
    for (const [start, end] of [
      [0, size / 2],
      [size / 2, size],
    ] as const) {
      const block = flat.subarray(start, end)
      blocks.push({ ...file, cid: await blockCidOf(block), block, depth: 2, isEntityRoot: false, fileOffset: start, dataEnd: block.length })
    }
    files.push({ cid: root, flat })
  }
  return { cid, blocks, files }
}

/** Of a tree that was not acknowledged any part may be there, and each that is, whole. */
async function isTreeWhole(store: Blockstore, item: number): Promise<boolean> {
  const { cid, blocks, files } = await treeOf(item)
  let missing = (await store.entity(cid)) === undefined ? 1 : 0
  if (missing === 0 && !isSame(await store.getBlock(cid), blocks[0]!.block)) throw new Error('a directory without its block')
  for (const { cid: file, flat } of files) {
    const entity = await store.entity(file)
    if (entity === undefined) {
      missing++
      continue
    }
    const blob = await store.open(hash(flat))
    if (!isSame(await blob?.data.readAt(0, flat.length), flat)) throw new Error('a file of a tree without its blob')
    await blob?.close()
    if ((await store.getBlock(file)) === undefined) throw new Error('a file of a tree without its root block')
  }
  return missing === 0
}

async function put(store: Blockstore, item: number): Promise<void> {
  const content = contentOf(item)
  const kind = kindOf(item)
  if (kind === 'small' || kind === 'large') await store.put(partsOf(content, 50_000))
  else if (kind === 'block') await store.putBlock(await blockCidOf(content), content)
  else if (kind === 'directory') {
    const cid = await blockCidOf(content, 0x70)
    await store.putBlock(cid, content)
    await store.putEntity({ cid, kind: 'directory' })
  } else if (kind === 'tree') {
    const { cid, blocks } = await treeOf(item)
    const tree = store.importTree(cid)
    for (const block of blocks) await tree.add(block)
    await tree.commit()
  } else {
    const { cid, blocks } = await blocksOf(item)
    const file = store.importFile(cid)
    for (const block of blocks) await file.add(block)
    await file.commit({ mayLinger: item % 12 < 6 })
  }
}

/** Runs until `actions` were acknowledged, four at a time, never two on one item. */
export async function runWorkload(store: Blockstore, random: Random, log: Log, held: Set<number>, actions: number): Promise<void> {
  const busy = new Set<number>()
  let left = actions
  async function worker(): Promise<void> {
    while (left-- > 0) {
      let item = random.below(120)
      while (busy.has(item)) item = (item + 1) % 120
      busy.add(item)
      const canDelete = !['block', 'directory', 'tree'].includes(kindOf(item))
      const action = held.has(item) && canDelete && random.next() < 0.6 ? 'delete' : 'put'
      log('began', action, item)
      if (action === 'put') await put(store, item)
      else await store.delete(hash(contentOf(item)))
      log('acked', action, item)
      if (action === 'put') held.add(item)
      else held.delete(item)
      busy.delete(item)
    }
  }
  await Promise.all([worker(), worker(), worker(), worker()])
}

export class Model {
  readonly #expected = new Map<number, Expected>()

  readonly log: Log = (state, action, item) => {
    const before = this.#expected.get(item) ?? 'absent'
    const after = action === 'put' ? 'present' : 'absent'
    // Asking again for what is there already leaves no doubt, whenever the crash comes.
    this.#expected.set(item, state === 'acked' || before === after ? after : 'either')
  }

  get items(): [number, Expected][] {
    return [...this.#expected]
  }

  /** Settles what the crash left open: what was found must stay. */
  found(item: number, isPresent: boolean): void {
    this.#expected.set(item, isPresent ? 'present' : 'absent')
  }

  get held(): Set<number> {
    return new Set(this.items.filter(([, expected]) => expected === 'present').map(([item]) => item))
  }
}

/** @returns what is wrong, in words; empty when nothing is. */
export async function checkModel(store: Blockstore, model: Model): Promise<string[]> {
  const wrong: string[] = []
  for (const [item, expected] of model.items) {
    const name = `${kindOf(item)} ${item}`
    try {
      const isPresent = await isWhole(store, item)
      if (isPresent && expected === 'absent') wrong.push(`${name} is there after its delete`)
      if (!isPresent && expected === 'present') wrong.push(`${name} was acknowledged and is gone`)
      model.found(item, isPresent)
    } catch (error) {
      wrong.push(`${name}: ${String(error)}`)
    }
  }
  for await (const { root, size } of store.list()) {
    const blob = await store.open(root)
    const bytes = await blob?.data.readAt(0, size)
    if (bytes === undefined || Buffer.compare(hash(bytes), root) !== 0) wrong.push('a listed blob has other bytes than its root')
    await blob?.close()
  }
  return wrong
}

/** Throws when the item is there in part, or wrong. */
async function isWhole(store: Blockstore, item: number): Promise<boolean> {
  const content = contentOf(item)
  const kind = kindOf(item)
  if (kind === 'block') return isSame(await store.getBlock(await blockCidOf(content)), content)
  if (kind === 'directory') {
    const cid = await blockCidOf(content, 0x70)
    const block = await store.getBlock(cid)
    const entity = await store.entity(cid)
    if (entity !== undefined && block === undefined) throw new Error('an entity without its block')
    return entity !== undefined && isSame(block, content)
  }
  if (kind === 'tree') return await isTreeWhole(store, item)
  const blob = await store.open(hash(content))
  const bytes = await blob?.data.readAt(0, content.length)
  await blob?.close()
  const isPresent = isSame(bytes, content)
  if (kind === 'small' || kind === 'large') return isPresent
  const { cid, blocks } = await blocksOf(item)
  const entity = await store.entity(cid)
  if (entity === undefined) return false
  if (!isPresent) throw new Error('an entity without its blob')
  for (const block of blocks)
    if (!isSame(await store.getBlock(block.cid), block.block)) throw new Error('an entity without one of its blocks')
  return true
}

function isSame(bytes: Uint8Array | undefined, expected: Uint8Array): boolean {
  if (bytes === undefined) return false
  if (Buffer.compare(bytes, expected) === 0) return true
  throw new Error('wrong bytes were read')
}
