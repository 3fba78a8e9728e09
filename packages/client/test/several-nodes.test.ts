import { createMemoryStore, createSink } from '@selvedge/verified-streaming'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Client, type ClientOptions, createClient, type DownloadState, type VerifiedBlock, type VerifiedPart } from '../src/index.ts'
import { severalNodes, type SpreadDecision } from '../src/several-nodes.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode, stoppingAfter, type TestNode } from './node.ts'
import { bytesFrom, of, watched } from './spread-world.ts'

const SIZE = 3_000_000
const DATA = sampleBytes(SIZE)

function clientOf(options: ClientOptions): Client {
  const client = createClient(options)
  onTestFinished(() => client.close())
  return client
}

async function bytesOf(parts: AsyncIterable<VerifiedPart>): Promise<Uint8Array> {
  const out: Uint8Array[] = []
  for await (const { bytes } of parts) out.push(bytes.slice())
  return new Uint8Array(Buffer.concat(out))
}

const startThree = async (onLane: (request: LaneRequest) => Promise<void>): Promise<TestNode[]> => [
  await startNode(onLane),
  await startNode(onLane),
  await startNode(onLane),
]

test.each([
  ['root', 4_096],
  ['cid', 65_536],
  ['cid', 4_096],
  ['cid', 100_000], // leaves that are no whole chunks
])('three nodes serve disjoint ranges of one response, by %s with leaves of %i bytes', async (how, leafBytes) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA }, leafBytes)
  const nodes = await startThree(serving(content))
  const { decisions, downloads } = watched({ patienceMs: 60_000 })
  const download = await clientOf({ nodes, downloads }).get(address)
  expect(Buffer.compare(await bytesOf(download), DATA)).toBe(0)
  const asked = of(decisions, 'asked').toSorted((a, b) => a.start - b.start)
  expect(asked[0]!.start).toBe(0)
  // Of leaves of 100,000 bytes 32 are the first whole KiB: a part is longer than the file.
  if (leafBytes !== 100_000) for (const node of nodes) expect(of(decisions, 'asked', node).length).toBeGreaterThan(0)
  await vi.waitFor(() => expect(of(decisions, 'done')).toHaveLength(asked.length), { timeout: 20_000 })
  expect(bytesFrom(decisions)).toBe(SIZE)
  expect(download.size).toBe(SIZE)
  // Nothing but proofs came besides: of each part the nodes above it, or the tree beside it.
  expect(download.receivedBytes).toBeLessThan(SIZE * 1.05)
})

test('a range is what is asked for, of a file by root and by CID', async () => {
  const content = new MemoryContent()
  const [root, cid] = [await content.addRoot(DATA), await content.add({ file: DATA }, 65_536)]
  const { decisions, downloads } = watched()
  const client = clientOf({ nodes: await startThree(serving(content)), downloads })
  for (const address of [root, cid]) {
    const range = { start: 100_001, end: 2_500_003 }
    expect(Buffer.compare(await bytesOf(await client.get(address, { range })), DATA.subarray(range.start, range.end))).toBe(0)
    expect(Math.max(...of(decisions.splice(0), 'asked').map(({ end }) => end))).toBe(range.end)
    expect(await bytesOf(await client.get(address, { range: { start: SIZE + 5 } }))).toEqual(new Uint8Array(0))
    expect(await bytesOf(await client.get(address, { range: { start: SIZE - 1, end: SIZE + 100 } }))).toEqual(DATA.slice(-1))
    decisions.length = 0
  }
  expect(await bytesOf(await client.get(await content.addRoot(new Uint8Array(0))))).toEqual(new Uint8Array(0))
  const response = await client.fetch(cid, { headers: { range: 'bytes=1000000-1999999' } })
  expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes 1000000-1999999/${SIZE}`])
  expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), DATA.subarray(1_000_000, 2_000_000))).toBe(0)
})

test('a directory and a link come from one node, as ever', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ a: DATA.subarray(0, 10), b: DATA.subarray(0, 20) })
  const nodes = await startThree(serving(content))
  const { decisions, downloads } = watched()
  const client = clientOf({ nodes, downloads })
  const names: string[] = []
  for await (const { name } of client.entries(cid)) names.push(name)
  expect(names).toEqual(['a', 'b'])
  expect(of(decisions, 'asked')).toHaveLength(1)
  const download = await client.get(cid)
  expect(download.kind).toBe('directory')
  expect(() => download[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'CLIENT_NOT_A_FILE' }))
  download.close()
  const file = await client.get(await content.add({ file: DATA }))
  await expect(file.entries()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'CLIENT_NOT_A_DIRECTORY' })
  file.close()
})

test('a node that lies about the size, with bytes that are true or not, changes nothing about what comes', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const honest = await startNode(serving(content))
  for (const size of [100, 400_000, 2 ** 40]) {
    const liar = await startNode(saying({ mode: 'blake3', size, chunkGroupLog: 4 }, [new Uint8Array(50_000)]))
    const { decisions, downloads } = watched()
    const download = await clientOf({ nodes: [liar, honest], downloads }).get(root)
    expect(Buffer.compare(await bytesOf(download), DATA)).toBe(0)
    expect(download.size).toBe(SIZE)
    expect(of(decisions, 'failed', liar)).toHaveLength(1) // and is never asked again
    expect(of(decisions, 'asked', liar)).toHaveLength(1)
  }
})

test('the error of the node that failed last is thrown when nobody is left', async () => {
  const content = new MemoryContent()
  const nodes = [await startNode(serving(content)), await startNode(serving(content))]
  const client = clientOf({ nodes, downloads: severalNodes() })
  const absent = await new MemoryContent().addRoot(DATA)
  await expect(client.get(absent)).rejects.toMatchObject({ code: 'CLIENT_NOT_FOUND' })
  await Promise.all(nodes.map((node) => node.stop()))
  await expect(client.get(await content.addRoot(DATA))).rejects.toMatchObject({ code: 'CLIENT_UNREACHABLE' })
})

test('blocks are told in the order of the bytes, each before them', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA }, 65_536)
  const client = clientOf({ nodes: await startThree(serving(content)), downloads: severalNodes() })
  const told: number[] = []
  const known = new Set<string>()
  const onBlock = ({ cid: of, fileOffset, dataStart, dataEnd }: VerifiedBlock): void => {
    known.add(of.toString())
    if (dataEnd > dataStart) told.push(fileOffset)
  }
  let offset = 0
  for await (const part of await client.get(cid, { onBlock })) {
    expect(told.at(-1)).toBeLessThanOrEqual(part.offset)
    offset += part.bytes.length
  }
  expect(offset).toBe(SIZE)
  expect(told).toEqual(Array.from({ length: Math.ceil(SIZE / 65_536) }, (_, i) => i * 65_536))
  expect(known.size).toBe(content.blocks.size)
})

const mine = new Error("the caller's own")
const asksOf = (nodes: readonly TestNode[]): LaneRequest[] => nodes.flatMap(({ requests }) => requests)
const allEnded = async (nodes: readonly TestNode[]): Promise<void> =>
  await vi.waitFor(() => expect(asksOf(nodes).every(({ signal }) => signal.aborted)).toBe(true), { timeout: 20_000 })

test.each<[string, (client: Client, root: Uint8Array) => Promise<unknown>]>([
  [
    'an abort',
    async (client, root) => {
      const controller = new AbortController()
      for await (const _ of await client.get(root, { signal: controller.signal })) controller.abort(mine)
    },
  ],
  [
    'a callback that throws',
    async (client, root) => {
      const onProgress = (): void => {
        throw mine
      }
      for await (const _ of await client.get(root, { onProgress }));
    },
  ],
])('%s ends all lanes, and is what the reader is told', async (_, read) => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = await startThree(stoppingAfter(200_000, serving(content)))
  await expect(read(clientOf({ nodes, downloads: severalNodes({ patienceMs: 50 }) }), root)).rejects.toBe(mine)
  await allEnded(nodes)
})

test('a break, and close(), end all lanes; whoever still reads is told so', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = await startThree(stoppingAfter(200_000, serving(content)))
  const client = clientOf({ nodes, downloads: severalNodes({ patienceMs: 50 }) })
  for await (const _ of await client.get(root)) break
  await allEnded(nodes)
  const download = await client.get(root)
  const parts = download[Symbol.asyncIterator]()
  await parts.next()
  const asked = Array.from({ length: 1_000 }, () => parts.next())
  const settled = Promise.allSettled(asked)
  download.close()
  const failed = (await settled).filter(({ status }) => status === 'rejected')
  expect(failed).toEqual([{ status: 'rejected', reason: expect.objectContaining({ code: 'CLIENT_CLOSED' }) }])
  await allEnded(nodes)
})

test('before it is read no more is asked for than a first part', async () => {
  const content = new MemoryContent()
  const nodes = await startThree(serving(content))
  const { decisions, downloads } = watched({ patienceMs: 60_000 })
  const client = clientOf({ nodes, downloads })
  for (const address of [await content.addRoot(DATA), await content.add({ file: DATA }, 65_536)]) {
    const before = of(decisions, 'asked').length
    const download = await client.get(address)
    await vi.waitFor(() => expect(of(decisions, 'done')).toHaveLength(before + 1), { timeout: 20_000 })
    expect(of(decisions, 'asked')).toHaveLength(before + 1)
    download.close()
  }
})

test.each(['root', 'cid'])(
  'a download goes on from its saved state in another process, alone and with several nodes, by %s',
  async (how) => {
    const content = new MemoryContent()
    const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA }, 65_536)
    const nodes = await startThree(serving(content))
    for (const downloads of [undefined, severalNodes()]) {
      const open = (): Client => clientOf(downloads === undefined ? { nodes } : { nodes, downloads })
      const kept: Uint8Array[] = []
      let saved = ''
      const range = { start: 1_000, end: 2_900_000 }
      const first = await open().get(address, { range })
      for await (const { bytes } of first) {
        kept.push(bytes.slice())
        saved = JSON.stringify(first.state())
        if (kept.length === 30) break
      }
      const from = JSON.parse(saved) as DownloadState
      const rest = await open().get(address, { from })
      for await (const { offset, bytes } of rest) {
        expect(offset).toBe(range.start + kept.reduce((sum, { length }) => sum + length, 0))
        kept.push(bytes.slice())
      }
      expect(Buffer.compare(Buffer.concat(kept), DATA.subarray(range.start, range.end))).toBe(0)
      expect(rest.receivedBytes).toBeLessThan(range.end - from.position + 150_000)
      expect(rest.state()).toEqual({ version: 1, address: rest.address, position: range.end, end: range.end })
    }
  },
)

test('nothing is an answer too: an empty range, and what was read to the end of its range and goes on from there', async () => {
  const content = new MemoryContent()
  const client = clientOf({ nodes: await startThree(serving(content)), downloads: severalNodes() })
  for (const address of [await content.addRoot(DATA), await content.add({ file: DATA }, 65_536)]) {
    const finished = await client.get(address, { range: { start: 0, end: 100 } })
    await bytesOf(finished)
    const empties = [{ range: { start: 5, end: 5 } }, { range: { start: SIZE, end: SIZE } }, { from: finished.state() }]
    for (const options of empties) {
      const download = await client.get(address, options)
      expect([download.kind, await bytesOf(download)]).toEqual(['file', new Uint8Array(0)])
    }
  }
})

test.each(['done', 'left', 'failed'])(
  'what onDecision throws, when a part is %s, is what the reader is told, and no node is blamed',
  async (type) => {
    const content = new MemoryContent()
    const root = await content.addRoot(DATA)
    const honest = await startNode(serving(content))
    const liar = await startNode(saying({ mode: 'blake3', size: 100, chunkGroupLog: 4 }, [new Uint8Array(50_000)]))
    const stalling = await startNode(stoppingAfter(200_000, serving(content)))
    const told: string[] = []
    const onDecision = (decision: SpreadDecision): void => {
      told.push(decision.type)
      if (decision.type === type) throw mine
    }
    const nodes = type === 'failed' ? [liar, honest] : type === 'left' ? [stalling, honest] : [honest]
    const client = clientOf({ nodes, downloads: severalNodes({ onDecision, patienceMs: type === 'left' ? 50 : 60_000 }) })
    await expect((async () => await bytesOf(await client.get(root)))()).rejects.toBe(mine)
    expect(told.slice(told.indexOf(type) + 1).filter((each) => each !== 'left')).toEqual([]) // nothing is begun or judged after it
  },
)

test('where onDecision throws as a part is asked, nothing else is asked and all lanes end', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const nodes = await startThree(stoppingAfter(200_000, serving(content)))
  let asked = 0
  const onDecision = ({ type }: SpreadDecision): void => {
    if (type === 'asked' && ++asked === 2) throw mine // the first that is decided together with another
  }
  const client = clientOf({ nodes, downloads: severalNodes({ onDecision, patienceMs: 60_000 }) })
  await expect((async () => await bytesOf(await client.get(root)))()).rejects.toBe(mine)
  await allEnded(nodes)
  expect(asked).toBe(2)
})

test('a saved state that is none, or of something else, is refused before anything is asked', async () => {
  const root = await new MemoryContent().addRoot(DATA)
  const client = clientOf({ nodes: [{ host: '127.0.0.1', port: 1, nodeKey: new Uint8Array(32) }] })
  const { address } = { address: Buffer.from(root).toString('hex') }
  const states: unknown[] = [
    { version: 2, address, position: 0 },
    { version: 1, address: address.replace(/^./, (c) => (c === '0' ? '1' : '0')), position: 0 },
    { version: 1, address, position: -1 },
    { version: 1, address, position: 1.5 },
    { version: 1, address, position: '5' },
    { version: 1, address, position: 5, end: 4 },
    { version: 1, address },
    {},
  ]
  for (const from of states)
    await expect(client.get(root, { from: from as DownloadState })).rejects.toMatchObject({ code: 'CLIENT_BAD_ARGUMENT' })
  await expect(client.get(root, { from: { version: 1, address, position: 0 }, range: { start: 0 } })).rejects.toMatchObject({
    code: 'CLIENT_BAD_ARGUMENT',
  })
})

test('options that are none are a mistake of the caller', () => {
  for (const options of [{ nodesAtOnce: 0 }, { nodesAtOnce: 1.5 }, { aheadBytesMax: 100 }, { patienceMs: 0 }, { patienceMs: Number.NaN }])
    expect(() => severalNodes(options)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})

test('one node alone serves all parts', async () => {
  const content = new MemoryContent()
  const client = clientOf({ nodes: [await startNode(serving(content))], downloads: severalNodes() })
  expect(Buffer.compare(await bytesOf(await client.get(await content.addRoot(DATA))), DATA)).toBe(0)
  const store = createMemoryStore()
  await client.receive(await content.addRoot(DATA), createSink(await content.addRoot(DATA), { store }))
  expect(Buffer.compare(store.readContent(0, SIZE), DATA)).toBe(0)
})

test('what had come when the last node failed is handed out before the error', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  let hasFailed = (): void => {}
  const failed = new Promise<void>((resolve) => (hasFailed = resolve))
  const node = await startNode(async (request) => {
    await stoppingAfter(200_000, serving(content))(request)
    request.reset(22) // the content is refused: for good
  })
  const onDecision = ({ type }: { type: string }): void => {
    if (type === 'failed') hasFailed()
  }
  const client = clientOf({ nodes: [node], downloads: severalNodes({ onDecision }) })
  let bytes = 0
  await expect(
    (async () => {
      for await (const part of await client.get(root)) {
        if (bytes === 0) await failed
        expect(Buffer.compare(part.bytes, DATA.subarray(bytes, bytes + part.bytes.length))).toBe(0)
        bytes += part.bytes.length
      }
    })(),
  ).rejects.toMatchObject({ code: 'CLIENT_REFUSED' })
  expect(bytes).toBeGreaterThan(150_000)
})
