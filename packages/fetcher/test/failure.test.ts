import { CarError } from '@selvedge/verified-car'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { expect, test } from 'vitest'
import { createFetcher, type OriginPort } from '../src/index.ts'
import { bytesOf, createTestOrigin } from './support/dag.ts'
import { Events, Gate, readAll, useRig } from './support/rig.ts'

const rig = useRig()
const content = bytesOf(100_000)

function flipLeaf(position: number): void {
  const block = [...rig.dag.blocks.values()][position] as Uint8Array
  block[block.length >> 1] = (block[block.length >> 1] as number) ^ 1
}

test('a lie reaches whoever waits with the code of its check, nothing of it stays, and the next ask asks again', async () => {
  const cid = await rig.dag.file(content)
  flipLeaf(12)
  const { origin, asked } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  for (let round = 1; round <= 2; round++) {
    const opened = await fetcher.openCid(cid)
    await expect(readAll(opened, cid)).rejects.toMatchObject({ code: 'CAR_BAD_HASH' })
    await opened.close()
    expect(asked.length).toBe(round)
    expect(await rig.store.entity(cid)).toBeUndefined()
    for await (const _ of rig.store.list()) throw new Error('a lie stayed in the store')
  }
  flipLeaf(12)
  expect(await readAll(await fetcher.openCid(cid), cid)).toEqual(Buffer.from(content))
  await fetcher.stop()
})

test('a wrong root block rejects the opening itself', async () => {
  const cid = await rig.dag.file(content.subarray(0, 1_000))
  flipLeaf(0) // one raw leaf is its own root
  const { origin } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  await expect(fetcher.openCid(cid)).rejects.toMatchObject({ code: 'CAR_BAD_HASH' })
  await fetcher.stop()
})

test.each([300, 200_000])('a CID that names %i bytes by themselves is refused by the store, and by nothing before it', async (length) => {
  const { origin, asked } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const long = CID.createV1(0x55, createDigest(0, new Uint8Array(length)))
  await expect(fetcher.openCid(long)).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
  const opened = await fetcher.openCid(await rig.dag.file(content.subarray(0, 1_000)))
  await expect(opened.blocks.get(long)).rejects.toMatchObject({ code: 'BLOCKSTORE_TOO_LARGE' })
  expect(asked.length).toBe(1)
  await opened.close()
  await fetcher.stop()
})

test('an origin that dies rejects every waiting call with its own error, unchanged', async () => {
  const cid = await rig.dag.file(content)
  const death = new Error('the connection was reset')
  const gate = new Gate()
  const { origin } = createTestOrigin(rig.dag, async (index, _, signal) => {
    if (index !== 10) return
    await gate.pass(signal)
    throw death
  })
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const opened = await fetcher.openCid(cid)
  const readers = [readAll(opened, cid), readAll(opened, cid), readAll(await fetcher.openCid(cid), cid)]
  const outcomes = Promise.allSettled(readers)
  await gate.wasReached
  gate.open()
  expect((await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([death, death, death])
  await expect(opened.blocks.get(cid)).rejects.toBe(death)
  expect(await rig.store.entity(cid)).toBeUndefined()
  await fetcher.stop()
})

test('the next origin takes over where the first one died or lied, and the reader does not notice', async () => {
  const cid = await rig.dag.file(content)
  const failures = [new Error('reset'), new CarError('CAR_BAD_HASH', 'a lie')]
  const bad = failures.map((failure, i) =>
    createTestOrigin(rig.dag, (index) => {
      if (index === 7 + i) throw failure
    }),
  )
  const good = createTestOrigin(rig.dag)
  const events = new Events()
  const origins = [...bad, good].map(({ origin }) => origin)
  const fetcher = createFetcher({ store: rig.store, origins }, events)
  expect(await readAll(await fetcher.openCid(cid), cid)).toEqual(Buffer.from(content))
  await events.seen('fetchEnded')
  expect(events.all.filter((event) => event.type === 'originFailed').map(({ error }) => error)).toEqual(failures)
  expect(await rig.store.entity(cid)).toMatchObject({ size: content.length })
  await fetcher.stop()
})

test('of several failing origins the last one’s error is what the asker gets', async () => {
  const cid = await rig.dag.file(content)
  const errors = [new Error('first'), new Error('second')]
  const origins = errors.map(
    (error) =>
      createTestOrigin(rig.dag, () => {
        throw error
      }).origin,
  )
  const fetcher = createFetcher({ store: rig.store, origins })
  await expect(fetcher.openCid(cid)).rejects.toBe(errors[1])
  await fetcher.stop()
})

test('no origin, an empty origin, and a block of another DAG have their own codes', async () => {
  const cid = await rig.dag.file(content)
  const other = await rig.dag.file(bytesOf(50, 9))
  const none = createFetcher({ store: rig.store, origins: [] })
  await expect(none.openCid(cid)).rejects.toMatchObject({ code: 'FETCHER_NO_ORIGIN' })
  const empty: OriginPort = { async *fetch() {} }
  await expect(createFetcher({ store: rig.store, origins: [empty] }).openCid(cid)).rejects.toMatchObject({ code: 'FETCHER_EMPTY' })
  const fetcher = createFetcher({ store: rig.store, origins: [createTestOrigin(rig.dag).origin] })
  const opened = await fetcher.openCid(cid)
  await expect(opened.blocks.get(other)).rejects.toMatchObject({ code: 'FETCHER_NOT_FOUND' })
  await fetcher.stop()
})

test('an error of the store is not blamed on the origin, and no other origin is asked', async () => {
  const cid = await rig.dag.file(content)
  const full = new Error('no space left')
  const store = new Proxy(rig.store, {
    get: (target, name) => {
      if (name === 'importFile')
        return (...args: [typeof cid]) => ({ ...bound(target.importFile(...args)), add: () => Promise.reject(full) })
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const logs = [createTestOrigin(rig.dag), createTestOrigin(rig.dag)]
  const fetcher = createFetcher({ store, origins: logs.map(({ origin }) => origin) })
  await expect(fetcher.openCid(cid)).rejects.toBe(full)
  expect(logs.map(({ asked }) => asked.length)).toEqual([1, 0])
  await fetcher.stop()
})

function bound<T extends { getBlock: unknown; commit: unknown; abort: unknown }>(file: T): T {
  const methods = (['getBlock', 'commit', 'abort'] as const).map((name) => [name, (file[name] as () => unknown).bind(file)])
  return Object.fromEntries(methods) as T
}

test('stop ends every fetch, rejects every asker, and nothing opens after it', async () => {
  const cids = [await rig.dag.file(content), await rig.dag.file(bytesOf(50_000, 2))]
  const gate = new Gate()
  const log = createTestOrigin(rig.dag, (index, _, signal) => (index === 3 ? gate.pass(signal) : undefined))
  const fetcher = createFetcher({ store: rig.store, origins: [log.origin] })
  const opened = await Promise.all(cids.map((cid) => fetcher.openCid(cid)))
  const reads = Promise.allSettled(opened.map((each, i) => readAll(each, cids[i] as never)))
  await gate.wasReached
  await Promise.all([fetcher.stop(), fetcher.stop()])
  expect((await reads).map((read) => read.status === 'rejected' && (read.reason as { code: string }).code)).toEqual([
    'FETCHER_CLOSED',
    'FETCHER_CLOSED',
  ])
  expect(log.active).toBe(0)
  await expect(fetcher.openCid(cids[0] as never)).rejects.toMatchObject({ code: 'FETCHER_CLOSED' })
  for await (const _ of rig.store.list()) throw new Error('a stopped fetch left a blob')
})

test('fetches and waiters are bounded', async () => {
  const cids = await Promise.all([1, 2, 3].map((seed) => rig.dag.file(bytesOf(20_000, seed))))
  const gate = new Gate()
  const log = createTestOrigin(rig.dag, (index, _, signal) => (index === 1 ? gate.pass(signal) : undefined))
  const fetcher = createFetcher({ store: rig.store, origins: [log.origin] }, { fetchesMax: 1, waitingMax: 1, waitersMax: 2 })
  const [a, b, c] = cids as [never, never, never]
  const first = await fetcher.openCid(a)
  await gate.wasReached
  const second = fetcher.openCid(b)
  await expect(fetcher.openCid(c)).rejects.toMatchObject({ code: 'FETCHER_BUSY' })
  expect(log.active).toBe(1)
  const waiting = [first.blocks.get(c), first.blocks.get(c)]
  const outcomes = Promise.allSettled(waiting)
  await expect(first.blocks.get(c)).rejects.toMatchObject({ code: 'FETCHER_BUSY' })
  gate.open()
  expect((await outcomes).every(({ status }) => status === 'rejected')).toBe(true)
  expect(await readAll(await second, b)).toEqual(Buffer.from(bytesOf(20_000, 2)))
  await fetcher.stop()
})
