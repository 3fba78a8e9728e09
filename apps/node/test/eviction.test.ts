// Goal: a store that is full lets go of what is worth least, and never of what is paid for, the operator's own, or being read.
// Method: the real store on disk with the real service, fetcher and guard; readers stand still in the middle of what they read.
import { createBlockstore, type Blockstore } from '@selvedge/blockstore'
import { createClient, formatNodeAddress } from '@selvedge/client'
import { encodeRequest } from '@selvedge/content'
import { createKeyPair } from '@selvedge/crypto'
import { createGateway } from '@selvedge/gateway'
import { serveGateway } from '@selvedge/gateway/node'
import { ChunkRanges, hash } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type ContentService, openContentService } from '../src/compose/content-service.ts'
import { ContentUses } from '../src/compose/content-uses.ts'
import { createEviction, type EvictionEvent } from '../src/compose/eviction.ts'
import { addFile, importFileInto } from '../src/compose/import-file.ts'
import { type RunningNode, startNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

const MIB = 2 ** 20
const CONTENT_BYTES = 400_000
const GUEST = { sessionId: new Uint8Array(16), account: undefined }
const ALICE = new Uint8Array(20).fill(0xa1)
/** Eight contents are less than eight tenths of it, nine are more; a tenth would be more than nine tenths. */
const STORE_BYTES = 4 * MIB
/** More than there is with nine, so that one has to go, and less than the fifth that is ever made room for. */
const WANTED = 600_000

interface World {
  readonly store: Blockstore
  readonly service: ContentService
  readonly events: EvictionEvent[]
  readonly errors: unknown[]
  readonly folder: string
  epoch: bigint
  /** Puts random content by root. */
  put(seed: number, bytes?: number): Promise<Uint8Array>
  /** Asks for content and takes all of it. */
  read(root: Uint8Array, times?: number): Promise<void>
  /** Those of the roots that are in the store, by their place. */
  here(roots: readonly Uint8Array[]): Promise<number[]>
  readonly evicted: readonly string[]
}

async function worldOf(storeBytesMax: number = STORE_BYTES): Promise<World> {
  const folder = await scratchFolder()
  const store = createBlockstore({}, { path: join(folder, 'store'), quotaBytes: storeBytesMax })
  await store.start()
  const events: EvictionEvent[] = []
  const errors: unknown[] = []
  const world = {
    epoch: 5n,
    async put(seed: number, bytes = CONTENT_BYTES) {
      return (await store.put(new Blob([new Uint8Array(sampleBytes(bytes, seed))]).stream())).root
    },
    async read(root: Uint8Array, times = 1) {
      for (let i = 0; i < times; i++) {
        const { body } = await service.content.serve(requestOf(root), { signal: new AbortController().signal, session: GUEST })
        for await (const part of body) expect(part.length).toBeGreaterThan(0)
      }
    },
    async here(roots: readonly Uint8Array[]) {
      const held = await Promise.all(roots.map((root) => store.has(root)))
      return held.flatMap((isHeld, i) => (isHeld ? [i] : []))
    },
    get evicted() {
      return events.flatMap((event) => (event.type === 'evicted' ? [hex(event.root)] : []))
    },
  }
  const service = await openContentService(store, {
    dataDir: folder,
    origins: [],
    storeBytesMax,
    epoch: () => world.epoch,
    log: () => {},
    onEviction: (event) => events.push(event),
    onError: (error) => errors.push(error),
  })
  onTestFinished(async () => {
    await service.stop()
    await store.stop()
  })
  return Object.assign(world, { store, service, events, errors, folder })
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function requestOf(address: Uint8Array | CID): Uint8Array {
  const flags = { head: false, mappingProof: false, outboardOnly: false, scope: 'entity', traceparent: new Uint8Array(0) } as const
  const asked =
    address instanceof Uint8Array
      ? ({ kind: 'root', address, modes: ['blake3'] } as const)
      : ({ kind: 'cid', address: address.bytes, modes: ['proof'] } as const)
  return encodeRequest({ ...asked, ...flags, ranges: ChunkRanges.all })
}

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

test('content of 256 KiB and less stays: its place in a pack would not come back', async () => {
  const world = await worldOf()
  const roots: Uint8Array[] = []
  for (let seed = 1; seed <= 15; seed++) roots.push(await world.put(seed, 250_000))
  await world.service.own.makeRoom(WANTED)
  expect(world.events).toMatchObject([{ type: 'full', storeBytesMax: STORE_BYTES }])
  expect(await world.here(roots)).toHaveLength(15)
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
        async *list() {
          for (let i = 0; i < count; i++) yield { root: new Uint8Array(32), size: i % 2 === 0 ? 1_000 : CONTENT_BYTES }
        },
      },
      isKept: () => false,
      uses: new ContentUses(),
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

interface Served {
  readonly cid: CID
  readonly root: Uint8Array
  readonly data: Buffer
}

/** An origin of so many files of 2.5 MB. */
async function startOrigin(folder: string, count: number): Promise<{ readonly url: string; readonly files: readonly Served[] }> {
  const files: Served[] = []
  const blocks: ((cid: CID) => Promise<Uint8Array>)[] = []
  for (let seed = 1; seed <= count; seed++) {
    const file = join(folder, `file-${seed}`)
    const data = sampleBytes(2_500_000, seed)
    await writeFile(file, data)
    const dag = createFileDag()
    files.push({ cid: await dag.build([{ path: 'file', file, size: data.length }], { wrap: false }), root: hash(data), data })
    blocks.push((cid) => dag.blocks.get(cid))
  }
  const server = await serveGateway(createGateway({ blocks: { get: (cid) => Promise.any(blocks.map((get) => get(cid))) } }))
  onTestFinished(() => server.stop())
  return { url: server.url, files }
}

interface Fetching {
  readonly node: RunningNode
  readonly events: EvictionEvent[]
  get(file: Served): Promise<void>
}

async function startFetching(folder: string, url: string): Promise<Fetching> {
  const events: EvictionEvent[] = []
  const node = await startNode(createKeyPair(), {
    dataDir: join(folder, 'data'),
    host: '127.0.0.1',
    port: 0,
    origins: [url],
    storeBytesMax: 16 * MIB,
    onEviction: (event) => events.push(event),
  })
  onTestFinished(() => node.stop())
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  const get = async ({ cid, data }: Served): Promise<void> => {
    const parts: Uint8Array[] = []
    for await (const { bytes } of await client.get(cid)) parts.push(bytes.slice())
    expect(Buffer.compare(Buffer.concat(parts), data)).toBe(0)
    expect(node.store.usedBytes).toBeLessThanOrEqual(16 * MIB)
  }
  return { node, events, get }
}

test('a node fetches three times what its store holds: all of it arrives, and what is wanted often stays', {
  timeout: 600_000,
}, async () => {
  const folder = await scratchFolder()
  const { url, files } = await startOrigin(folder, 20)
  const { node, events, get } = await startFetching(folder, url)
  const wanted = files[0]!
  for (const each of files.flatMap((file) => [file, wanted])) await get(each)
  expect(events.filter(({ type }) => type === 'evicted').length).toBeGreaterThanOrEqual(13)
  expect(await node.store.entity(wanted.cid)).toBeDefined()
  expect(node.status()).toMatchObject({ store: { bytesMax: 16 * MIB }, pins: { pins: 0, own: 0 } })
  expect(node.status().service.requests).toBeGreaterThanOrEqual(40)
  expect(node.status().service.cpuMicros).toBeGreaterThan(0)
})

test('what two asked for while it came is worth more than what one did, though nobody has asked for it since', {
  timeout: 600_000,
}, async () => {
  const folder = await scratchFolder()
  const { url, files } = await startOrigin(folder, 8)
  const { node, events, get } = await startFetching(folder, url)
  const [shared, ...others] = files.toSorted((a, b) => Buffer.compare(a.root, b.root)) // a list has it first, so what is worth the same goes before it never
  await Promise.all([get(shared!), get(shared!)])
  for (const each of others) await get(each)
  expect(events.filter(({ type }) => type === 'evicted').length).toBeGreaterThanOrEqual(1)
  expect(await node.store.has(shared!.root)).toBe(true)
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
