/** `openTree`: one fetch for everything below a CID, each file and directory an entity of its own in the store. */
import { verifyCar, writeCar } from '@selvedge/verified-car'
import { hash } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { createFetcher, type Opened } from '../src/index.ts'
import { bytesOf, createTestOrigin } from './support/dag.ts'
import { Events, Gate, readAll, useRig } from './support/rig.ts'

const rig = useRig()

const FILES = [
  { path: 'site/a.txt', content: bytesOf(100, 1) },
  { path: 'site/deep/b.bin', content: bytesOf(30_000, 2) },
  { path: 'site/deep/c.bin', content: bytesOf(300_000, 3) },
  { path: 'site/empty', content: new Uint8Array(0) },
  { path: 'site/same', content: bytesOf(30_000, 2) },
]

const treeOf = (): Promise<CID> => rig.dag.add(FILES, { wrapWithDirectory: false })

/** Names with the bytes of the files, each block checked again as a client would. */
async function readTree(opened: Opened, cid: CID, signal?: AbortSignal): Promise<Map<string, Buffer>> {
  const out = new Map<string, Buffer>()
  const options = { scope: 'all', ...(signal === undefined ? {} : { signal }) } as const
  for await (const { path, kind, parts } of verifyCar(writeCar(cid, opened.blocks, options), cid, options)) {
    if (kind !== 'file') continue
    const name = path!.join('/')
    out.set(name, Buffer.concat([out.get(name) ?? Buffer.alloc(0), ...parts]))
  }
  return out
}

const expected = (): Map<string, Buffer> => new Map(FILES.map(({ path, content }) => [path.slice('site/'.length), Buffer.from(content)]))

test('a tree comes with one fetch of scope all, and everything below it is complete in the store after that', async () => {
  const cid = await treeOf()
  const { origin, asked } = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
  const cold = await fetcher.openTree(cid)
  expect(cold).toMatchObject({ complete: false, kind: 'directory' })
  expect(await readTree(cold, cid)).toEqual(expected())
  await cold.close()
  await events.seen('fetchEnded')
  expect(events.all[0]).toMatchObject({ type: 'fetchStarted', scope: 'all' })
  const warm = await fetcher.openTree(cid)
  expect(await readTree(warm, cid)).toEqual(expected())
  await warm.close()
  for await (const { cid: each, isEntityRoot, kind } of verifyCar(writeCar(cid, rig.dag.port, { scope: 'all' }), cid, { scope: 'all' })) {
    if (!isEntityRoot) continue
    const opened = await fetcher.openCid(each)
    expect(opened).toMatchObject({ complete: true, kind })
    await opened.close()
  }
  const blob = await fetcher.openRoot(hash(FILES[2]!.content))
  expect(blob?.size).toBe(300_000)
  await blob?.close()
  expect(asked).toEqual([{ cid: cid.toString(), range: '*' }])
  await fetcher.stop()
})

test('however many ask for a tree at once, the origin is asked once; a file of it that is asked meanwhile goes its own way', async () => {
  const cid = await treeOf()
  const { origin, asked } = createTestOrigin(rig.dag)
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const file = await rig.dag.file(FILES[1]!.content)
  const read = async (): Promise<Map<string, Buffer>> => {
    const opened = await fetcher.openTree(cid)
    const files = await readTree(opened, cid)
    await opened.close()
    return files
  }
  const [single, ...trees] = await Promise.all([
    fetcher.openCid(file).then(async (opened) => {
      const bytes = await readAll(opened, file)
      await opened.close()
      return bytes
    }),
    ...Array.from({ length: 10 }, read),
  ])
  expect(single).toEqual(Buffer.from(FILES[1]!.content))
  for (const tree of trees) expect(tree).toEqual(expected())
  expect(asked.filter((each) => each.cid === cid.toString())).toHaveLength(1)
  await fetcher.stop()
})

test('of a tree that is here in part, what is missing comes with one fetch of all of it, begun by the first block that is missing', async () => {
  const cid = await treeOf()
  const { origin, asked } = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
  const listed = await fetcher.openCid(cid)
  await listed.blocks.get(cid)
  await listed.close()
  await events.seen('fetchEnded')
  const opened = await fetcher.openTree(cid)
  expect(opened).toMatchObject({ complete: false, kind: 'directory' })
  expect(asked).toHaveLength(1)
  expect(await readTree(opened, cid)).toEqual(expected())
  expect(asked).toHaveLength(2)
  await opened.close() // all of it has come: the fetch is let end
  await events.seen('fetchEnded', 2)
  await rig.store.delete(hash(FILES[2]!.content)) // now the middle of it is gone
  const again = await fetcher.openTree(cid)
  expect(await readTree(again, cid)).toEqual(expected())
  await again.close()
  expect(asked).toHaveLength(3)
  await fetcher.stop()
})

test('a tree of one file is that file', async () => {
  const content = bytesOf(50_000)
  const cid = await rig.dag.file(content)
  const { origin, asked } = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
  const opened = await fetcher.openTree(cid)
  expect(opened).toMatchObject({ complete: false, kind: 'file', size: 50_000 })
  expect(await readTree(opened, cid)).toEqual(new Map([['', Buffer.from(content)]]))
  await opened.close()
  await events.seen('fetchEnded')
  expect(await fetcher.openTree(cid)).toMatchObject({ complete: true, kind: 'file', size: 50_000, root: hash(content) })
  expect(asked).toHaveLength(1)
  await fetcher.stop()
})

test('the last asker leaving ends the fetch in the middle: what was completed stays, and the next ask has all of it', async () => {
  const cid = await treeOf()
  const gate = new Gate()
  const log = createTestOrigin(rig.dag, (index, _, signal) => (index === 15 ? gate.pass(signal) : undefined))
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [log.origin] }, events)
  const controller = new AbortController()
  const opened = await fetcher.openTree(cid, { signal: controller.signal })
  const reading = readTree(opened, cid, controller.signal)
  await gate.wasReached
  controller.abort(new Error('enough'))
  await expect(reading).rejects.toThrow('enough')
  await opened.close()
  await events.seen('fetchEnded')
  expect(log.active).toBe(0)
  expect(await rig.store.entity(await rig.dag.file(FILES[0]!.content))).toMatchObject({ kind: 'file', size: 100 })
  expect(await rig.store.entity(await rig.dag.file(FILES[2]!.content))).toBeUndefined()
  gate.open()
  expect(await readTree(await fetcher.openTree(cid), cid)).toEqual(expected())
  await fetcher.stop()
})

test('an origin that dies or lies in the middle is the next one’s start, and nobody who reads sees it', async () => {
  const cid = await treeOf()
  const first = createTestOrigin(rig.dag, (index) => {
    if (index === 12) throw new Error('died')
  })
  const second = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [first.origin, second.origin] }, events)
  const opened = await fetcher.openTree(cid)
  expect(await readTree(opened, cid)).toEqual(expected())
  await opened.close()
  await events.seen('fetchEnded')
  expect([first.asked.length, second.asked.length, events.count('originFailed')]).toEqual([1, 1, 1])
  await fetcher.stop()
})

test('where the last origin fails in the middle, readers get its error, what was completed stays, and the next ask asks again', async () => {
  const cid = await treeOf()
  let isBroken = true
  const log = createTestOrigin(rig.dag, (index) => {
    if (isBroken && index === 12) throw new Error('died')
  })
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [log.origin] }, events)
  const opened = await fetcher.openTree(cid)
  await expect(readTree(opened, cid)).rejects.toThrow('died')
  await opened.close()
  await events.seen('fetchEnded')
  expect(await rig.store.entity(await rig.dag.file(FILES[0]!.content))).toMatchObject({ kind: 'file', root: hash(FILES[0]!.content) })
  isBroken = false
  expect(await readTree(await fetcher.openTree(cid), cid)).toEqual(expected())
  await fetcher.stop()
})

test('without an origin a tree that is here is read, and one that is not is not found', async () => {
  const cid = await treeOf()
  const bare = createFetcher({ store: rig.store, origins: [] })
  await expect(bare.openTree(cid)).rejects.toMatchObject({ code: 'FETCHER_NO_ORIGIN' })
  const { origin } = createTestOrigin(rig.dag)
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: [origin] }, events)
  await readTree(await fetcher.openTree(cid), cid)
  await events.seen('fetchEnded')
  expect(await readTree(await bare.openTree(cid), cid)).toEqual(expected())
  await bare.stop()
  await expect(bare.openTree(cid)).rejects.toMatchObject({ code: 'FETCHER_CLOSED' })
  await fetcher.stop()
})
