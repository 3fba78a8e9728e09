/**
 * Goal: what has left a full store before it is read is read all the same, once for whoever wants it, and nothing else is fetched for it.
 * Method: the real store, from which everything is taken away between the arrival of a content and its reading.
 */
import { verifyCar, writeCar } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { createFetcher, type Fetcher, type FetcherOptions, type OriginPort, type Opened } from '../src/index.ts'
import { bytesOf, createTestOrigin, type Fault, type OriginLog } from './support/dag.ts'
import { Events, Gate, readAll, useRig } from './support/rig.ts'

const rig = useRig()
const FILES = [
  { path: 'site/a.txt', content: bytesOf(100, 1) },
  { path: 'site/deep/b.bin', content: bytesOf(30_000, 2) },
  { path: 'site/deep/c.bin', content: bytesOf(300_000, 3) },
  { path: 'site/same', content: bytesOf(30_000, 2) },
]

/** All that the store holds leaves it. */
async function empty(): Promise<void> {
  const roots: Uint8Array[] = []
  for await (const { root } of rig.store.list()) roots.push(root)
  for (const root of roots) await rig.store.delete(root)
  await rig.store.forgetBlocks(0)
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

async function cidsOf(cid: CID): Promise<CID[]> {
  const cids: CID[] = []
  for await (const block of verifyCar(writeCar(cid, rig.dag.port, { scope: 'all' }), cid, { scope: 'all' })) cids.push(block.cid as CID)
  return cids
}

interface Emptied {
  readonly fetcher: Fetcher<unknown>
  readonly opened: Opened
  readonly logs: readonly OriginLog[]
  readonly events: Events
  /** Of the tree, in its order. */
  readonly cids: readonly CID[]
}

/** A tree that has come, and has left the store again. @param faults - of each origin. */
async function emptied(faults: readonly (Fault | undefined)[] = [undefined], options: FetcherOptions = {}): Promise<Emptied> {
  const cid = await rig.dag.add(FILES, { wrapWithDirectory: false })
  const logs = faults.map((fault) => createTestOrigin(rig.dag, fault))
  const events = new Events()
  const fetcher = createFetcher({ store: rig.store, origins: logs.map(({ origin }) => origin) }, { ...options, onEvent: events.onEvent })
  const opened = await fetcher.openTree(cid)
  await events.seen('fetchEnded')
  await empty()
  return { fetcher, opened, logs, events, cids: await cidsOf(cid) }
}

test('a tree that has come and has left is read whole, each block fetched by itself, and none of it is kept', async () => {
  const { fetcher, opened, logs, events, cids } = await emptied()
  const [root] = cids as [CID]
  const files = new Map<string, Buffer>()
  for await (const { path, kind, parts } of verifyCar(writeCar(root, opened.blocks, { scope: 'all' }), root, { scope: 'all' })) {
    if (kind !== 'file') continue
    const name = path!.join('/')
    files.set(name, Buffer.concat([files.get(name) ?? Buffer.alloc(0), ...parts]))
  }
  expect(files).toEqual(new Map(FILES.map(({ path, content }) => [path.slice('site/'.length), Buffer.from(content)])))
  const [whole, ...single] = logs[0]!.asked.map((each) => each.cid)
  expect([whole, new Set(single)]).toEqual([String(root), new Set(cids.map(String))])
  expect([single.length, rig.store.blockBytes]).toEqual([events.count('blockLeft'), 0])
  for await (const _ of rig.store.list()) throw new Error('it was kept')
  await opened.close()
  await fetcher.stop()
})

test('what has left while the rest is still arriving is not waited for until the end', async () => {
  const content = bytesOf(100_000)
  const cid = await rig.dag.file(content)
  const gate = new Gate()
  const came: CID[] = []
  const { origin } = createTestOrigin(rig.dag, async (index, block, signal) => {
    if (index === 10) await gate.pass(signal)
    came.push(block.cid)
  })
  const fetcher = createFetcher({ store: rig.store, origins: [origin] })
  const range = { start: 0, end: 90_000 }
  const opened = await fetcher.openCid(cid, { ranges: [range] })
  await gate.wasReached
  const first = came.slice()
  expect(first.length).toBe(10)
  const isThere = async (): Promise<boolean> => (await Promise.all(first.map((each) => rig.store.getBlock(each)))).every(Boolean)
  await expect.poll(isThere, { interval: 1, timeout: 10_000 }).toBe(true)
  await empty()
  const given: Uint8Array[] = []
  for (const each of first) void opened.blocks.get(each).then((block) => given.push(block))
  await expect.poll(() => given.length, { interval: 1, timeout: 10_000 }).toBe(10) // the gate is closed
  expect(new Set(given.map(String))).toEqual(new Set((await Promise.all(first.map((each) => rig.dag.port.get(each)))).map(String)))
  gate.open()
  expect(await readAll(opened, cid, range)).toEqual(Buffer.from(content.subarray(0, 90_000)))
  await opened.close()
  await fetcher.stop()
})

test('a block of another content is none that has left', async () => {
  const { fetcher, opened, logs } = await emptied()
  const other = await rig.dag.file(bytesOf(50, 9))
  await expect(opened.blocks.get(other)).rejects.toMatchObject({ code: 'FETCHER_NOT_FOUND' })
  expect(logs[0]!.asked.length).toBe(1)
  await fetcher.stop()
})

test('however many want it, it is fetched once at a time; one who leaves ends nothing for the others, the last one ends it', async () => {
  let gate: Gate | undefined
  const { fetcher, opened, logs, cids } = await emptied([async (_, __, signal) => await gate?.pass(signal)])
  const [log, leaf] = [logs[0]!, cids.at(-1)!]
  gate = new Gate()
  const controller = new AbortController()
  const leaving = opened.blocks.get(leaf, { signal: controller.signal })
  const staying = [opened.blocks.get(leaf), opened.blocks.get(leaf)]
  await gate.wasReached
  await turns() // all three wait
  controller.abort(new Error('enough'))
  await expect(leaving).rejects.toThrow('enough')
  gate.open()
  const given = await Promise.all(staying)
  for (const block of given) expect(block).toEqual(await rig.dag.port.get(leaf))
  expect(given[0]!.buffer).not.toBe(given[1]!.buffer) // each has its own
  expect([log.asked.length, log.active]).toEqual([2, 0])
  gate = new Gate()
  const alone = new AbortController()
  const last = opened.blocks.get(leaf, { signal: alone.signal })
  await gate.wasReached
  expect(log.active).toBe(1)
  alone.abort(new Error('enough'))
  await expect(last).rejects.toThrow('enough')
  await expect.poll(() => log.active, { interval: 1, timeout: 10_000 }).toBe(0)
  await fetcher.stop()
})

test('an origin that dies, sends another block or none is followed by the next one; the last one’s error is thrown', async () => {
  let isBroken = false
  const dying: Fault = () => {
    if (isBroken) throw new Error('died')
  }
  const { fetcher, opened, logs, events, cids } = await emptied([dying, undefined])
  const [root, leaf] = [cids[0]!, cids.at(-1)!]
  isBroken = true
  expect(await opened.blocks.get(leaf)).toEqual(await rig.dag.port.get(leaf))
  expect([logs[1]!.asked.length, events.count('originFailed')]).toEqual([1, 1])
  await fetcher.stop()

  const { origin } = createTestOrigin(rig.dag)
  const wrong: OriginPort = { fetch: (cid, asked) => origin.fetch(asked?.scope === 'block' ? root : cid, asked) }
  const none: OriginPort = {
    async *fetch(cid, asked) {
      if (asked?.scope !== 'block') yield* origin.fetch(cid, asked)
    },
  }
  const dead: OriginPort = {
    async *fetch(cid, asked) {
      if (asked?.scope === 'block') throw new Error('died')
      yield* origin.fetch(cid, asked)
    },
  }
  const cases = [
    [wrong, { code: 'FETCHER_EMPTY' }],
    [none, { code: 'FETCHER_EMPTY' }],
    [dead, { message: 'died' }],
  ] as const
  for (const [bad, error] of cases) {
    const ends = new Events()
    const bare = createFetcher({ store: rig.store, origins: [bad] }, ends)
    const tree = await bare.openTree(root)
    await ends.seen('fetchEnded')
    await empty()
    await expect(tree.blocks.get(leaf)).rejects.toMatchObject(error)
    await bare.stop()
  }
})

test('they have bounds of their own, and stop ends them', async () => {
  const gates: Gate[] = []
  const fault: Fault = async (_, __, signal) => await gates[0]?.pass(signal)
  const { fetcher, opened, logs, cids } = await emptied([fault], { fetchesMax: 1, waitingMax: 1 })
  const gate = new Gate()
  gates.push(gate)
  const running = opened.blocks.get(cids[0]!)
  await gate.wasReached
  const waiting = opened.blocks.get(cids[1]!)
  await turns()
  const outcomes = Promise.allSettled([running, waiting])
  await expect(opened.blocks.get(cids[2]!)).rejects.toMatchObject({ code: 'FETCHER_BUSY' })
  await fetcher.stop()
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'FETCHER_CLOSED' } })
  await expect.poll(() => logs[0]!.active, { interval: 1, timeout: 10_000 }).toBe(0)
  await expect(opened.blocks.get(cids[0]!)).rejects.toMatchObject({ code: 'FETCHER_CLOSED' })
})
