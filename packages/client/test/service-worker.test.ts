// Goal: what a page asks for is answered as a server of files would, verified, and all else of its traffic is left alone.
// Method: the handler with events as a browser makes them, a real client and real nodes; a real browser is in browser.test.ts.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import { type ContentHandlerOptions, createContentHandler, type FetchEventLike } from '../src/service-worker.ts'
import { MemoryContent, sampleBytes, serving, startNode, stoppingAfter, type TestNode } from './node.ts'

const DATA = sampleBytes(300_000)
const ORIGIN = 'https://page.example'

interface Asked {
  readonly response: Promise<Response> | undefined
  /** Settles when the worker may be stopped. */
  readonly alive: Promise<unknown> | undefined
}

/** A page whose worker has the handler; and what the handler said of failures. */
function pageOf(nodes: readonly TestNode[], options: Partial<ContentHandlerOptions> = {}) {
  const client = createClient({ nodes })
  onTestFinished(() => client.close())
  const failures: [code: unknown, path: string][] = []
  const addressOf = ({ origin, pathname }: URL): string | undefined =>
    origin === ORIGIN ? /^\/content\/(\w+)$/.exec(pathname)?.[1] : undefined
  const onError = (error: unknown, { pathname }: URL): void => void failures.push([(error as { code?: unknown }).code, pathname])
  const handle = createContentHandler({ client: async () => client }, { addressOf, onError, ...options })
  const ask = (path: string, init: RequestInit = {}): Asked => {
    const given: { response?: Promise<Response>; alive?: Promise<unknown> } = {}
    const event: FetchEventLike = {
      request: new Request(new URL(path, ORIGIN), init),
      respondWith: (response) => void (given.response = response),
      waitUntil: (alive) => void (given.alive = alive),
    }
    handle(event)
    return { response: given.response, alive: given.alive }
  }
  return { ask, failures, client }
}

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

async function world(how: 'root' | 'CID') {
  const content = new MemoryContent()
  const name = how === 'root' ? hexOf(await content.addRoot(DATA)) : (await content.add({ file: DATA })).toString()
  return { content, name, path: `/content/${name}`, node: await startNode(serving(content)) }
}

describe.each(['root', 'CID'] as const)('by %s', (how) => {
  test('everything, each form of one range, and no more than a size where that is what was asked', async () => {
    const { path, node, name } = await world(how)
    const { ask, failures } = pageOf([node], { contentTypeOf: () => 'video/mp4' })
    const answerTo = async (headers: Record<string, string>, method = 'GET') => {
      const { response, alive } = ask(path, { headers, method })
      const { status, headers: given, body } = await response!
      const bytes = body === null ? undefined : await bytesOf(new Response(body))
      await alive
      return { status, range: given.get('content-range'), length: given.get('content-length'), bytes, type: given.get('content-type') }
    }
    const part = (start: number, end: number) => {
      const range = `bytes ${start}-${end - 1}/${DATA.length}`
      return { status: 206, range, length: String(end - start), bytes: DATA.slice(start, end), type: 'video/mp4' }
    }
    const whole = { status: 200, range: null, length: how === 'root' ? null : '300000', bytes: DATA, type: 'video/mp4' }
    expect(await answerTo({})).toEqual(whole)
    expect(await answerTo({ range: 'bytes=0-' })).toEqual(part(0, 300_000))
    expect(await answerTo({ range: 'bytes=100000-100999' })).toEqual(part(100_000, 101_000))
    expect(await answerTo({ range: 'bytes=299999-999999' })).toEqual(part(299_999, 300_000))
    expect(await answerTo({ range: 'bytes=-500' })).toEqual(part(299_500, 300_000))
    expect(await answerTo({ range: 'bytes=-999999' })).toEqual(part(0, 300_000))
    expect(await answerTo({ range: 'bytes=300000-' })).toMatchObject({ status: 416, range: 'bytes */300000', bytes: undefined })
    for (const range of ['bytes=5-2', 'bytes=0-1,4-5', 'lines=0-1'])
      expect(await answerTo({ range })).toMatchObject(range === 'bytes=5-2' ? { status: 416 } : whole)
    expect(await answerTo({ range: 'bytes=0-9', 'if-range': `"${name}"` })).toEqual(part(0, 10))
    expect(await answerTo({ range: 'bytes=0-9', 'if-range': '"other"' })).toEqual(whole)
    const asked = node.requests.length
    expect(await answerTo({}, 'HEAD')).toEqual({ ...whole, length: '300000', bytes: undefined })
    expect(await answerTo({ 'if-none-match': `W/"${name}", "x"` })).toMatchObject({ status: 304, bytes: undefined })
    expect(node.requests.length).toBe(asked) // the size is proven, and the name is the tag
    expect(failures).toEqual([])
  })

  test('of a node that stops in the middle the page gets what was verified, and an error; the worker lives so long', async () => {
    const { content, path } = await world(how)
    const { ask, failures, client } = pageOf([await startNode(stoppingAfter(100_000, serving(content)))])
    const { response, alive } = ask(path)
    const reader = (await response!).body!.getReader()
    const first = await reader.read()
    expect(first.value).toEqual(DATA.slice(0, first.value!.length))
    let isAlive = true
    void alive!.then(() => (isAlive = false))
    await Promise.resolve()
    expect(isAlive).toBe(true)
    const rest = (async () => {
      for (let step = await reader.read(); !step.done; step = await reader.read());
    })()
    const failed = rest.catch((error: unknown) => error)
    await client.close()
    expect(await failed).toMatchObject({ code: expect.stringMatching(/^CLIENT_/) })
    await alive
    expect(failures).toMatchObject([[expect.stringMatching(/^CLIENT_/), path]])
  })
})

test('what a page gives up ends at the node and is no failure, whether it reads or not', async () => {
  const { content, path } = await world('root')
  const stopping = stoppingAfter(100_000, serving(content))
  const node = await startNode(stopping)
  const { ask, failures } = pageOf([node])
  const giving = new AbortController()
  const first = ask(path, { signal: giving.signal })
  await (await first.response!).body!.getReader().read()
  giving.abort()
  const second = ask(path)
  await (await second.response!).body!.cancel()
  await second.alive
  for (const { signal } of node.requests) if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  expect(failures).toEqual([])
})

test('what names no content, or is no reading, goes the usual way; what failed has a status, and whoever listens hears the code', async () => {
  const content = new MemoryContent()
  const folder = (await content.add({ 'a.txt': sampleBytes(10), 'b.txt': sampleBytes(10) })).toString()
  const { path } = await world('root')
  const node = await startNode(serving(content))
  const { ask, failures } = pageOf([node])
  expect(ask('/index.html').response).toBeUndefined()
  expect(ask(path, { method: 'POST' }).response).toBeUndefined()
  expect(ask(`https://other.example${path}`).response).toBeUndefined()
  const outcomes = []
  for (const [asked, init] of [
    ['/content/notacid', {}],
    [path, {}],
    [path, { headers: { range: 'bytes=0-9' } }],
    [`/content/${folder}`, {}],
    [`/content/${folder}`, { method: 'HEAD' }],
  ] as const) {
    const { response, alive } = ask(asked, init)
    const { status, headers, body } = await response!
    await body?.cancel()
    await alive
    outcomes.push([status, headers.get('content-type')])
  }
  expect(outcomes.map(([status]) => status)).toEqual([400, 404, 404, 404, 404])
  expect(outcomes.every(([, type]) => String(type).startsWith('text/plain'))).toBe(true)
  expect(failures.map(([code]) => code)).toEqual(['CLIENT_BAD_ARGUMENT', 'CLIENT_NOT_FOUND', 'CLIENT_NOT_A_FILE', 'CLIENT_NOT_A_FILE'])
  await node.stop()
  const { response } = pageOf([node]).ask(path)
  expect((await response!).status).toBe(503)
})

test('a path below a CID is followed, once; its file has the type of its name, ranges and a size, and what is not there is 404', async () => {
  vi.stubGlobal('location', { origin: ORIGIN })
  onTestFinished(() => void vi.unstubAllGlobals())
  const content = new MemoryContent()
  const cid = await content.add({ 'index.html': new TextEncoder().encode('<h1>hi</h1>'), 'media/a film.mp4': DATA })
  const node = await startNode(serving(content))
  const { ask, failures } = pageOf([node], { addressOf: undefined })
  const answerTo = async (path: string, init: RequestInit = {}) => {
    const { response, alive } = ask(path, init)
    const { status, headers, body } = await response!
    const bytes = body === null ? undefined : await bytesOf(new Response(body))
    await alive
    return { status, type: headers.get('content-type'), length: headers.get('content-length'), etag: headers.get('etag'), bytes }
  }
  const film = `/ipfs/${cid}/media/a%20film.mp4`
  const whole = await answerTo(film)
  expect(whole).toMatchObject({ status: 200, type: 'video/mp4', length: '300000', bytes: DATA })
  expect(node.requests.length).toBe(3) // two directories, and the film once
  const asked = 4 // for a range its size is proven first
  expect(await answerTo(film, { headers: { range: 'bytes=-500' } })).toMatchObject({ status: 206, bytes: DATA.slice(299_500) })
  expect(node.requests.length).toBe(asked + 1)
  expect(await answerTo(film, { method: 'HEAD' })).toEqual({ ...whole, bytes: undefined })
  expect(await answerTo(film, { headers: { 'if-none-match': whole.etag! } })).toMatchObject({ status: 304 })
  expect(await answerTo(film, { headers: { range: 'bytes=300000-' } })).toMatchObject({ status: 416 })
  expect(node.requests.length).toBe(asked + 1)
  expect(await answerTo(`/ipfs/${cid}`)).toMatchObject({ status: 200, bytes: new TextEncoder().encode('<h1>hi</h1>') })
  expect(await answerTo(`/ipfs/${cid}/media/none.png`)).toMatchObject({ status: 404 })
  expect(failures).toEqual([])
  expect(await answerTo(`/ipfs/${cid}/a%2Fb`)).toMatchObject({ status: 400 })
  expect(failures.map(([code]) => code)).toEqual(['CLIENT_BAD_ARGUMENT'])
  expect(ask('/ipfs').response ?? ask('/other/x').response).toBeUndefined()
})

test('a type that the worker gives is of its own address, and not of the path', async () => {
  vi.stubGlobal('location', { origin: ORIGIN })
  onTestFinished(() => void vi.unstubAllGlobals())
  const content = new MemoryContent()
  const cid = await content.add({ 'a.txt': DATA, 'b.txt': DATA })
  const { ask } = pageOf([await startNode(serving(content))], {
    addressOf: ({ pathname }) => pathname,
    contentTypeOf: ({ search }) => (search === '' ? undefined : 'text/x-other'),
  })
  const typeOf = async (search: string, headers: Record<string, string> = {}): Promise<string | null> => {
    const response = await ask(`/ipfs/${cid}/a.txt${search}`, { headers }).response!
    await response.body?.cancel()
    return response.headers.get('content-type')
  }
  const range = { range: 'bytes=0-9' }
  expect([await typeOf('?other'), await typeOf('', range), await typeOf('?other', range), await typeOf('')]).toEqual([
    'text/x-other',
    'text/plain; charset=utf-8',
    'text/x-other',
    'text/plain; charset=utf-8',
  ])
})

test('a client that does not say the length of what a path leads to is no good: 502, and no size of 0', async () => {
  const headers = new Headers({ etag: '"x"' })
  const failures: unknown[] = []
  const handle = createContentHandler(
    { client: { get: async () => await Promise.reject(new Error('not asked')), fetch: async () => new Response(null, { headers }) } },
    { addressOf: () => '/ipfs/x/y', onError: (error) => void failures.push((error as { code?: unknown }).code) },
  )
  const given: Promise<Response>[] = []
  const request = new Request(ORIGIN, { headers: { range: 'bytes=0-9' } })
  handle({ request, respondWith: (response) => void given.push(response), waitUntil: () => {} })
  expect((await given[0]!).status).toBe(502)
  expect(failures).toEqual(['CLIENT_BAD_ANSWER'])
})

test('whatever is shown by itself runs nothing in the name of the page', async () => {
  const content = new MemoryContent()
  const root = hexOf(await content.addRoot(new TextEncoder().encode('<script>alert(1)</script>')))
  const { ask } = pageOf([await startNode(serving(content))], { contentTypeOf: () => 'text/html' })
  const { headers } = await ask(`/content/${root}`).response!
  expect([headers.get('content-type'), headers.get('x-content-type-options')]).toEqual(['text/html', 'nosniff'])
  expect(headers.get('content-security-policy')).toMatch(/sandbox$/)
})
