import type { ContentSourcePort } from '@selvedge/content'
import type { LaneRequest } from '@selvedge/handshake/tls'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Client, createClient } from '../src/index.ts'
import { severalNodes } from '../src/several-nodes.ts'
import { MemoryContent, sampleBytes, saying, serving, startNode, type TestNode } from './node.ts'
import { servingUnits, startPaidNode } from './paying-node.ts'
import { clientOf as payingClientOf, errorOf, paidTo, settled } from './paying-world.ts'

const SIZE = 300_000
const DATA = sampleBytes(SIZE)

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())
const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

function clientOf(nodes: Parameters<typeof createClient>[0]['nodes']): Client {
  const client = createClient({ nodes })
  onTestFinished(() => client.close())
  return client
}

test.each(['root', 'CID', 'ipfs://'])('content by %s is a Response with what is known of it', async (how) => {
  const content = new MemoryContent()
  const cid = await content.add({ file: DATA })
  const root = await content.addRoot(DATA)
  const client = clientOf([await startNode(serving(content))])
  const response = await client.fetch(how === 'root' ? root : how === 'CID' ? cid : new URL(`ipfs://${cid}/`))
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toEqual({
    'accept-ranges': 'bytes',
    'cache-control': 'public, max-age=31536000, immutable',
    ...(how === 'root' ? {} : { 'content-length': String(SIZE) }), // a root's is proven with its last chunk
    'content-type': 'application/octet-stream',
    etag: `"${how === 'root' ? Buffer.from(root).toString('hex') : cid}"`,
    'x-content-type-options': 'nosniff',
  })
  expect(isEqual(await bytesOf(response), DATA)).toBe(true)
})

test.each([
  ['bytes=100-199', 100, 200],
  ['bytes=100001-', 100_001, SIZE],
  ['bytes=299999-9999999', 299_999, SIZE],
])('the range %s is status 206 and exactly that, by CID and by root', async (range, start, end) => {
  const content = new MemoryContent()
  const client = clientOf([await startNode(serving(content))])
  for (const address of [await content.add({ file: DATA }), await content.addRoot(DATA)]) {
    const response = await client.fetch(address, { headers: { range } })
    // By root the total is proven with the last chunk, which comes first for the last range only; where no end is asked for, by itself.
    const total = address instanceof Uint8Array && end === 200 ? '*' : SIZE
    expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes ${start}-${end - 1}/${total}`])
    expect(response.headers.get('content-length')).toBe(String(end - start))
    expect(isEqual(await bytesOf(response), DATA.subarray(start, end))).toBe(true)
  }
})

test.each(['root', 'CID'])('a range behind the end is status 416, and its lane is free again, by %s', async (how) => {
  const content = new MemoryContent()
  const client = clientOf([await startNode(serving(content))])
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
  for (let i = 0; i < 6; i++) {
    const response = await client.fetch(address, { headers: { range: `bytes=${SIZE}-` } })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, `bytes */${SIZE}`])
  }
})

test('empty content is an empty Response, and has no range', async () => {
  const content = new MemoryContent()
  const client = clientOf([await startNode(serving(content))])
  const root = await content.addRoot(new Uint8Array(0))
  const response = await client.fetch(root)
  expect([response.status, response.headers.get('content-length'), (await bytesOf(response)).length]).toEqual([200, '0', 0])
  const range = await client.fetch(root, { headers: { range: 'bytes=0-9' } })
  expect([range.status, range.headers.get('content-range')]).toEqual([416, 'bytes */0'])
})

/** Claims the size, says it again, and sends nothing. */
function claiming(size: number): (request: LaneRequest) => Promise<void> {
  const head = new Uint8Array(8)
  new DataView(head.buffer).setBigUint64(0, BigInt(size), true)
  return saying({ mode: 'blake3', size, chunkGroupLog: 4 }, [head])
}

test.each([
  [100, 'bytes=1000-1999', 206, 'bytes 1000-1999/*', 1_000],
  [100, 'bytes=50-1999', 206, 'bytes 50-1999/*', 1_950],
  [9_999_999, 'bytes=50-', 206, `bytes 50-${SIZE - 1}/${SIZE}`, SIZE - 50],
  [9_999_999, `bytes=${SIZE}-`, 416, `bytes */${SIZE}`, null],
  [100, undefined, 200, null, null],
  [9_999_999, undefined, 200, null, null],
])('a node that claims %i bytes decides nothing about the answer to %s where the next one is honest', async (claim, range, ...expected) => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const client = clientOf([await startNode(claiming(claim)), await startNode(serving(content))])
  const response = await client.fetch(root, range === undefined ? {} : { headers: { range } })
  const length = response.headers.get('content-length')
  expect([response.status, response.headers.get('content-range'), length === null ? null : Number(length)]).toEqual(expected)
  expect((await bytesOf(response)).length).toBe(range === undefined ? SIZE : Number(length))
})

test('where all nodes claim less than is asked for, there is no answer', async () => {
  const root = await new MemoryContent().addRoot(DATA)
  const client = clientOf([await startNode(claiming(100)), await startNode(claiming(100))])
  const error = await errorOf(async () => await client.fetch(root, { headers: { range: 'bytes=1000-1999' } }))
  expect(['CLIENT_UNVERIFIED', 'CLIENT_INTERRUPTED']).toContain(error.code)
})

/** A node that says so many bytes more or less than there are, no more or fewer chunks: nothing but the last one shows the lie. */
async function lyingBy(change: number, content: MemoryContent): Promise<TestNode> {
  const openRoot: ContentSourcePort['openRoot'] = async (asked) => {
    const opened = (await content.openRoot(asked))!
    const data = change < 0 ? DATA.subarray(0, SIZE + change) : new Uint8Array(Buffer.concat([DATA, new Uint8Array(change)]))
    return { ...opened, size: data.length, data }
  }
  return await startNode(serving({ openRoot, openCid: content.openCid }))
}

test.each([-10, 10])(
  'a lie of %i bytes about the length decides nothing, of the whole or of a range that reaches behind it',
  async (change) => {
    const content = new MemoryContent()
    const root = await content.addRoot(DATA)
    const nodes = [await lyingBy(change, content), await startNode(serving(content))]
    for (const downloads of [undefined, severalNodes()])
      for (const range of [undefined, 'bytes=1-', `bytes=1-${SIZE + 20}`, 'bytes=1-99999999']) {
        // Another client each time, which knows of no lie; with one lane, so that nothing holds one while it waits for another.
        const client = createClient({ nodes, lanesMax: 1, ...(downloads === undefined ? {} : { downloads }) })
        onTestFinished(() => client.close())
        const response = await client.fetch(root, range === undefined ? {} : { headers: { range } })
        const said = [response.headers.get('content-range'), response.headers.get('content-length')]
        if (range !== undefined) expect(said).toEqual([`bytes 1-${SIZE - 1}/${SIZE}`, String(SIZE - 1)])
        else if (downloads === undefined) expect(said).toEqual([null, null])
        expect(isEqual(await bytesOf(response), DATA.subarray(range === undefined ? 0 : 1))).toBe(true)
      }
  },
)

test('a range that a node says to lie within the content, and that does not, fails behind its last true byte; with the next one that node is asked last', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const client = clientOf([await lyingBy(10, content), await startNode(serving(content))])
  const ask = async (): Promise<Response> => await client.fetch(root, { headers: { range: `bytes=1-${SIZE + 4}` } })
  const parts: Uint8Array[] = []
  const error = await errorOf(async () => {
    for await (const bytes of (await ask()).body!) parts.push(bytes)
  })
  expect([error.code, isEqual(Buffer.concat(parts), DATA.subarray(1))]).toEqual(['CLIENT_BAD_ANSWER', true])
  const again = await ask()
  expect(again.headers.get('content-range')).toBe(`bytes 1-${SIZE - 1}/${SIZE}`)
  expect(isEqual(await bytesOf(again), DATA.subarray(1))).toBe(true)
})

test.each([
  ['within the content', 'bytes=100-199', 1],
  ['that reaches behind it', 'bytes=100-9999999', 3],
  ['in its last part, which proves the size', `bytes=${SIZE - 100}-9999999`, 1],
])('a range %s takes so many requests by root: %s, %i', async (_, range, count) => {
  const content = new MemoryContent()
  const node = await startNode(serving(content))
  const response = await clientOf([node]).fetch(await content.addRoot(DATA), { headers: { range } })
  await response.arrayBuffer()
  expect([response.status, node.requests.length]).toEqual([206, count])
})

test('what the asker has already is status 304, and no node is asked', async () => {
  const content = new MemoryContent()
  const node = await startNode(serving(content))
  const client = clientOf([node])
  const cid = await content.add({ file: DATA })
  for (const tag of [`"${cid}"`, `"other", W/"${cid}"`, '*']) {
    const response = await client.fetch(cid, { headers: { 'if-none-match': tag } })
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, `"${cid}"`, ''])
  }
  expect(node.requests).toEqual([])
  expect((await client.fetch(cid, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
})

test.each(['root', 'CID'])('HEAD says how long it is, proven, and holds no lane, by %s', async (how) => {
  const content = new MemoryContent()
  const address = how === 'root' ? await content.addRoot(DATA) : await content.add({ file: DATA })
  const liar = await startNode(claiming(100))
  const client = clientOf(how === 'root' ? [liar, await startNode(serving(content))] : [await startNode(serving(content))])
  for (let i = 0; i < 6; i++) {
    const response = await client.fetch(address, {
      method: 'head',
      headers: { range: 'bytes=0-9' },
      contentType: 'image/png',
      bytesMax: 10,
    })
    expect([response.status, response.headers.get('content-length'), response.body]).toEqual([200, String(SIZE), null])
    expect([response.headers.get('content-type'), response.headers.get('content-range')]).toEqual(['image/png', null])
  }
  const { status, body } = await client.fetch(new Uint8Array(32), { method: 'HEAD' })
  expect([status, body]).toEqual([404, null])
})

test('what nobody has is status 404; a directory without index.html is an error', async () => {
  const content = new MemoryContent()
  const client = clientOf([await startNode(serving(content))])
  expect((await client.fetch(new Uint8Array(32))).status).toBe(404)
  const directory = await content.add({ a: DATA.subarray(0, 10), b: DATA.subarray(0, 20) })
  expect((await errorOf(async () => await client.fetch(directory))).code).toBe('CLIENT_NOT_A_FILE')
})

test.each([
  ['a method that is neither GET nor HEAD', { method: 'POST' }],
  ['a range from the end', { headers: { range: 'bytes=-500' } }],
  ['several ranges', { headers: { range: 'bytes=0-1,5-9' } }],
  ['a range of something else', { headers: { range: 'lines=0-1' } }],
])('%s is refused before anybody is asked', async (_, options) => {
  const node = await startNode(serving(new MemoryContent()))
  const client = clientOf([node])
  expect((await errorOf(async () => await client.fetch('00'.repeat(32), options))).code).toBe('CLIENT_BAD_ARGUMENT')
  expect(node.requests).toEqual([])
})

test('a body fails where it cannot be verified, after what could be', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const liar = await startPaidNode(servingUnits(content, { flipAt: 200_000 }))
  const { body } = await clientOf([liar]).fetch(root)
  const parts: Uint8Array[] = []
  const error = await errorOf(async () => {
    for await (const bytes of body!) parts.push(bytes)
  })
  expect(error.code).toBe('CLIENT_UNVERIFIED')
  const came = Buffer.concat(parts)
  expect(came.length).toBeGreaterThan(100_000)
  expect(isEqual(came, DATA.subarray(0, came.length))).toBe(true)
})

test('a body that is cancelled or whose signal aborts ends the lane at the node', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(sampleBytes(6_000_000))
  const node = await startNode(serving(content))
  const client = clientOf([node])
  const cancelled = (await client.fetch(root)).body!.getReader()
  await cancelled.read()
  await cancelled.cancel()
  await vi.waitFor(() => expect(node.requests[0]!.signal.aborted).toBe(true), { timeout: 20_000 })
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = (await client.fetch(root, { signal: controller.signal })).body!.getReader()
  await aborted.read()
  controller.abort(reason)
  await expect(aborted.read()).rejects.toBe(reason)
  await vi.waitFor(() => expect(node.requests[1]!.signal.aborted).toBe(true), { timeout: 20_000 })
})

test('an abort before the body is read ends it, where all of it has come', async () => {
  const content = new MemoryContent()
  const client = clientOf([await startNode(serving(content))])
  const reason = new Error('enough')
  const small = DATA.subarray(0, 1_000)
  for (const address of [await content.addRoot(small), await content.add({ file: small })]) {
    const controller = new AbortController()
    const response = await client.fetch(address, { signal: controller.signal })
    controller.abort(reason)
    await expect(response.body!.getReader().read()).rejects.toBe(reason)
  }
})

test('a response is paid as a download is', async () => {
  const content = new MemoryContent()
  const root = await content.addRoot(DATA)
  const node = await startPaidNode(servingUnits(content))
  const client = payingClientOf({ nodes: [node] })
  expect(isEqual(await bytesOf(await client.fetch(root)), DATA)).toBe(true)
  await client.close()
  await settled(node)
  expect(paidTo(node)).toEqual(client.cost())
  expect(client.cost().bytes).toBeGreaterThan(BigInt(SIZE))
})
