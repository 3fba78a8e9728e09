// Goal: a store that is full lets go of what is worth least, and never of what is paid for, the operator's own, or being read.
// Method: the real store on disk with the real service, fetcher and guard; readers stand still in the middle of what they read.
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openContentService } from '../src/compose/content-service.ts'
import { ContentUses } from '../src/compose/content-uses.ts'
import { createEviction, type EvictionEvent } from '../src/compose/eviction.ts'
import { addFile, importFileInto } from '../src/compose/import-file.ts'
import { CONTENT_BYTES, GUEST, hex, MIB, requestOf, STORE_BYTES, type World, worldOf } from './eviction-world.ts'
import { sampleBytes } from './harness.ts'

const ALICE = new Uint8Array(20).fill(0xa1)
/** More than there is with nine, so that one has to go, and less than the fifth that is ever made room for. */
const WANTED = 600_000

/** A reader that has taken the first piece and stands still. */
async function standing(world: World, address: Uint8Array | CID): Promise<{ goOn(): Promise<number> }> {
  const { body } = await world.service.content.serve(requestOf(address), { signal: new AbortController().signal, session: GUEST })
  const parts = body[Symbol.asyncIterator]()
  let bytes = (await parts.next()).value!.length
  return {
    async goOn() {
      for (let step = await parts.next(); step.done !== true; step = await parts.next()) bytes += step.value.length
      return bytes
    },
  }
}

test('what was asked for least leaves first, of as little what was asked for longer ago, and no more than is needed', async () => {
  const world = await worldOf()
  const roots: Uint8Array[] = []
  for (let seed = 1; seed <= 9; seed++) roots.push(await world.put(seed))
  for (const [place, times] of [2, 1, 3, 1, 0, 2, 1, 4, 3].entries()) await world.read(roots[place]!, times)
  const expected = [4, 1, 3, 6, 0, 5, 2, 8].map((place) => hex(roots[place]!))
  for (const [i] of expected.entries()) {
    await world.service.own.makeRoom(WANTED)
    expect(world.evicted).toEqual(expected.slice(0, i + 1))
    expect(world.store.usedBytes + WANTED).toBeLessThanOrEqual(STORE_BYTES)
    await world.read(await world.put(100 + i), 10)
  }
  expect(await world.here(roots)).toEqual([7])
  expect(world.errors).toEqual([])
})

test('a store that comes above nine tenths goes down to eight by itself', async () => {
  const world = await worldOf()
  for (let seed = 1; seed <= 10; seed++) await world.put(seed)
  expect(world.store.usedBytes).toBeGreaterThan(0.9 * STORE_BYTES)
  await world.service.stop()
  const again = await openContentService(world.store, {
    dataDir: world.folder,
    origins: [],
    storeBytesMax: STORE_BYTES,
    epoch: () => 0n,
    log: () => {},
    onEviction: (event) => world.events.push(event),
    onError: (error) => world.errors.push(error),
  })
  await expect.poll(() => world.store.usedBytes, { timeout: 60_000, interval: 10 }).toBeLessThanOrEqual(0.8 * STORE_BYTES)
  await again.stop()
  expect(world.evicted).toHaveLength(2)
})

test("what is paid for, ordered, the operator's own or being read stays, though it is worth least, and goes when that is over", async () => {
  const world = await worldOf()
  const [paid, ordered, own, read] = [await world.put(1), await world.put(2), await world.put(3), await world.put(4)]
  const file = join(world.folder, 'file')
  await writeFile(file, sampleBytes(CONTENT_BYTES, 5))
  const { cid, entity } = await importFileInto(world.store, file)
  const staying = [paid, ordered, own, read, entity.root!]
  const readers = [await standing(world, read), await standing(world, cid)]
  world.service.pins.order(ALICE, paid, CONTENT_BYTES)!.pay(world.epoch)
  const order = world.service.pins.order(ALICE, ordered, CONTENT_BYTES)!
  expect(await world.service.own.keep(own, CONTENT_BYTES)).toBe(true)
  for (let seed = 10; seed < 14; seed++) await world.read(await world.put(seed), 3)
  for (let seed = 20; seed < 28; seed++) {
    await world.service.own.makeRoom(WANTED)
    await world.read(await world.put(seed), 3)
    expect(await world.here(staying)).toEqual([0, 1, 2, 3, 4])
  }
  const lengths = await Promise.all(readers.map((reader) => reader.goOn()))
  for (const bytes of lengths) expect(bytes).toBeGreaterThan(CONTENT_BYTES)
  order.release()
  world.epoch += 2n
  for (let seed = 30; seed < 34; seed++) {
    await world.service.own.makeRoom(WANTED)
    await world.read(await world.put(seed), 30)
  }
  expect(await world.here(staying)).toEqual([2])
  expect(world.errors).toEqual([])
})

test('one content that is larger than a fifth of the store does not empty it', async () => {
  const world = await worldOf()
  for (let seed = 1; seed <= 9; seed++) await world.put(seed)
  await world.service.own.makeRoom(2 ** 50)
  expect(world.evicted).toHaveLength(1)
})

test('content of 256 KiB and less leaves as any other does, and its place on the disk comes back', async () => {
  const world = await worldOf()
  const roots: Uint8Array[] = []
  for (let seed = 1; seed <= 15; seed++) roots.push(await world.put(seed, 250_000))
  await world.service.own.makeRoom(WANTED)
  expect(world.evicted).toHaveLength(2)
  expect(await world.here(roots)).toHaveLength(13)
  for (let seed = 16; seed <= 60; seed++) {
    await world.service.own.makeRoom(WANTED)
    await world.put(seed, 250_000)
    expect(await packBytes(world)).toBeLessThanOrEqual(STORE_BYTES + 2 * MIB) // two packs
  }
  expect(world.events.filter(({ type }) => type === 'full')).toEqual([])
  expect(world.errors).toEqual([])
})

async function packBytes({ folder }: World): Promise<number> {
  const packs = join(folder, 'store', 'packs')
  const sizes = (await readdir(packs)).map(async (name) => (await stat(join(packs, name)).catch(() => undefined))?.size ?? 0) // one may go meanwhile
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

/** Blocks that stand for themselves, of 20 KB. */
async function putBlocks({ store }: World, count: number, before = async (): Promise<void> => {}): Promise<CID[]> {
  const cids: CID[] = []
  for (let seed = 1; seed <= count; seed++) {
    const block = new Uint8Array(sampleBytes(20_000, 1_000 + seed))
    cids.push(CID.createV1(0x55, await sha256.digest(block)))
    await before()
    await store.putBlock(cids.at(-1)!, block)
  }
  return cids
}

test('blocks that stand for themselves have an eighth of the store: beyond it those that came first leave, before any content', async () => {
  const world = await worldOf()
  const cids = await putBlocks(world, 110)
  const roots: Uint8Array[] = []
  for (let seed = 1; seed <= 4; seed++) roots.push(await world.put(seed))
  await world.service.own.makeRoom(WANTED)
  expect(world.evicted).toEqual([])
  expect(await world.here(roots)).toHaveLength(4)
  expect(world.store.blockBytes).toBeLessThanOrEqual(STORE_BYTES / 8)
  const here = await Promise.all(cids.map(async (cid) => (await world.store.getBlock(cid)) !== undefined))
  expect(here).toEqual(cids.map((_, i) => i >= 110 - 26)) // 26 of 20,052 bytes
})

test('where no content may leave blocks make room for one another, however many come', async () => {
  const world = await worldOf()
  for (let seed = 1; seed <= 9; seed++) await world.service.own.keep(await world.put(seed), CONTENT_BYTES)
  const cids = await putBlocks(world, 80, () => world.service.own.makeRoom(20_000))
  expect(await world.store.getBlock(cids.at(-1)!)).toBeDefined()
  expect(world.store.blockBytes).toBeGreaterThan(STORE_BYTES / 10)
  expect([world.evicted, world.errors]).toEqual([[], []])
})

test('where nearly all is kept, the few blocks that there is room for do not keep what comes from coming', async () => {
  const world = await worldOf()
  for (let seed = 1; seed <= 10; seed++) await world.service.own.keep(await world.put(seed), CONTENT_BYTES)
  const cids = await putBlocks(world, 40, () => world.service.own.makeRoom(20_000)) // less than an eighth of the store is left to them
  expect(world.store.blockBytes).toBeLessThan(STORE_BYTES / 8)
  expect(await world.store.getBlock(cids.at(-1)!)).toBeDefined()
  expect([world.evicted, world.errors]).toEqual([[], []])
})

test('a content that is larger than a fifth of the store is kept where there is room anyway, and room is not promised twice', async () => {
  const world = await worldOf()
  await world.put(1)
  const eviction = createEviction(
    { store: world.store, remove: async () => false, isKept: () => false, uses: new ContentUses(), worthOf: async () => [] },
    { storeBytesMax: STORE_BYTES },
  )
  expect(eviction.admit(STORE_BYTES / 5 - 2)).toBeDefined()
  const first = eviction.admit(2 * MIB)!
  expect(eviction.admit(2 * MIB)).toBeUndefined()
  first()
  first()
  expect(eviction.admit(2 * MIB)).toBeDefined()
  expect(eviction.admit(2 ** 50)).toBeUndefined()
})

test('a store in which nothing may leave says so once, and is not looked through for each that asks', async () => {
  const world = await worldOf()
  for (let seed = 1; seed <= 9; seed++) await world.service.own.keep(await world.put(seed), CONTENT_BYTES)
  let nowMs = 0
  let lists = 0
  const events: EvictionEvent[] = []
  const store = {
    get usedBytes() {
      return world.store.usedBytes
    },
    blockBytes: 0,
    forgetBlocks: async () => {},
    list() {
      lists++
      return world.store.list()
    },
  }
  const eviction = createEviction(
    {
      store,
      remove: (root) => world.store.delete(root),
      isKept: (root) => world.service.pins.isKept(root),
      uses: new ContentUses(),
      worthOf: async (addresses) => addresses.map(() => 0),
    },
    { storeBytesMax: STORE_BYTES, onEvent: (event) => events.push(event), nowMs: () => nowMs },
  )
  onTestFinished(() => eviction.stop())
  for (nowMs of [0, 10, 999, 1_000, 1_500]) await eviction.makeRoom(WANTED)
  expect(lists).toBe(2)
  expect(events).toMatchObject([{ type: 'full' }])
  const free = await world.put(20)
  nowMs = 5_000
  await eviction.makeRoom(WANTED)
  expect(events.at(-1)).toMatchObject({ type: 'evicted', root: free })
})

test('what cannot be removed is said once a round, and keeps nothing that is worth more', async () => {
  const left = new Map(Array.from({ length: 8 }, (_, i) => [i, CONTENT_BYTES]))
  const errors: unknown[] = []
  let rounds = 0
  const failure = new Error('the disk refuses')
  const eviction = createEviction(
    {
      store: {
        get usedBytes() {
          return left.size * CONTENT_BYTES
        },
        blockBytes: 0,
        forgetBlocks: async () => {},
        async *list() {
          rounds++
          for (const [i, size] of left) yield { root: new Uint8Array(32).fill(i), size }
        },
      },
      isKept: () => false,
      uses: new ContentUses(),
      worthOf: async () => [],
      async remove([i]) {
        if (i === 0 || i === 1) throw failure
        return left.delete(i!)
      },
    },
    { storeBytesMax: 8 * CONTENT_BYTES, onError: (error) => errors.push(error) },
  )
  await eviction.makeRoom(CONTENT_BYTES)
  expect([[...left.keys()], errors, rounds]).toEqual([[0, 1, 4, 5, 6, 7], [failure], 1])
  await eviction.stop()
})

test('while a long list is looked through everything else has its turns', async () => {
  const count = 10_240
  const eviction = createEviction(
    {
      store: {
        usedBytes: STORE_BYTES,
        blockBytes: 0,
        forgetBlocks: async () => {},
        async *list() {
          for (let i = 0; i < count; i++) yield { root: new Uint8Array(32), size: i % 2 === 0 ? 1_000 : CONTENT_BYTES }
        },
      },
      isKept: () => false,
      uses: { of: () => ({ addresses: [], last: 1 }) }, // of what was never used so many would be enough
      worthOf: async () => [],
      remove: async () => false,
    },
    { storeBytesMax: STORE_BYTES },
  )
  let turns = 0
  let isOver = false
  const others = (): void => {
    turns++
    if (!isOver) setImmediate(others)
  }
  others()
  await eviction.makeRoom(1)
  isOver = true
  expect(turns).toBeGreaterThanOrEqual(count / 256)
  await eviction.stop()
})

test('a file of the operator is kept, and put in again where it had left before it could be', async () => {
  const world = await worldOf()
  const file = join(world.folder, 'film')
  await writeFile(file, sampleBytes(CONTENT_BYTES, 3))
  let left = 1
  const own = {
    makeRoom: (bytes: number) => world.service.own.makeRoom(bytes),
    async keep(root: Uint8Array, size: number) {
      if (left-- > 0) await world.store.delete(root)
      return await world.service.own.keep(root, size)
    },
  }
  const added = await addFile({ store: world.store, own }, file)
  const root = Uint8Array.from(Buffer.from(added.root, 'hex'))
  expect([await world.store.has(root), world.service.pins.isKept(root)]).toEqual([true, true])
  left = 9
  await expect(addFile({ store: world.store, own }, file)).rejects.toMatchObject({ code: 'NODE_BUSY' })
})

test('names of contents are remembered by their last use, in bounded memory', () => {
  const uses = new ContentUses(3)
  const rootOf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
  const nameOf = (fill: number) => ({ kind: 'root', bytes: rootOf(fill) }) as const
  uses.note(rootOf(1), nameOf(1))
  for (const fill of [1, 10, 11, 12, 13, 14]) uses.note(rootOf(1), nameOf(fill))
  expect(uses.of(rootOf(1))!.addresses.map(({ bytes }) => bytes[0])).toEqual([1, 10, 11, 12])
  for (const fill of [2, 3, 4]) uses.note(rootOf(fill), nameOf(fill))
  expect(uses.of(rootOf(2))!.last).toBeLessThan(uses.of(rootOf(3))!.last)
  uses.note(rootOf(1), nameOf(1)) // used again, so it stays
  for (const fill of [5, 6]) uses.note(rootOf(fill), nameOf(fill))
  expect([1, 2, 3, 4, 5, 6].filter((fill) => uses.of(rootOf(fill)) !== undefined)).toEqual([1, 4, 5, 6])
})
