/** What the caller does himself ends what he asked for, and is no node's failure: no further node is asked for it. */
import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createClient, type CidLike, type Client, type GetOptions } from '../src/index.ts'
import { MemoryContent, sampleBytes, serving, startNode, stoppingAfter, type TestNode } from './node.ts'

const SIZE = 300_000
const DATA = sampleBytes(SIZE)
/** More than the parts that DATA comes in. */
const MANY = 100
const mine = new Error("the caller's own")

function clientOf(nodes: readonly TestNode[]): Client {
  const client = createClient({ nodes })
  onTestFinished(() => client.close())
  return client
}

async function ended({ requests }: TestNode): Promise<void> {
  const { signal } = requests[0]!
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

/** Throws when it is called for the third time. */
function throwing(): () => void {
  let calls = 0
  return () => {
    if (++calls === 3) throw mine
  }
}

interface Asked {
  readonly client: Client
  readonly cid: CidLike
  readonly root: Uint8Array
}

async function read(client: Client, address: CidLike | Uint8Array, options: GetOptions): Promise<void> {
  let position = 0
  for await (const { offset, bytes } of await client.get(address, options)) {
    expect(offset).toBe(position)
    position += bytes.length
  }
}

test.each<[string, (asked: Asked) => Promise<unknown>]>([
  ['onProgress of get, by root', ({ client, root }) => read(client, root, { onProgress: throwing() })],
  ['onProgress of get, by CID', ({ client, cid }) => read(client, cid, { onProgress: throwing() })],
  ['onBlock of get', ({ client, cid }) => read(client, cid, { onBlock: throwing() })],
  ['onProgress of fetch', async ({ client, root }) => await (await client.fetch(root, { onProgress: throwing() })).arrayBuffer()],
  [
    'onBlock of getTree',
    async ({ client, cid }) => {
      for await (const { content } of client.getTree(cid, { onBlock: throwing() })) for await (const _ of content);
    },
  ],
  [
    'onProgress of receive',
    async ({ client, root }) => {
      await client.receive(root, createSink(root, { store: createMemoryStore() }), { onProgress: throwing() })
    },
  ],
])('what is thrown by %s is thrown on as it is, and the next node is not asked', async (_, ask) => {
  const content = new MemoryContent()
  const [cid, root] = [await content.add({ file: DATA }), await content.addRoot(DATA)]
  const [first, second] = [await startNode(serving(content)), await startNode(serving(content))]
  await expect(ask({ client: clientOf([first, second]), cid, root })).rejects.toBe(mine)
  expect([first.requests.length, second.requests.length]).toEqual([1, 0])
})

test.each(['root', 'CID'])(
  'a download that is closed while its node stalls tells its reader so, and asks no other node, by %s',
  async (how) => {
    const content = new MemoryContent()
    const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
    const [first, second] = [await startNode(stoppingAfter(SIZE / 2, serving(content))), await startNode(serving(content))]
    const download = await clientOf([first, second]).get(address)
    const parts = download[Symbol.asyncIterator]()
    const asked = Array.from({ length: MANY }, () => parts.next())
    const settled = Promise.allSettled(asked)
    await asked[3]
    download.close()
    const failed = (await settled).filter(({ status }) => status === 'rejected')
    expect(failed).toEqual([{ status: 'rejected', reason: expect.objectContaining({ code: 'CLIENT_CLOSED' }) }])
    await ended(first)
    expect(second.requests).toEqual([])
  },
)

test('a body that is cancelled while its node stalls asks no other node', async () => {
  const content = new MemoryContent()
  const [first, second] = [await startNode(stoppingAfter(SIZE / 2, serving(content))), await startNode(serving(content))]
  const reader = (await clientOf([first, second]).fetch(await content.addRoot(DATA))).body!.getReader()
  for (let bytes = 0; bytes < 131_072; ) bytes += (await reader.read()).value!.length
  const asked = [reader.read(), reader.read(), reader.read()] // more than what can still be verified
  await new Promise((resolve) => setImmediate(resolve))
  await reader.cancel()
  expect(await asked[2]).toEqual({ done: true, value: undefined })
  await ended(first)
  expect(second.requests).toEqual([])
})

test('a download that is closed while the next node is asked leaves that one too', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const broken = await startNode(async (request) => {
    const accept: LaneRequest['accept'] = (metadata) => {
      const lane = request.accept(metadata)
      return Object.assign(Object.create(lane) as typeof lane, { write: async () => lane.reset(23) })
    }
    await serving(content)({ ...request, accept }).catch(() => undefined)
  })
  const silent = await startNode(async () => {})
  const third = await startNode(serving(content))
  const download = await clientOf([broken, silent, third]).get(root)
  const told = Promise.allSettled([download[Symbol.asyncIterator]().next()])
  await vi.waitFor(() => expect(silent.requests).toHaveLength(1), { timeout: 20_000 })
  download.close()
  expect(await told).toMatchObject([{ status: 'rejected', reason: { code: 'CLIENT_CLOSED' } }])
  await ended(silent)
  expect(third.requests).toEqual([])
})

test('what is read of a download after it was closed is CLIENT_CLOSED', async () => {
  const content = new MemoryContent()
  const [file, folder] = [await content.add({ file: DATA }), await content.add({ a: DATA, b: DATA })]
  const client = clientOf([await startNode(serving(content)), await startNode(serving(content))])
  const closed = await client.get(file)
  closed.close()
  await expect(closed[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
  const directory = await client.get(folder)
  directory.close()
  await expect(directory.entries()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'CLIENT_CLOSED' })
})

test.each<[string, (asked: Asked, signal: AbortSignal) => Promise<unknown>]>([
  ['get', ({ client, root }, signal) => client.get(root, { signal })],
  ['fetch', ({ client, root }, signal) => client.fetch(root, { signal })],
  ['getTree', ({ client, cid }, signal) => client.getTree(cid, { signal })[Symbol.asyncIterator]().next()],
  ['receive', ({ client, root }, signal) => client.receive(root, createSink(root, { store: createMemoryStore() }), { signal })],
])('an abort in the same turn as %s ends it', async (_, ask) => {
  const content = new MemoryContent()
  const [cid, root] = [await content.add({ file: DATA }), await content.addRoot(DATA)]
  const controller = new AbortController()
  const asked = ask({ client: clientOf([await startNode(async () => {})]), cid, root }, controller.signal)
  controller.abort(mine)
  await expect(asked).rejects.toBe(mine)
})
