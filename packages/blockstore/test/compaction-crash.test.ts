/**
 * Goal: wherever the power goes while packs are compacted, nothing that was acknowledged is lost, nothing that was deleted comes back, and what is dead
 * is given back by the store that opens next. Method: one run of puts and deletes in tiny packs, cut before each operation on the disk in turn; of each
 * state that is left, with the index as it was, with what was flushed of it or half of the rest, and without any; then the run of the next life, and once more an index made anew.
 * Once more of a disk that refuses to read the first pack, and gives it in the next life.
 */
import { hash } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { bytesOf, partsOf, rawCidOf } from '../src/conformance-parts.ts'
import { type Blockstore, BlockstoreError, createBlockstore, type FileBlock, type OpenFile } from '../src/index.ts'
import { Random } from './support/random.ts'
import { SimulatedDisk, SimulatedIndex } from './support/simulated-disk.ts'
import type { Expected } from './support/workload.ts'

const PACK_BYTES = 3_000
const ITEMS = 16
const isFile = (item: number): boolean => item % 5 === 4

function contentOf(item: number): Uint8Array {
  return bytesOf(500 + item, item + 1)
}

async function fileOf(item: number): Promise<{ cid: CID; blocks: FileBlock[] }> {
  const flat = contentOf(item)
  const node = new TextEncoder().encode(`file ${item}`)
  const cid = CID.createV1(0x70, await sha256.digest(node))
  const leaf = Uint8Array.of(1, 2, ...flat, 3)
  const about = { kind: 'file', fileOffset: 0, fileSize: flat.length }
  const blocks = [
    { ...about, cid, block: node, dataStart: 0, dataEnd: 0 },
    { ...about, cid: await rawCidOf(leaf), block: leaf, dataStart: 2, dataEnd: 2 + flat.length },
  ]
  return { cid, blocks }
}

function openOn(disk: SimulatedDisk, index: SimulatedIndex): Blockstore {
  const components = { fileSystem: disk, openIndex: () => index, acquireLock: async () => async () => {} }
  return createBlockstore(components, { path: 'store', packBytesMax: PACK_BYTES })
}

class RefusingDisk extends SimulatedDisk {
  override async open(path: string, mode: 'read' | 'create' | 'append'): Promise<OpenFile> {
    if (mode === 'read' && path.endsWith('00000001.pack')) throw new BlockstoreError('BLOCKSTORE_IO', 'the disk refuses')
    return await super.open(path, mode)
  }
}

class Life {
  readonly expected: Map<number, Expected>
  isOver = false

  constructor(expected: ReadonlyMap<number, Expected> = new Map()) {
    this.expected = new Map(expected)
  }

  #set(item: number, expected: Expected): void {
    if (!this.isOver) this.expected.set(item, expected)
  }

  async put(store: Blockstore, item: number): Promise<void> {
    if (this.expected.get(item) !== 'present') this.#set(item, 'either')
    if (isFile(item)) {
      const { cid, blocks } = await fileOf(item)
      const file = store.importFile(cid)
      for (const block of blocks) await file.add(block)
      await file.commit()
    } else await store.put(partsOf(contentOf(item), 300))
    this.#set(item, 'present')
  }

  async delete(store: Blockstore, item: number): Promise<void> {
    if (this.expected.get(item) !== 'absent') this.#set(item, 'either')
    await store.delete(hash(contentOf(item)))
    this.#set(item, 'absent')
  }
}

/** @param again - items that are put again when they were deleted. */
async function work(store: Blockstore, life: Life, again: readonly number[], onDeletes: () => void = () => undefined): Promise<void> {
  await life.put(store, 60)
  await life.delete(store, 60) // in the pack that goes first
  for (let item = 0; item < ITEMS; item++) await life.put(store, item)
  onDeletes()
  for (let item = 0; item < ITEMS; item++) if (item % 3 !== 0) await life.delete(store, item)
  for (const item of again) await life.put(store, item) // their deletes are older than they are
  await life.delete(store, 2)
  for (let item = ITEMS; item < ITEMS + 8; item++) await life.put(store, item)
  for (let item = ITEMS; item < ITEMS + 8; item++) await life.delete(store, item)
  await turns()
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await setImmediate()
}

/** Throws where an item is wrong, or there in part. @returns those that are there. */
async function checked(store: Blockstore, expected: ReadonlyMap<number, Expected>): Promise<number[]> {
  const here: number[] = []
  for (const [item, state] of expected) {
    const content = contentOf(item)
    const blob = await store.open(hash(content))
    if (blob !== undefined) expect(await blob.data.readAt(0, blob.size)).toEqual(content)
    await blob?.close()
    let isHere = blob !== undefined
    if (isFile(item)) {
      const { cid, blocks } = await fileOf(item)
      isHere = (await store.entity(cid)) !== undefined
      if (isHere) for (const { cid: leaf, block } of blocks) expect(await store.getBlock(leaf)).toEqual(block)
    }
    expect([item, state, isHere]).toEqual([item, state === 'either' ? state : isHere ? 'present' : 'absent', isHere])
    if (state === 'absent') expect(blob).toBeUndefined()
    if (isHere) here.push(item)
  }
  return here
}

async function packBytes(disk: SimulatedDisk): Promise<number> {
  let bytes = 0
  for (const name of await disk.list('store/packs')) bytes += (await disk.size(`store/packs/${name}`)) ?? 0
  return bytes
}

const DISKS = [
  { name: 'before any operation of a compaction', Disk: SimulatedDisk, first: '00000001.pack', again: [1, 2, 4] },
  // Of a file in the pack that is not read, and whose bytes come again, the delete is not known any more: 5 is none.
  { name: 'while the disk refuses to read the oldest pack', Disk: RefusingDisk, first: '00000002.pack', again: [1, 2, 5] },
]

test.each(DISKS)('the power may go $name', { timeout: 600_000 }, async ({ Disk, first, again }) => {
  const whole = new Disk()
  const store = openOn(whole, new SimulatedIndex(whole))
  await store.start()
  let begin = 0
  await work(store, new Life(), again, () => (begin = whole.operations))
  const total = whole.operations
  await store.stop()
  expect(await whole.list('store/packs')).not.toContain(first)
  let compacted = 0
  for (let stopsAt = begin; stopsAt <= total; stopsAt++) {
    const disk = new Disk()
    const index = new SimulatedIndex(disk)
    const life = new Life()
    const ended = new Promise<void>((resolve) => (disk.stopped = resolve))
    disk.stopsAt = stopsAt
    const cut = openOn(disk, index)
    await Promise.race([cut.start().then(() => work(cut, life, again)), ended])
    life.isOver = true
    const after = disk.afterCrash(new Random(stopsAt))
    if (!(await after.list('store/packs')).includes(first)) compacted++
    for (const left of leftOf(index, compacted)) await nextLife(disk.afterCrash(new Random(stopsAt)), index, left, life)
  }
  expect(compacted).toBeGreaterThan(20)
})

/** How many batches of the index may be left: all, half of what was not flushed, what was, none; and when the first pack has just gone, any. */
function leftOf(index: SimulatedIndex, compacted: number): readonly number[] {
  const { all, flushed } = index.batches
  if (compacted > 0 && compacted <= 4) return [0, ...Array.from({ length: all - flushed + 1 }, (_, i) => flushed + i)]
  return [all, Math.floor((all + flushed) / 2), flushed, 0]
}

async function nextLife(disk: SimulatedDisk, before: SimulatedIndex, left: number, earlier: Life): Promise<void> {
  const index = before.afterLoss(disk, left)
  const store = openOn(disk, index)
  await store.start()
  const here = await checked(store, earlier.expected)
  // Of a file that was cut off its bytes may be there as a blob.
  const life = new Life(new Map([...earlier.expected].map(([item, state]) => [item, here.includes(item) ? 'present' : state])))
  for (let item = 100; item < 112; item++) await life.put(store, item)
  for (const item of life.expected.keys()) if (item % 4 !== 0) await life.delete(store, item)
  await turns()
  const kept = await checked(store, life.expected)
  expect(await packBytes(disk)).toBeLessThan(1.5 * kept.length * 1_000 + 2 * PACK_BYTES)
  const used = store.usedBytes
  await store.stop()
  const again = openOn(disk, index.afterLoss(disk, 0))
  await again.start()
  expect(await checked(again, life.expected)).toEqual(kept)
  expect(again.usedBytes).toBe(used)
  await again.stop()
}
