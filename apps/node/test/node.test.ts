import { createClient, formatNodeAddress, type Client } from '@selvedge/client'
import { createKeyPair } from '@selvedge/crypto'
import { createGateway } from '@selvedge/gateway'
import { serveGateway } from '@selvedge/gateway/node'
import type { CID } from 'multiformats/cid'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startNode } from '../src/compose/node.ts'
import { createFileDag } from '../src/dag/file-dag.ts'
import { end, live, sampleBytes, scratchFolder } from './harness.ts'

vi.setConfig({ testTimeout: 600_000 }) // processes are started here, and nothing is said of how long they take

const DATA = sampleBytes(30_000_000, 11)
const LEAF = 256 * 1024

interface Origin {
  readonly url: string
  readonly cid: CID
  readonly requests: string[]
  /** Blocks are given out only when this resolves. */
  gate: Promise<void>
}

/** A gateway over one file, which counts what it is asked and gives nothing out while its gate is shut. */
async function startOrigin(folder: string): Promise<Origin> {
  const file = join(folder, 'file')
  await writeFile(file, DATA)
  const dag = createFileDag()
  const cid = await dag.build([{ path: 'file', file, size: DATA.length }], { wrap: false })
  const origin = { cid, requests: [] as string[], gate: Promise.resolve(), url: '' }
  let served = 0
  const blocks = {
    async get(each: CID) {
      if (served++ > 60) await origin.gate
      return await dag.blocks.get(each)
    },
  }
  const gateway = createGateway({ blocks })
  const server = await serveGateway({
    answer(question) {
      origin.requests.push(new URL(question.url).search)
      return gateway.answer(question)
    },
  })
  onTestFinished(() => server.stop())
  origin.url = server.url
  return origin
}

function clientOf(address: string): Client {
  const client = createClient({ nodes: [address] })
  onTestFinished(() => client.close())
  return client
}

async function fetchAll(client: Client, cid: CID): Promise<boolean> {
  const parts: Uint8Array[] = []
  for await (const { bytes } of await client.get(cid)) parts.push(bytes.slice())
  return Buffer.concat(parts).equals(DATA)
}

test('many clients that ask at once for what the node has not got are one fetch from the origin', async () => {
  const folder = await scratchFolder()
  const origin = await startOrigin(folder)
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins: [origin.url] })
  onTestFinished(() => node.stop())
  const address = formatNodeAddress(node)
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => fetchAll(clientOf(address), origin.cid)))
  expect(outcomes).toEqual(Array.from({ length: 8 }, () => true))
  expect(origin.requests).toHaveLength(1)
})

test('a cold range costs that range, at the origin and at the client', async () => {
  const folder = await scratchFolder()
  const origin = await startOrigin(folder)
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins: [origin.url] })
  onTestFinished(() => node.stop())
  const [start, asked] = [24_000_000, 8 * 2 ** 20 - 5_000_000]
  const download = await clientOf(formatNodeAddress(node)).get(origin.cid, { range: { start, end: start + asked } })
  expect(download).toMatchObject({ mode: 'car', size: DATA.length })
  const parts: Uint8Array[] = []
  for await (const { bytes } of download) parts.push(bytes.slice())
  expect(Buffer.concat(parts).equals(DATA.subarray(start, start + asked))).toBe(true)
  expect(download.receivedBytes).toBeLessThan(asked + 2 * LEAF + 64 * 1024)
  expect(origin.requests).toHaveLength(1)
  expect(origin.requests[0]).toContain('entity-bytes=')
})

test('a node that is killed with -9 while it fetches starts clean, and fetches again', { timeout: 600_000 }, async () => {
  const folder = await scratchFolder()
  const origin = await startOrigin(folder)
  let open: () => void = () => {}
  origin.gate = new Promise((resolve) => (open = resolve))
  const args = ['run', '--data', 'data', '--listen', '127.0.0.1:0', '--origin', origin.url]
  const first = await live(args, folder)
  const client = clientOf(first.first.address as string)
  let came = 0
  const reading = (async () => {
    for await (const { bytes } of await client.get(origin.cid)) {
      came += bytes.length
      if (came >= 40 * LEAF && first.child.signalCode === null) await end(first.child, 'SIGKILL')
    }
  })()
  await expect(reading).rejects.toMatchObject({ code: 'CLIENT_INTERRUPTED' })
  expect(came).toBeGreaterThanOrEqual(40 * LEAF)
  open()
  const second = await live(args, folder)
  expect(await fetchAll(clientOf(second.first.address as string), origin.cid)).toBe(true)
  const reader = clientOf(second.first.address as string)
  // Kept this time: a moment after its last byte, when the store has it for good.
  const modeNow = async (): Promise<string> => {
    const again = await reader.get(origin.cid, { range: { start: 0, end: 1 } })
    for await (const part of again) expect(part.offset).toBe(0)
    return again.mode
  }
  await expect.poll(modeNow, { timeout: 300_000, interval: 20 }).toBe('proof')
  expect(await end(second.child)).toBe(0)
})

test('a client that leaves ends the fetch that nobody else waits for', async () => {
  const folder = await scratchFolder()
  const origin = await startOrigin(folder)
  let open: () => void = () => {}
  origin.gate = new Promise((resolve) => (open = resolve))
  const node = await startNode(createKeyPair(), { dataDir: join(folder, 'data'), host: '127.0.0.1', port: 0, origins: [origin.url] })
  const client = clientOf(formatNodeAddress(node))
  for await (const { bytes } of await client.get(origin.cid)) {
    expect(bytes.length).toBeGreaterThan(0)
    break
  }
  await client.close()
  await node.stop() // would wait for the fetch, which waits at the gate
  open()
})

test('a node whose second port is taken is no node: nothing of it is left, and it starts when the port is free', async () => {
  const dataDir = join(await scratchFolder(), 'data')
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { readonly port: number }
  const identity = createKeyPair()
  const options = { dataDir, host: '127.0.0.1', port: 0, origins: ['http://127.0.0.1:9'] }
  const websocket = { port, x25519Secret: new Uint8Array(32).fill(1) }
  await expect(startNode(identity, { ...options, websocket })).rejects.toMatchObject({ code: 'NODE_LISTEN' })
  holder.close()
  await once(holder, 'close')
  const node = await startNode(identity, { ...options, websocket })
  onTestFinished(() => node.stop())
  expect(node.websocketPort).toBe(port)
})
