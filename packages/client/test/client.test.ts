import { encodeRanges, createOutboard, ChunkRanges } from '@selvedge/verified-streaming'
import { writeProof } from '@selvedge/verified-car'
import { decodeRequest } from '@selvedge/content'
import { expect, onTestFinished, test } from 'vitest'
import { ClientError, createClient, type Client, type ClientOptions, type Download, type VerifiedPart } from '../src/index.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode } from './node.ts'

const SIZE = 300_000
const DATA = sampleBytes(SIZE)

function clientOf(options: ClientOptions): Client {
  const client = createClient(options)
  onTestFinished(() => client.close())
  return client
}

async function bytesOf(download: AsyncIterable<VerifiedPart>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const { bytes } of download) parts.push(bytes.slice())
  return new Uint8Array(Buffer.concat(parts))
}

async function errorOf(action: () => Promise<unknown>): Promise<ClientError> {
  const error = await action().then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ClientError)
  return error as ClientError
}

async function listOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of source) items.push(item)
  return items
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part.slice())
  return parts
}

test('a file by its CID comes in mode proof, verified by nothing but the CID', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  const download = await client.get(cid)
  expect(download).toMatchObject({ kind: 'file', size: SIZE, mode: 'proof', verification: 'cid', address: cid.toString() })
  expect(await bytesOf(download)).toEqual(DATA)
  expect(download.receivedBytes).toBeGreaterThan(SIZE)
})

test('a CID that is still arriving comes as CAR blocks', async () => {
  const content = new MemoryContent()
  content.isComplete = false
  const cid = await content.add({ file: DATA })
  const download = await clientOf({ nodes: [await startNode(serving(content))] }).get(cid.toString())
  expect(download.mode).toBe('car')
  expect(await bytesOf(download)).toEqual(DATA)
})

test.each(['bytes', 'text'])('a file by its root, given as %s, comes as a BLAKE3 slice whose size is proven at the end', async (form) => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  const download = await client.get(form === 'bytes' ? root : Buffer.from(root).toString('hex'))
  expect(download).toMatchObject({ kind: 'file', size: undefined, sizeClaim: SIZE, mode: 'blake3', verification: 'blake3' })
  expect(await bytesOf(download)).toEqual(DATA)
  expect(download.size).toBe(SIZE)
})

test.each([
  ['from the middle', { start: 100_001, end: 150_003 }],
  ['of one byte', { start: 299_999, end: 300_000 }],
  ['to the end', { start: 250_000 }],
  ['beyond the end', { start: 290_000, end: 900_000 }],
  ['of nothing', { start: 5, end: 5 }],
])('a range %s is exactly that, by CID and by root', async (_, range) => {
  const content = new MemoryContent()
  const [cid, root] = [await content.add({ file: DATA }), await content.addRoot(DATA)]
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  for (const address of [cid, root]) {
    const download = await client.get(address, { range })
    expect(await bytesOf(download)).toEqual(DATA.slice(range.start, 'end' in range ? range.end : SIZE))
    expect(download.receivedBytes).toBeLessThan(80_000)
  }
})

test('a directory has entries, and is no file', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ 'a.txt': DATA.subarray(0, 10), 'b/c.txt': DATA.subarray(0, 9000) })
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  const entries = await listOf(client.entries(cid))
  expect(entries.map(({ name }) => name)).toEqual(['a.txt', 'b'])
  expect(entries[0]!.cid.toString()).toMatch(/^bafk/)
  const inner = await listOf(client.entries(entries[1]!.cid))
  expect(inner.map(({ name }) => name)).toEqual(['c.txt'])
  const download = await client.get(cid)
  expect(download.kind).toBe('directory')
  expect((await errorOf(() => bytesOf(download))).code).toBe('CLIENT_NOT_A_FILE')
  expect((await errorOf(() => listOf(client.entries(entries[0]!.cid)))).code).toBe('CLIENT_NOT_A_DIRECTORY')
})

test("a node that serves another file's true root and slice under the CID is refused, in each mode that it may name", async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const other = sampleBytes(SIZE, 2)
  const { root, outboard } = await createOutboard(other)
  const slice = await collect(encodeRanges({ data: other, outboard, root, size: SIZE }, ChunkRanges.all))
  for (const mode of ['blake3', 'attested', 'proof', 'car'] as const) {
    const node = await startNode(saying({ mode, root, size: SIZE, chunkGroupLog: 4 }, slice))
    let came = 0
    const error = await errorOf(async () => {
      for await (const { bytes } of await clientOf({ nodes: [node] }).get(cid)) came += bytes.length
    })
    expect(['CLIENT_BAD_ANSWER', 'CLIENT_UNVERIFIED', 'CLIENT_INTERRUPTED']).toContain(error.code)
    expect(came).toBe(0)
  }
})

test("a true root of another file in the answer changes nothing about what a CID's bytes are checked against", async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const other = await content.add({ file: sampleBytes(SIZE, 2) })
  const { root } = await createOutboard(sampleBytes(SIZE, 2))
  const { blocks } = await content.openCid(cid)
  const honest = await startNode(saying({ root, size: SIZE }, await collect(writeProof(cid, blocks))))
  expect(await bytesOf(await clientOf({ nodes: [honest] }).get(cid))).toEqual(DATA) // the lie about the root is not even looked at
  const lying = await startNode(saying({ root, size: SIZE }, await collect(writeProof(other, blocks))))
  const error = await errorOf(() => clientOf({ nodes: [lying] }).get(cid))
  expect(error).toMatchObject({ code: 'CLIENT_UNVERIFIED', details: { finer: 'CAR_BAD_NODE' } })
})

test('a bit that a node flips ends the download there, and what came before is true', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const { blocks } = await content.openCid(cid)
  const proof = new Uint8Array(Buffer.concat(await collect(writeProof(cid, blocks))))
  proof[proof.length - 100]! ^= 1
  const node = await startNode(saying({ size: SIZE }, [proof]))
  let offset = 0
  const error = await errorOf(async () => {
    for await (const part of await clientOf({ nodes: [node] }).get(cid)) {
      expect(part.bytes).toEqual(DATA.slice(part.offset, part.offset + part.bytes.length))
      offset = part.offset + part.bytes.length
    }
  })
  expect(error).toMatchObject({ code: 'CLIENT_UNVERIFIED', details: { finer: 'CAR_BAD_HASH' } })
  expect(offset).toBe(Math.floor(SIZE / 4096) * 4096)
})

test('a node whose slice has another size than it claimed is refused before a byte', async () => {
  const { root, outboard } = await createOutboard(DATA)
  const slice = await collect(encodeRanges({ data: DATA, outboard, root, size: SIZE }, ChunkRanges.all))
  const node = await startNode(saying({ mode: 'blake3', root, size: SIZE + 1, chunkGroupLog: 4 }, slice))
  const error = await errorOf(async () => bytesOf(await clientOf({ nodes: [node] }).get(root)))
  expect(error.code).toBe('CLIENT_BAD_ANSWER')
})

test.each([
  ['garbage instead of an answer', Uint8Array.of(1, 2, 3), 'CLIENT_BAD_ANSWER'],
  ['an answer with bytes behind it', new Uint8Array(48), 'CLIENT_BAD_ANSWER'],
])('%s is refused', async (_, metadata, code) => {
  const node = await startNode(async (request) => void request.accept(metadata))
  expect((await errorOf(() => clientOf({ nodes: [node] }).get(new Uint8Array(32)))).code).toBe(code)
})

test('what a node has not got is not found', async () => {
  const client = clientOf({ nodes: [await startNode(serving(new MemoryContent()))] })
  expect((await errorOf(() => client.get('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'))).code).toBe('CLIENT_NOT_FOUND')
  expect((await errorOf(() => client.get(new Uint8Array(32)))).code).toBe('CLIENT_NOT_FOUND')
})

test.each([
  [20, 'CLIENT_NOT_FOUND'],
  [21, 'CLIENT_ORIGIN_FAILED'],
  [22, 'CLIENT_REFUSED'],
  [23, 'CLIENT_INTERRUPTED'],
])('a lane that is reset with %i is %s, and the first word of its reason is the finer code', async (laneCode, code) => {
  const node = await startNode(async (request) => request.reset(laneCode, 'CAR_BAD_HASH leaf 7'))
  const error = await errorOf(() => clientOf({ nodes: [node] }).get(new Uint8Array(32)))
  expect(error).toMatchObject({ code, details: { laneCode, finer: 'CAR_BAD_HASH' } })
})

test('the next node goes on where the first one was cut', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const { blocks } = await content.openCid(cid)
  const whole = new Uint8Array(Buffer.concat(await collect(writeProof(cid, blocks))))
  const first = await startNode(saying({ size: SIZE }, [whole.subarray(0, 200_000)]))
  const second = await startNode(serving(content))
  const download = await clientOf({ nodes: [first, second] }).get(cid)
  expect(await bytesOf(download)).toEqual(DATA)
  const { ranges } = decodeRequest(second.requests[0]!.metadata)
  const leaves = Math.floor((200_000 - (whole.length - SIZE)) / 4096) // whole ones that came before the cut
  expect([...ranges.spans()]).toEqual([{ start: leaves * 4, end: Number.POSITIVE_INFINITY }])
})

test('the next node is asked where the first cannot be reached, or is another than its key', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const good = await startNode(serving(content))
  const gone = await startNode(serving(content))
  await gone.stop()
  const impostor = { ...(await startNode(serving(content))), nodeKey: new Uint8Array(32).fill(3) }
  const download = await clientOf({ nodes: [gone, impostor, good] }).get(cid)
  expect(download.node).toContain(`:${good.port}/`)
  expect(await bytesOf(download)).toEqual(DATA)
  expect((await errorOf(() => clientOf({ nodes: [impostor] }).get(cid))).code).toBe('CLIENT_UNREACHABLE')
})

test('a node that was restarted is connected to again', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const node = await startNode(serving(content))
  const sessions: { close(): Promise<void> }[] = []
  const { connectSession } = await import('@selvedge/handshake')
  const client = clientOf({
    nodes: [node],
    connect: async (options) => {
      const session = await connectSession(options)
      sessions.push(session)
      return session
    },
  })
  expect(await bytesOf(await client.get(cid))).toEqual(DATA)
  await sessions[0]!.close()
  expect(await bytesOf(await client.get(cid))).toEqual(DATA)
  expect(sessions).toHaveLength(2)
})

test('a guest has four lanes on a node; the fifth waits and may give up', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const node = await startNode(serving(content))
  const client = clientOf({ nodes: [node] })
  const held: Download[] = []
  for (let i = 0; i < 4; i++) held.push(await client.get(cid))
  const impatient = new AbortController()
  const given = client.get(cid, { signal: impatient.signal })
  const fifth = client.get(cid)
  impatient.abort(new Error('no patience'))
  await expect(given).rejects.toThrow('no patience')
  expect(node.requests).toHaveLength(4)
  held[0]!.close()
  expect(await bytesOf(await fifth)).toEqual(DATA)
  for (const download of held) download.close()
})

test('an abort ends a stalled download with its own reason, and the lane at the node', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const { outboard } = await createOutboard(DATA)
  const head = (await collect(encodeRanges({ data: DATA, outboard, root, size: SIZE }, ChunkRanges.all)))[0]!
  const node = await startNode(async (request) => {
    const lane = request.accept(new Uint8Array(await answerOf(SIZE, root)))
    await lane.write(head)
    await new Promise((resolve) => request.signal.addEventListener('abort', resolve))
  })
  const controller = new AbortController()
  const download = await clientOf({ nodes: [node] }).get(root, { signal: controller.signal })
  const reading = bytesOf(download)
  controller.abort(new Error('enough'))
  await expect(reading).rejects.toThrow('enough')
  const { signal } = node.requests[0]!
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  expect(signal.aborted).toBe(true)
})

async function answerOf(size: number, root: Uint8Array): Promise<Uint8Array> {
  const { encodeAnswer } = await import('@selvedge/content')
  return encodeAnswer({ status: 200, mode: 'blake3', size, chunkGroupLog: 4, root, contentType: '', mappingProof: new Uint8Array(0) })
}

test('leaving the loop ends the lane', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: sampleBytes(8_000_000) }, 65_536)
  const node = await startNode(serving(content))
  const client = clientOf({ nodes: [node] })
  for (let i = 0; i < 6; i++) {
    for await (const { bytes } of await client.get(cid)) {
      expect(bytes.length).toBeGreaterThan(0)
      break
    }
  }
  expect(node.requests).toHaveLength(6)
})

test('progress and blocks are told as they are verified', async () => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const client = clientOf({ nodes: [await startNode(serving(content))] })
  let leaves = 0
  let last = 0
  const download = await client.get(cid, {
    onBlock: ({ dataStart, dataEnd }) => (leaves += dataEnd > dataStart ? 1 : 0),
    onProgress: ({ bytes, size }) => {
      expect(size).toBe(SIZE)
      last = bytes
    },
  })
  await bytesOf(download)
  expect({ leaves, last }).toEqual({ leaves: Math.ceil(SIZE / 4096), last: SIZE })
})

test.each([
  ['no node', () => createClient({ nodes: [] })],
  ['an address that is none', () => createClient({ nodes: ['https://example.com'] })],
  ['an address with a short key', () => createClient({ nodes: ['selvedge://localhost:4433/abcd'] })],
])('%s is a mistake of the caller', (_, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_ARGUMENT' }))
})

test('an address or a range that is none is a mistake of the caller, before anything is connected', async () => {
  const client = clientOf({ nodes: ['selvedge://127.0.0.1:1/'.concat('00'.repeat(32))] })
  for (const address of ['not a CID', new Uint8Array(31)])
    expect((await errorOf(() => client.get(address))).code).toBe('CLIENT_BAD_ARGUMENT')
  for (const range of [{ start: -1 }, { start: 5, end: 4 }, { start: 0.5 }]) {
    expect((await errorOf(() => client.get(new Uint8Array(32), { range }))).code).toBe('CLIENT_BAD_ARGUMENT')
  }
  await client.close()
  expect((await errorOf(() => client.get(new Uint8Array(32)))).code).toBe('CLIENT_CLOSED')
})
