// Goal: a page's requests are answered verified or not at all, and nothing else of the page's traffic is touched.
import { describe, expect, test } from 'vitest'
import { createOutboard, formatRoot } from '../src/index.ts'
import { createVerifiedFetchHandler, createVerifiedResponder } from '../src/service-worker.ts'
import { randomBytes, type StaticHost, startStaticHost } from './hosts/static-host.ts'

const content = randomBytes(1_000_000)

async function hosted(): Promise<{ host: StaticHost; root: Uint8Array }> {
  const { root, outboard } = await createOutboard(content)
  return { host: await startStaticHost({ '/a': content.slice(), '/a.obao4': outboard }), root }
}

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())

describe('the handler', () => {
  test('answers a range of what has a root, and leaves everything else alone', async () => {
    const { host, root } = await hosted()
    await using _ = host
    const handle = createVerifiedFetchHandler({ rootOf: ({ pathname }) => (pathname === '/a' ? root : undefined) })
    const answers: Promise<Response>[] = []
    const ask = (path: string, init?: RequestInit): void => {
      handle({ request: new Request(host.origin + path, init), respondWith: (response) => answers.push(response) })
    }
    ask('/b')
    ask('/a', { method: 'POST' })
    expect(answers).toEqual([])
    ask('/a', { headers: { range: 'bytes=500000-500099' } })
    const response = await answers[0]!
    expect([response.status, response.headers.get('content-range')]).toEqual([206, 'bytes 500000-500099/1000000'])
    expect(await bytesOf(response)).toEqual(content.slice(500_000, 500_100))
  })

  test('knows its own tag: If-None-Match needs no host, If-Range of another version gets everything', async () => {
    const { host, root } = await hosted()
    await using _ = host
    const respond = createVerifiedResponder({ rootOf: () => root })
    const etag = `"b3-${formatRoot(root)}"`
    const ask = (headers: Record<string, string>, method = 'GET'): Promise<Response> =>
      respond(new Request(`${host.origin}/a`, { headers, method }))!
    expect((await ask({ 'if-none-match': etag })).status).toBe(304)
    expect(host.requests).toEqual([])
    expect((await ask({ range: 'bytes=0-9', 'if-range': '"other"' })).status).toBe(200)
    expect((await ask({ range: 'bytes=0-9', 'if-range': etag })).status).toBe(206)
    const head = await ask({}, 'HEAD')
    expect([head.status, head.headers.get('content-length'), head.body]).toEqual([200, '1000000', null])
  })

  test('gives a 502 and its code for a host that lies, and says so to whoever listens', async () => {
    const { host, root } = await hosted()
    await using _ = host
    host.files['/a']![0]! ^= 1
    const heard: unknown[] = []
    const respond = createVerifiedResponder({ rootOf: () => root, onError: (error) => heard.push(error) })
    const response = await respond(new Request(`${host.origin}/a`))!
    expect([response.status, await response.text()]).toEqual([502, 'VERIFY_MISMATCH\n'])
    expect(heard).toMatchObject([{ code: 'VERIFY_MISMATCH' }])
  })

  test('takes content and proof from where it is told', async () => {
    const { host, root } = await hosted()
    await using _ = host
    const respond = createVerifiedResponder({
      rootOf: () => root,
      contentUrlOf: ({ pathname }) => host.origin + pathname.replace('/page', ''),
      outboardUrlOf: () => `${host.origin}/a.obao4`,
      contentTypeOf: () => 'image/png',
    })
    const { headers } = await respond(new Request('http://page.test/page/a', { method: 'HEAD' }))!
    expect([headers.get('content-type'), headers.get('x-content-type-options')]).toEqual(['image/png', 'nosniff']) // not what the host says
    expect(await bytesOf(await respond(new Request('http://page.test/page/a'))!)).toEqual(content.slice())
  })
})
