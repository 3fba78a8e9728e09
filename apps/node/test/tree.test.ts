/** Whole trees from an origin through a node to a client and a folder; and what goes wrong on the way. */
import { createClient, formatNodeAddress, type Client } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { writeCar, verifyBlocks } from '@selvedge/verified-car'
import { hash } from '@selvedge/verified-streaming'
import type { CID } from 'multiformats/cid'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Blockstore } from '@selvedge/blockstore'
import { openStore, startNode, type RunningNode } from '../src/compose/node.ts'
import { downloadTree } from '../src/download/tree-download.ts'
import { live, sampleBytes, scratchFolder } from './harness.ts'
import { shapeOf, startOrigin, TreeBlocks, treeOf, type RandomTree } from './tree-world.ts'

vi.setConfig({ testTimeout: 600_000 }) // some start processes, and nothing is said of how long they take

const COUNT = Number(process.env['RUNS'] ?? 12)
const FIRST = Number(process.env['SEED'] ?? 1)
/** What ends by itself is waited for as long as it takes. */
const POLL = { timeout: 300_000 }

async function setting(folder: string, origins: readonly string[]): Promise<{ node: RunningNode; client: Client }> {
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins })
  onTestFinished(() => node.stop())
  const client = createClient({ nodes: [formatNodeAddress(node)] })
  onTestFinished(() => client.close())
  return { node, client }
}

interface Came {
  readonly files: Map<string, Uint8Array>
  readonly symlinks: Map<string, string>
  readonly directories: Set<string>
}

async function fetchTree(client: Client, cid: CID, onFile: (count: number) => void = () => {}): Promise<Came> {
  const came: Came = { files: new Map(), symlinks: new Map(), directories: new Set() }
  for await (const { path, kind, content } of client.getTree(cid)) {
    const parts: Uint8Array[] = []
    for await (const part of content) parts.push(part.slice())
    const bytes = Buffer.concat(parts)
    if (kind === 'directory') came.directories.add(path)
    else if (kind === 'symlink') came.symlinks.set(path, bytes.toString())
    else onFile(came.files.set(path, new Uint8Array(bytes)).size)
  }
  return came
}

const plain = ({ files, symlinks, directories }: Came | RandomTree): object => ({
  files: Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')])),
  symlinks: Object.fromEntries(symlinks),
  directories: [...directories].sort(),
})

/** Of every file below `cid`: whether the store has it as an entity; it throws where one is there and not whole. */
async function wholeFiles(store: Blockstore, cid: CID, blocks: TreeBlocks): Promise<Map<string, boolean>> {
  const out = new Map<string, boolean>()
  const parts = new Map<string, Uint8Array[]>()
  const cids = new Map<string, CID>()
  for await (const block of verifyBlocks(cid, blocks, { scope: 'all' })) {
    if (block.kind !== 'file') continue
    const path = block.path!.join('/')
    if (block.isEntityRoot) cids.set(path, block.cid)
    parts.set(path, [...(parts.get(path) ?? []), ...block.parts.map((part) => part.slice())])
  }
  for (const [path, file] of cids) {
    const entity = await store.entity(file)
    out.set(path, entity !== undefined)
    if (entity === undefined) continue
    const flat = Buffer.concat(parts.get(path)!)
    expect(entity).toMatchObject({ kind: 'file', size: flat.length, root: hash(flat) })
    for await (const { cid: each, block } of verifyBlocks(file, blocks)) expect(await store.getBlock(each)).toEqual(new Uint8Array(block))
    const blob = await store.open(hash(flat))
    expect(Buffer.from((await blob?.data.readAt(0, flat.length)) ?? [])).toEqual(flat)
    await blob?.close()
  }
  return out
}

async function contentsOf(folder: string, prefix = ''): Promise<Record<string, string>> {
  const out: Record<string, string> = {}
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) Object.assign(out, await contentsOf(folder, path))
    else out[path] = (await readFile(join(folder, path))).toString('base64')
  }
  return out
}

test.each(Array.from({ length: COUNT }, (_, i) => FIRST + i))(
  'a random tree comes out equal, cold, warm and into a folder, each of its files whole in the store, seed %i',
  async (seed) => {
    const folder = await scratchFolder()
    const blocks = new TreeBlocks()
    const tree = await treeOf(shapeOf(seed), blocks)
    const origin = await startOrigin(blocks)
    const { node, client } = await setting(folder, [origin.url])
    expect(plain(await fetchTree(client, tree.cid))).toEqual(plain(tree))
    await expect.poll(async () => [...(await wholeFiles(node.store, tree.cid, blocks)).values()].every(Boolean), POLL).toBe(true)
    expect(plain(await fetchTree(client, tree.cid))).toEqual(plain(tree))
    expect(origin.asked.length).toBe(1)
    const result = await downloadTree(client, tree.cid, join(folder, 'out'))
    expect(result).toMatchObject({ kind: 'directory', files: tree.files.size, here: 0, skipped: ['link'] })
    const expected = (plain(tree) as { files: object }).files
    expect(await contentsOf(join(folder, 'out'))).toEqual(expected)
    const again = await downloadTree(client, tree.cid, join(folder, 'out'))
    expect(again).toMatchObject({ files: tree.files.size, bytes: result.bytes })
    expect(await contentsOf(join(folder, 'out'))).toEqual(expected)
    expect((await readdir(folder)).sort()).toEqual(['data', 'out'])
  },
)

/** A tree of `count` small files, a large one in the middle, in directories of ten. */
async function wideTree(blocks: TreeBlocks, count: number): Promise<{ cid: CID; tree: RandomTree }> {
  const files = Array.from({ length: count }, (_, i) => ({ path: [`d${Math.floor(i / 10)}`, `f${i}`], size: 200 + i, seed: i + 1 }))
  files.splice(count / 2, 0, { path: [`d${Math.floor(count / 20)}`, 'large'], size: 3_000_000, seed: 999 })
  const shape = { files, leafBytes: 262_144, isRaw: true, isSharded: false, isTwice: false, inlineBytes: 3 }
  const tree = await treeOf(shape, blocks)
  return { cid: tree.cid, tree }
}

/** An origin of one CAR, which it answers with as the test says. */
async function startRawOrigin(answer: (response: ServerResponse) => Promise<void> | void): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=y' })
    void answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function carOf(cid: CID, blocks: TreeBlocks): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of writeCar(cid, blocks, { scope: 'all' })) parts.push(part)
  return Buffer.concat(parts)
}

test('two clients that ask for the same tree at once share one request of the origin', async () => {
  const blocks = new TreeBlocks()
  const { cid, tree } = await wideTree(blocks, 60)
  const origin = await startOrigin(blocks)
  const folder = await scratchFolder()
  const { node } = await setting(folder, [origin.url])
  const clients = [0, 1].map(() => createClient({ nodes: [formatNodeAddress(node)] }))
  for (const client of clients) onTestFinished(() => client.close())
  for (const came of await Promise.all(clients.map((client) => fetchTree(client, cid)))) expect(plain(came)).toEqual(plain(tree))
  expect(origin.asked).toHaveLength(1)
  expect(origin.asked[0]).toContain('dag-scope=all')
})

test('an origin that lies in the middle of a tree: what came before is true, stays and is whole, and nothing wrong does', async () => {
  const blocks = new TreeBlocks()
  const { cid, tree } = await wideTree(blocks, 60)
  const car = await carOf(cid, blocks)
  const at = car.indexOf(Buffer.from(tree.files.get('tree/d3/f30')!).subarray(0, 100))
  car[at + 50]! ^= 1
  const url = await startRawOrigin((response) => void response.end(car))
  const folder = await scratchFolder()
  const { node, client } = await setting(folder, [url])
  let count = 0
  await expect(fetchTree(client, cid, (files) => (count = files))).rejects.toMatchObject({
    code: 'CLIENT_REFUSED',
    details: { finer: 'CAR_BAD_HASH' },
  })
  const known = await wholeFiles(node.store, cid, blocks)
  const kept = [...known].filter(([, isHere]) => isHere).map(([path]) => path)
  expect(kept.length).toBeGreaterThanOrEqual(count)
  expect(kept).toContain('tree/d0/f0')
  expect(kept).not.toContain('tree/d3/f30')
  const origin = await startOrigin(blocks)
  const second = await setting(join(folder, 'second'), [url, origin.url])
  expect(plain(await fetchTree(second.client, cid))).toEqual(plain(tree))
})

test('a client that leaves in the middle frees the lane and the request of the origin', async () => {
  const blocks = new TreeBlocks()
  const { cid } = await wideTree(blocks, 60)
  const car = await carOf(cid, blocks)
  const { promise: ended, resolve: end } = Promise.withResolvers<string>()
  const url = await startRawOrigin((response) => {
    response.on('close', () => end('closed'))
    response.write(car.subarray(0, 20_000)) // and then nothing
  })
  const { client } = await setting(await scratchFolder(), [url])
  for await (const { path } of client.getTree(cid)) if (path === 'tree/d0/f3') break
  expect(await ended).toBe('closed')
})

test('kill -9 of the node in the middle of a tree leaves what was completed, whole, and nothing of what was not; the next one goes on', async () => {
  const blocks = new TreeBlocks()
  const { cid, tree } = await wideTree(blocks, 80)
  const car = await carOf(cid, blocks)
  const cut = car.indexOf(Buffer.from(tree.files.get('tree/d4/large')!).subarray(1_500_000, 1_500_100))
  const url = await startRawOrigin((response) => void response.write(car.subarray(0, cut)))
  const folder = await scratchFolder()
  const run = ['run', '--data', 'data', '--listen', '127.0.0.1:0', '--origin']
  const node = await live([...run, url], folder)
  const client = createClient({ nodes: [node.first['address'] as string] })
  onTestFinished(() => client.close())
  const exited = once(node.child, 'exit')
  const reading = fetchTree(client, cid, (count) => {
    if (count === 42) node.child.kill('SIGKILL') // while the large file arrives
  })
  await expect(reading).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
  await exited
  const store = await openStore(join(folder, 'data'))
  const known = await wholeFiles(store, cid, blocks)
  await store.stop()
  expect(known.get('tree/d4/large')).toBe(false)
  expect(known.get('tree/d7/f79')).toBe(false)
  const origin = await startOrigin(blocks)
  const next = await live([...run, origin.url], folder)
  const second = createClient({ nodes: [next.first['address'] as string] })
  onTestFinished(() => second.close())
  expect(plain(await fetchTree(second, cid))).toEqual(plain(tree))
})

test('a folder whose download was ended in the middle goes on: what is whole is not fetched again, and a large file where it was', async () => {
  const blocks = new TreeBlocks()
  const { cid, tree } = await wideTree(blocks, 60)
  const origin = await startOrigin(blocks)
  const folder = await scratchFolder()
  const { client } = await setting(folder, [origin.url])
  const out = join(folder, 'out')
  const car = await carOf(cid, blocks)
  const cut = car.indexOf(Buffer.from(tree.files.get('tree/d3/large')!).subarray(1_500_000, 1_500_100))
  const stalling = await startRawOrigin((response) => void response.write(car.subarray(0, cut)))
  const first = await setting(join(folder, 'first'), [stalling])
  const controller = new AbortController()
  const ending = downloadTree(first.client, cid, out, { signal: controller.signal })
  const outcome = ending.then(
    () => undefined,
    (error: unknown) => error,
  )
  await expect
    .poll(
      () =>
        stat(`${out}.part`).then(
          ({ size }) => size,
          () => 0,
        ),
      POLL,
    )
    .toBeGreaterThan(1_000_000)
  controller.abort(new Error('enough'))
  expect(await outcome).toMatchObject({ message: 'enough' })
  const partBytes = (await stat(`${out}.part`)).size
  const result = await downloadTree(client, cid, out)
  expect(result).toMatchObject({ kind: 'directory', files: tree.files.size })
  expect(result.here).toBeGreaterThanOrEqual(30)
  const missing = [...tree.files].reduce((sum, [path, { length }]) => sum + (path.endsWith('large') ? length - partBytes : length), 0)
  expect(result.receivedBytes).toBeLessThan(missing + 262_144 + 65_536)
  expect(await contentsOf(out)).toEqual((plain(tree) as { files: object }).files)
  expect((await readdir(folder)).sort()).toEqual(['data', 'first', 'out'])
})

test('a directory with a name that leaves it is refused before anything outside of the folder is touched', async () => {
  const blocks = new TreeBlocks()
  const leaf = await blocks.node(0x55, Uint8Array.of(1))
  const cid = await blocks.directory([
    ['../outside', leaf],
    ['fine', leaf],
  ])
  const origin = await startOrigin(blocks)
  const folder = await scratchFolder()
  const { client } = await setting(folder, [origin.url])
  for (let round = 0; round < 2; round++) {
    await expect(downloadTree(client, cid, join(folder, 'out'))).rejects.toMatchObject({ code: 'NODE_BAD_NAME' })
    expect((await readdir(folder)).filter((each) => each.startsWith('outside'))).toEqual([])
  }
})

test('files with the same bytes as before come as they are, sizes of every kind', async () => {
  const blocks = new TreeBlocks()
  const sizes = [0, 1, 16_384, 16_385, 262_144, 262_145, 524_288, 1_000_000]
  const files = sizes.flatMap((size, i) => [0, 1].map((twin) => ({ path: [`s${i}-${twin}`], size, seed: i + 1 })))
  const tree = await treeOf({ files, leafBytes: 262_144, isRaw: false, isSharded: true, isTwice: true, inlineBytes: 128 }, blocks)
  const origin = await startOrigin(blocks)
  const { node, client } = await setting(await scratchFolder(), [origin.url])
  expect(plain(await fetchTree(client, tree.cid))).toEqual(plain(tree))
  await expect.poll(async () => [...(await wholeFiles(node.store, tree.cid, blocks)).values()].every(Boolean), POLL).toBe(true)
  const blobs: Uint8Array[] = []
  for await (const { root } of node.store.list()) blobs.push(root)
  expect(blobs.length).toBe(sizes.length + 1) // each content once
  expect(hash(sampleBytes(1_000_000, 8))).toEqual(blobs.find((root) => Buffer.compare(root, hash(sampleBytes(1_000_000, 8))) === 0))
})
