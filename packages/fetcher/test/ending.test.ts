import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CidLike, createBlockstore, type FileImport } from '@selvedge/blockstore'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { createFetcher, type FileImportPort, type StorePort } from '../src/index.ts'
import { bytesOf, createTestOrigin } from './support/dag.ts'
import { Events, Gate, readAll, useRig } from './support/rig.ts'

const rig = useRig()
const content = bytesOf(100_000)

/** The real store, with a step of its imports put off. */
function withImports(change: (file: FileImport) => Partial<FileImportPort>): StorePort<unknown> {
  const { store } = rig
  return {
    open: (root) => store.open(root),
    entity: (cid) => store.entity(cid),
    getBlock: (cid, options) => store.getBlock(cid, options),
    putBlock: (cid, bytes) => store.putBlock(cid, bytes),
    putEntity: (entity) => store.putEntity(entity),
    importTree: (cid) => store.importTree(cid),
    importFile: (cid) => {
      const file = store.importFile(cid)
      return {
        add: (block) => file.add(block),
        getBlock: (block) => file.getBlock(block),
        commit: () => file.commit(),
        abort: () => file.abort(),
        ...change(file),
      }
    },
  }
}

test('a fetch that ends is waited for by the next of its key', async () => {
  const cid = await rig.dag.file(content)
  const atEnd = new Gate()
  const stall = new Gate()
  const store = withImports((file) => ({
    abort: async () => {
      await atEnd.pass(undefined)
      await file.abort()
    },
  }))
  const log = createTestOrigin(rig.dag, (index, _, signal) => (index === 5 && log.asked.length === 1 ? stall.pass(signal) : undefined))
  const fetcher = createFetcher({ store, origins: [log.origin] })
  const first = await fetcher.openCid(cid)
  await stall.wasReached
  await first.close()
  const second = fetcher.openCid(cid)
  await atEnd.wasReached
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  expect(log.asked.length).toBe(1)
  atEnd.open()
  expect(await readAll(await second, cid)).toEqual(Buffer.from(content))
  expect(log.asked.length).toBe(2)
  await fetcher.stop()
})

test('a block that arrives while it is looked for is not missed', async () => {
  const cid = await rig.dag.file(content)
  const looked = new Gate()
  const stall = new Gate()
  let leaf: CID | undefined
  const store = withImports((file) => ({
    getBlock: async (block) => {
      const found = await file.getBlock(block)
      if (found === undefined) await looked.pass(undefined) // an answer that is old when it comes
      return found
    },
  }))
  const later = new Gate()
  const log = createTestOrigin(rig.dag, async (index, block, signal) => {
    if (index === 8) await later.pass(signal)
    if (index !== 3) return
    leaf = block.cid
    await stall.pass(signal)
  })
  const fetcher = createFetcher({ store, origins: [log.origin] }, new Events())
  const opened = await fetcher.openCid(cid)
  await stall.wasReached
  const getting = opened.blocks.get(leaf as CID)
  await looked.wasReached
  stall.open()
  await later.wasReached // the block has come, the fetch goes on
  looked.open()
  expect(await getting).toEqual(await rig.dag.port.get(leaf as CID))
  await fetcher.stop()
})

test('who waits for a block gets it as it came: it is not read back, nor checked again', async () => {
  const cid = await rig.dag.file(content)
  const gates = new Map<string, Gate>()
  const gateOf = (block: CidLike): Gate => {
    const gate = gates.get(String(block)) ?? new Gate()
    gates.set(String(block), gate)
    return gate
  }
  let readBack = 0
  const store = withImports((file) => ({
    getBlock: async (block) => {
      gateOf(block).open() // whoever looks waits already
      const found = await file.getBlock(block)
      if (found !== undefined) readBack++
      return found
    },
  }))
  const log = createTestOrigin(rig.dag, async (index, block, signal) => {
    if (index > 0) await gateOf(block.cid).pass(signal)
  })
  const fetcher = createFetcher({ store, origins: [log.origin] })
  const opened = await fetcher.openCid(cid)
  expect(await readAll(opened, cid)).toEqual(Buffer.from(content))
  expect(readBack).toBe(1) // the root, which came before it was asked for
  await fetcher.stop()
})

test('a failed fetch gives its place among the writes back', async () => {
  const path = await mkdtemp(join(tmpdir(), 'selvedge-fetcher-'))
  const store = createBlockstore({}, { path, writesMax: 1, waitingMax: 0 })
  await store.start()
  const cid = await rig.dag.file(content)
  let isDead = true
  const { origin } = createTestOrigin(rig.dag, (index) => {
    if (index === 10 && isDead) throw new Error('died')
  })
  const events = new Events()
  const fetcher = createFetcher({ store, origins: [origin] }, events)
  await expect(readAll(await fetcher.openCid(cid), cid)).rejects.toThrow('died')
  isDead = false
  expect(await readAll(await fetcher.openCid(cid), cid)).toEqual(Buffer.from(content))
  await events.seen('fetchEnded', 2)
  await fetcher.stop()
  await store.stop()
  await rm(path, { recursive: true })
})

test('a reader that stands still does not hold the file in memory: the disk is the buffer', async () => {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const held = (): number => {
    collect()
    const { heapUsed, external } = process.memoryUsage() // external holds the array buffers too
    return heapUsed + external
  }
  const large = bytesOf(48 * 2 ** 20)
  const cid = await rig.dag.file(large, { chunker: chunks })
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [createTestOrigin(rig.dag).origin] }, events)
  const before = held()
  const opened = await fetcher.openCid(cid)
  await opened.blocks.get(cid)
  await events.seen('fetchEnded')
  expect(held() - before).toBeLessThan(16 * 2 ** 20)
  expect(await readAll(opened, cid, { start: 40 * 2 ** 20, end: 40 * 2 ** 20 + 10 })).toEqual(
    Buffer.from(large.subarray(40 * 2 ** 20, 40 * 2 ** 20 + 10)),
  )
  await fetcher.stop()
})

async function* chunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) for (let at = 0; at < bytes.length; at += 2 ** 18) yield bytes.subarray(at, at + 2 ** 18)
}
