import { entriesOf, verifyCar, writeCar } from '@selvedge/verified-car'
import { hash } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { createFetcher, type StorePort } from '../src/index.ts'
import { bytesOf, createTestOrigin } from './support/dag.ts'
import { Events, Gate, readAll, useRig } from './support/rig.ts'

const rig = useRig()
const content = bytesOf(100_000)

test('a file comes from the origin once, and from the store after that', async () => {
  const cid = await rig.dag.file(content)
  const { origin, asked } = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
  const cold = await fetcher.openCid(cid)
  expect(cold).toMatchObject({ complete: false, kind: 'file', size: content.length, root: undefined })
  expect(await readAll(cold, cid)).toEqual(Buffer.from(content))
  await cold.close()
  await events.seen('fetchEnded')
  const warm = await fetcher.openCid(cid)
  expect(warm).toMatchObject({ complete: true, kind: 'file', size: content.length, root: hash(content) })
  expect(await readAll(warm, cid)).toEqual(Buffer.from(content))
  expect(await readAll(await fetcher.openCid(cid, { ranges: [{ start: 5, end: 10 }] }), cid, { start: 5, end: 10 })).toEqual(
    Buffer.from(content.subarray(5, 10)),
  )
  const blob = await fetcher.openRoot(hash(content))
  expect(blob?.size).toBe(content.length)
  await blob?.close()
  expect(await fetcher.openRoot(hash(bytesOf(7)))).toBeUndefined()
  expect(asked).toEqual([{ cid: cid.toString(), range: '*' }])
  await fetcher.stop()
})

test('however many ask at once, the origin is asked once, and each reads it all', async () => {
  const cid = await rig.dag.file(content)
  const { origin, asked } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const read = async (): Promise<Buffer> => {
    const opened = await fetcher.openCid(cid)
    const bytes = await readAll(opened, cid)
    await opened.close()
    return bytes
  }
  for (const bytes of await Promise.all(Array.from({ length: 20 }, read))) expect(bytes).toEqual(Buffer.from(content))
  expect(asked.length).toBe(1)
  await fetcher.stop()
})

test('one asker leaving ends nothing for the others; the last one leaving ends the fetch', async () => {
  const cid = await rig.dag.file(content)
  const gate = new Gate()
  const log = createTestOrigin(rig.dag, (index, _, signal) => (index === 5 ? gate.pass(signal) : undefined))
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [log.origin] }, events)
  const controller = new AbortController()
  const [first, second] = await Promise.all([fetcher.openCid(cid, { signal: controller.signal }), fetcher.openCid(cid)])
  await gate.wasReached
  const leaf = [...rig.dag.blocks.keys()].length
  expect(leaf).toBeGreaterThan(20)
  const reading = readAll(first, cid)
  await first.close()
  await expect(reading).rejects.toMatchObject({ code: 'FETCHER_CLOSED' })
  expect(log.active).toBe(1)
  await second.close()
  await events.seen('fetchEnded')
  expect(log.active).toBe(0)
  expect(await rig.store.entity(cid)).toBeUndefined()
  for await (const _ of rig.store.list()) throw new Error('an ended fetch left a blob')
  gate.open()
  expect(await readAll(await fetcher.openCid(cid), cid)).toEqual(Buffer.from(content))
  await fetcher.stop()
})

test('an abort while waiting for the root block rejects with its reason and, when it was the last, ends the fetch', async () => {
  const cid = await rig.dag.file(content)
  const gate = new Gate()
  const log = createTestOrigin(rig.dag, (index, _, signal) => (index === 0 ? gate.pass(signal) : undefined))
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [log.origin] }, events)
  const controller = new AbortController()
  const reason = new Error('enough')
  const opening = fetcher.openCid(cid, { signal: controller.signal })
  await gate.wasReached
  controller.abort(reason)
  await expect(opening).rejects.toBe(reason)
  await events.seen('fetchEnded')
  expect(log.active).toBe(0)
  await fetcher.stop()
})

test('with the policy `finish` an abandoned fetch goes on into the store', async () => {
  const cid = await rig.dag.file(content)
  const gate = new Gate()
  const { origin } = createTestOrigin(rig.dag, (index, _, signal) => (index === 5 ? gate.pass(signal) : undefined))
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, { onEvent: events.onEvent, abandoned: 'finish' })
  await (await fetcher.openCid(cid)).close()
  gate.open()
  await events.seen('fetchEnded')
  expect(await rig.store.entity(cid)).toMatchObject({ size: content.length })
  await fetcher.stop()
})

test('a fetch of which only the end is missing outlives its last asker for a while, no longer', async () => {
  const cid = await rig.dag.file(content)
  const blocks = rig.dag.blocks.size
  for (const isLate of [true, false]) {
    const gate = new Gate()
    let timeout: () => void = () => undefined
    const log = createTestOrigin(rig.dag)
    const origin = {
      async *fetch(...args: Parameters<typeof log.origin.fetch>) {
        let count = 0
        for await (const block of log.origin.fetch(...args)) {
          yield block
          count++
        }
        expect(count).toBe(blocks)
        await gate.pass(args[1]?.signal) // everything has come but the end of the stream
      },
    }
    const events = new Events()
    const after = (_: number, callback: () => void): (() => void) => {
      timeout = callback
      return () => undefined
    }
    const fetcher = createFetcher({ store: rig.store, origins: [origin], after }, events)
    const opened = await fetcher.openCid(cid)
    await gate.wasReached
    await opened.close()
    expect(events.count('fetchEnded')).toBe(0)
    if (isLate) timeout()
    else gate.open()
    await events.seen('fetchEnded')
    expect((await rig.store.entity(cid)) === undefined).toBe(isLate)
    await fetcher.stop()
  }
})

test('directories, sharded ones too, become entities', async () => {
  const files = Array.from({ length: 50 }, (_, i) => ({ path: `dir/${i}`, content: bytesOf(50, i + 1) }))
  for (const shardSplitThresholdBytes of [1e6, 1]) {
    const cid = await rig.dag.add(files, { wrapWithDirectory: false, shardSplitThresholdBytes })
    const { origin, asked } = createTestOrigin(rig.dag)
    const events = new Events()
    const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
    const opened = await fetcher.openCid(cid)
    expect(opened).toMatchObject({ complete: false, kind: 'directory' })
    expect(await opened.blocks.get(cid)).toEqual(await rig.dag.port.get(cid))
    await opened.close()
    await events.seen('fetchEnded')
    expect(await fetcher.openCid(cid)).toMatchObject({ complete: true, kind: 'directory' })
    expect(asked.length).toBe(1)
    await fetcher.stop()
  }
})

test('a node of a directory that has left the store since is fetched again, together with the rest', async () => {
  const files = Array.from({ length: 50 }, (_, i) => ({ path: `dir/${i}`, content: bytesOf(50, i + 1) }))
  const cid = await rig.dag.add(files, { wrapWithDirectory: false, shardSplitThresholdBytes: 1 })
  const nodes: CID[] = []
  for await (const block of verifyCar(writeCar(cid, rig.dag.port, { scope: 'entity' }), cid, { scope: 'entity' }))
    nodes.push(block.cid as CID)
  const [top, ...inner] = nodes
  for (const each of inner) await rig.store.putBlock(each, await rig.dag.port.get(each)) // of another directory, it may be: they came before the top
  const { origin, asked } = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
  await (await fetcher.openCid(cid)).close()
  await events.seen('fetchEnded')
  await rig.store.forgetBlocks(rig.store.blockBytes - 1)
  expect([await rig.store.getBlock(inner[0]!), await rig.store.getBlock(top!)]).toEqual([undefined, await rig.dag.port.get(top!)])
  const opened = await fetcher.openCid(cid)
  expect(opened).toMatchObject({ complete: true, kind: 'directory' })
  for (const each of nodes) expect(await opened.blocks.get(each)).toEqual(await rig.dag.port.get(each))
  await opened.close()
  expect(asked.length).toBe(2)
  await fetcher.stop()
})

test('the blocks of a directory do not wait for one another at the disk, and can be read before it has them', async () => {
  const files = Array.from({ length: 60 }, (_, i) => ({ path: `file-${i}`, content: Uint8Array.of(i) }))
  const cid = await rig.dag.add(files, { wrapWithDirectory: true, shardSplitThresholdBytes: 1 })
  const gate = new Gate()
  let putting = 0
  const store: StorePort<unknown> = new Proxy(rig.store, {
    get: (target, name: keyof StorePort<unknown>) =>
      name === 'putBlock'
        ? async (block: CID, bytes: Uint8Array): Promise<void> => {
            putting++
            await gate.pass(undefined)
            await target.putBlock(block, bytes)
          }
        : (target[name] as () => unknown).bind(target),
  })
  const fetcher = createFetcher({ store, origins: [createTestOrigin(rig.dag).origin] })
  const opened = await fetcher.openCid(cid)
  const names = new Set<string>()
  for await (const { name } of entriesOf(verifyCar(writeCar(cid, opened.blocks, { scope: 'entity' }), cid, { scope: 'entity' })))
    names.add(name)
  expect(names.size).toBe(60)
  expect(putting).toBe(10) // the root and nine shards of it
  expect(await rig.store.entity(cid)).toBeUndefined() // nothing is called complete before it is durable
  gate.open()
  while ((await rig.store.entity(cid)) === undefined) await new Promise(setImmediate)
  await opened.close()
  await fetcher.stop()
})

test('a store that refuses a block of a directory ends the fetch, and nothing is complete', async () => {
  const files = Array.from({ length: 60 }, (_, i) => ({ path: `file-${i}`, content: Uint8Array.of(i) }))
  const cid = await rig.dag.add(files, { wrapWithDirectory: true, shardSplitThresholdBytes: 1 })
  let puts = 0
  const store: StorePort<unknown> = new Proxy(rig.store, {
    get: (target, name: keyof StorePort<unknown>) =>
      name === 'putBlock'
        ? async (block: CID, bytes: Uint8Array): Promise<void> => {
            if (++puts === 5) throw new Error('the disk is full')
            await target.putBlock(block, bytes)
          }
        : (target[name] as () => unknown).bind(target),
  })
  const events = new Events()
  const fetcher = createFetcher({ store, origins: [createTestOrigin(rig.dag).origin] }, { onEvent: events.onEvent })
  const opened = await fetcher.openCid(cid)
  await events.seen('fetchEnded')
  expect(events.all.at(-1)).toMatchObject({ type: 'fetchEnded', error: { message: 'the disk is full' } })
  expect(await rig.store.entity(cid)).toBeUndefined()
  await opened.close()
  await fetcher.stop()
})

test('nobody waits for a commit: it may share the sync of others', async () => {
  const cid = await rig.dag.file(content)
  const { origin } = createTestOrigin(rig.dag)
  const commits: unknown[] = []
  const store: StorePort<unknown> = {
    open: (root) => rig.store.open(root),
    entity: (asked) => rig.store.entity(asked),
    getBlock: (asked, options) => rig.store.getBlock(asked, options),
    putBlock: (named, bytes) => rig.store.putBlock(named, bytes),
    putEntity: (entity) => rig.store.putEntity(entity),
    importTree: (named) => rig.store.importTree(named),
    importFile: (named) => {
      const file = rig.store.importFile(named)
      return {
        add: (block) => file.add(block),
        getBlock: (asked) => file.getBlock(asked),
        abort: () => file.abort(),
        commit: (options) => (commits.push(options), file.commit(options)),
      }
    },
  }
  const events = new Events()
  const fetcher = createFetcher({ store, origins: [origin] }, events)
  const opened = await fetcher.openCid(cid)
  await readAll(opened, cid)
  await opened.close()
  await events.seen('fetchEnded')
  expect(commits).toEqual([{ mayLinger: true }])
  expect(await rig.store.entity(cid)).toMatchObject({ kind: 'file', root: hash(content) })
  await fetcher.stop()
})
