// Goal: a node whose store is full serves all that it can fetch, of any size, keeps what is wanted, and never holds more than it may.
// Method: real nodes with an origin of real files behind them, and clients that check what they get.
import { createClient, formatNodeAddress } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { createGateway } from '@selvedge/gateway'
import { serveGateway } from '@selvedge/gateway/node'
import { hash } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { EvictionEvent } from '../src/compose/eviction.ts'
import { type RunningNode, startNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { MIB } from './eviction-world.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

interface Served {
  readonly cid: CID
  readonly root: Uint8Array
  readonly data: Buffer
}

/** An origin of files of these sizes. */
async function startOrigin(folder: string, sizes: readonly number[]): Promise<{ readonly url: string; readonly files: readonly Served[] }> {
  const files: Served[] = []
  const blocks: ((cid: CID) => Promise<Uint8Array>)[] = []
  for (const [i, size] of sizes.entries()) {
    const file = join(folder, `file-${i}`)
    const data = sampleBytes(size, i + 1)
    await writeFile(file, data)
    const dag = createFileDag()
    files.push({ cid: await dag.build([{ path: 'file', file, size }], { wrap: false }), root: hash(data), data })
    blocks.push((cid) => dag.blocks.get(cid))
  }
  const server = await serveGateway(createGateway({ blocks: { get: (cid) => Promise.any(blocks.map((get) => get(cid))) } }))
  onTestFinished(() => server.stop())
  return { url: server.url, files }
}

const FILE_BYTES = 2_500_000
const LARGE_BYTES = 9_000_000

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
  const { url, files } = await startOrigin(folder, Array<number>(20).fill(FILE_BYTES))
  const { node, events, get } = await startFetching(folder, url)
  const wanted = files[0]!
  for (const each of files.flatMap((file) => [file, wanted])) await get(each)
  expect(events.filter(({ type }) => type === 'evicted').length).toBeGreaterThanOrEqual(13)
  expect(await node.store.entity(wanted.cid)).toBeDefined()
  expect(node.status()).toMatchObject({ store: { bytesMax: 16 * MIB }, pins: { pins: 0, own: 0 } })
  expect(node.status().service.requests).toBeGreaterThanOrEqual(40)
  expect(node.status().service.cpuMicros).toBeGreaterThan(0)
})

test('a file that is larger than a fifth of a full store passes through it: all of it arrives, nothing leaves for it, and it is not kept', {
  timeout: 600_000,
}, async () => {
  const folder = await scratchFolder()
  const { url, files } = await startOrigin(folder, [FILE_BYTES, FILE_BYTES, FILE_BYTES, FILE_BYTES, LARGE_BYTES, LARGE_BYTES])
  const [small, large] = [files.slice(0, 4), files.slice(4)]
  const { node, events, get } = await startFetching(folder, url)
  for (const each of small) await get(each)
  for (const each of large) {
    await get(each)
    expect([await node.store.entity(each.cid), await node.store.has(each.root)]).toEqual([undefined, false])
  }
  for (const each of small) await expect.poll(() => node.store.has(each.root), { timeout: 60_000, interval: 10 }).toBe(true)
  expect(events).toEqual([])
})

test('the same file is kept by a store that has room for it', { timeout: 600_000 }, async () => {
  const folder = await scratchFolder()
  const { url, files } = await startOrigin(folder, [LARGE_BYTES])
  const { node, get } = await startFetching(folder, url)
  await get(files[0]!)
  await expect.poll(() => node.store.has(files[0]!.root), { timeout: 60_000, interval: 10 }).toBe(true)
})

test('what two asked for while it came is worth more than what one did, though nobody has asked for it since', {
  timeout: 600_000,
}, async () => {
  const folder = await scratchFolder()
  const { url, files } = await startOrigin(folder, Array<number>(8).fill(FILE_BYTES))
  const { node, events, get } = await startFetching(folder, url)
  const [shared, ...others] = files.toSorted((a, b) => Buffer.compare(a.root, b.root)) // a list has it first, so what is worth the same goes before it never
  await Promise.all([get(shared!), get(shared!)])
  for (const each of others) await get(each)
  expect(events.filter(({ type }) => type === 'evicted').length).toBeGreaterThanOrEqual(1)
  expect(await node.store.has(shared!.root)).toBe(true)
})
