/** Two mistakes that agree prove nothing: here the other end is somebody else's code. */
import { createVerifiedFetch } from '@helia/verified-fetch'
import { CarReader } from '@ipld/car'
import { exporter } from 'ipfs-unixfs-exporter'
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createFileDag } from '../src/dag/file-dag.ts'
import { listFiles } from '../src/dag/file-list.ts'
import { serveDag } from '../src/dag/serve-dag.ts'
import { sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

const BIG = sampleBytes(3_000_000, 5)
const LEAF_BYTES = 16 * 1024 // more than 174 leaves: two levels

async function serveSamples(): Promise<{ url: string; port: number; cid: CID; sharded: CID; names: string[] }> {
  const folder = await scratchFolder()
  await mkdir(join(folder, 'site/sub'), { recursive: true })
  await writeFile(join(folder, 'site/big.bin'), BIG)
  await writeFile(join(folder, 'site/sub/small.txt'), 'hello\n')
  await mkdir(join(folder, 'shards'))
  const names = Array.from({ length: 300 }, (_, i) => `file-${i}`)
  for (const name of names) await writeFile(join(folder, 'shards', name), `this is ${name}\n`)
  const dag = createFileDag()
  const cid = await dag.build(await listFiles(join(folder, 'site')), { leafBytes: LEAF_BYTES })
  const sharded = await dag.build(await listFiles(join(folder, 'shards')), { shardSplitThresholdBytes: 1 })
  const server = await serveDag(dag)
  onTestFinished(() => server.stop())
  return { url: server.url, port: server.port, cid, sharded, names: names.sort() }
}

interface ReadCar {
  readonly count: number
  get(cid: CID): Promise<Uint8Array>
}

async function carOf(url: string, cid: CID, query: string): Promise<ReadCar> {
  const response = await fetch(`${url}/ipfs/${cid}?format=car&${query}`, { headers: { accept: 'application/vnd.ipld.car' } })
  expect(response.status).toBe(200)
  const reader = await CarReader.fromBytes(new Uint8Array(await response.arrayBuffer()))
  expect((await reader.getRoots()).map(String)).toEqual([cid.toString()])
  let count = 0
  for await (const _ of reader.cids()) count++
  return {
    count,
    async get(each) {
      const block = await reader.get(each)
      if (block === undefined) throw new Error(`the CAR has no ${each}`)
      return block.bytes
    },
  }
}

async function contentOf(
  path: string,
  blocks: { get(cid: CID): Promise<Uint8Array> },
  range: { offset?: number; length?: number } = {},
): Promise<Buffer> {
  const entry = await exporter(path, {
    get: async function* (cid: CID) {
      yield await blocks.get(cid)
    },
  } as never) // prettier-ignore
  const parts: Uint8Array[] = []
  for await (const part of (entry as unknown as { content(range: object): AsyncIterable<Uint8Array> }).content(range)) parts.push(part)
  return Buffer.concat(parts)
}

test("the origin's CARs are read by @ipld/car, and their files by ipfs-unixfs-exporter", async () => {
  const { url, cid, sharded, names } = await serveSamples()
  const all = await carOf(url, cid, 'dag-scope=all')
  expect((await contentOf(`${cid}/big.bin`, all)).equals(BIG)).toBe(true)
  expect((await contentOf(`${cid}/sub/small.txt`, all)).toString()).toBe('hello\n')
  const shards = await carOf(url, sharded, 'dag-scope=all')
  for (const name of names) expect((await contentOf(`${sharded}/${name}`, shards)).toString()).toBe(`this is ${name}\n`)
})

test('a CAR of a range holds what that range needs, and no more', async () => {
  const { url, cid } = await serveSamples()
  const root = await carOf(url, cid, 'dag-scope=all')
  const big = (
    await exporter(`${cid}/big.bin`, {
      get: async function* (each: CID) {
        yield await root.get(each)
      },
    } as never)
  ).cid // prettier-ignore
  const part = await carOf(url, big as CID, 'entity-bytes=2000000:2099999')
  expect((await contentOf(String(big), part, { offset: 2_000_000, length: 100_000 })).equals(BIG.subarray(2_000_000, 2_100_000))).toBe(true)
  expect(part.count).toBeLessThanOrEqual(2 + Math.ceil(100_000 / LEAF_BYTES) + 1) // root, one node, the leaves
})

test('@helia/verified-fetch reads files and ranges from our gateway', { timeout: 600_000 }, async () => {
  const { url, port, cid, sharded } = await serveSamples()
  // It asks a router who has the content: this one says that we do.
  const id = base58btc.encode(Uint8Array.of(0, 36, 8, 1, 18, 32, ...sampleBytes(32))).slice(1)
  const provider = { Schema: 'peer', ID: id, Addrs: [`/ip4/127.0.0.1/tcp/${port}/http`], Protocols: ['transport-ipfs-gateway-http'] }
  const router = createServer((request, response) => {
    const isAsked = request.url?.includes('/providers/') === true
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(isAsked ? { Providers: [provider] } : { Peers: [] }))
  })
  router.listen(0, '127.0.0.1')
  await once(router, 'listening')
  const routers = [`http://127.0.0.1:${(router.address() as AddressInfo).port}`]
  const libp2pConfig = { peerDiscovery: [], addresses: { listen: [] } } // it is to talk to nobody but us
  const verifiedFetch = await createVerifiedFetch({ gateways: [url], routers, allowLocal: true, allowInsecure: true, libp2pConfig })
  onTestFinished(async () => {
    await verifiedFetch.stop()
    router.closeAllConnections()
    router.close()
  })
  const whole = await verifiedFetch(`ipfs://${cid}/big.bin`)
  expect(Buffer.from(await whole.arrayBuffer()).equals(BIG)).toBe(true)
  const part = await verifiedFetch(`ipfs://${cid}/big.bin`, { headers: { range: 'bytes=1500000-1500999' } })
  expect(part.status).toBe(206)
  expect(Buffer.from(await part.arrayBuffer()).equals(BIG.subarray(1_500_000, 1_501_000))).toBe(true)
  expect(await (await verifiedFetch(`ipfs://${sharded}/file-123`)).text()).toBe('this is file-123\n')
})
