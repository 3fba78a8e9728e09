import { CarBlockIterator } from '@ipld/car'
import { entriesOf, flatBytes, verifyCar } from '@selvedge/verified-car'
import { CID } from 'multiformats/cid'
import { beforeAll, describe, expect, test } from 'vitest'
import { createGateway, type Gateway } from '../src/index.ts'
import { Blocks, bytesOf, importTree } from './support.ts'

const CONTENT = bytesOf(50_000)
const blocks = new Blocks()
let gateway: Gateway
let cids: Map<string, CID>

beforeAll(async () => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`shards/entry ${index}`, bytesOf(index, index)]))
  cids = await importTree({ 'a/b/file.bin': CONTENT, 'empty.bin': new Uint8Array(0), 'ümläut/x': bytesOf(5), ...many }, blocks, {
    shardSplitThresholdBytes: 4_000,
  })
  gateway = createGateway({ blocks })
})

const cidOf = (path: string): CID => cids.get(path)!
const get = (target: string, init: RequestInit = {}): Promise<Response> => gateway.handle(new Request(`http://gateway.test${target}`, init))

async function sections(response: Response): Promise<string[]> {
  const iterator = await CarBlockIterator.fromIterable(response.body!)
  const list: string[] = []
  for await (const { cid } of iterator) list.push(cid.toString())
  return list
}

async function bytes(parts: AsyncIterable<{ bytes: Uint8Array }>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part.bytes.slice())
  return new Uint8Array(Buffer.concat(all))
}

describe('raw', () => {
  test('is any block by its own CID, a lower shard and a wrong node included: whoever asked knows its place', async () => {
    for (const { cid, bytes: block } of blocks.map.values()) {
      const response = await get(`/ipfs/${cid}?format=raw`)
      expect(response.status).toBe(200)
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(block)
    }
  })

  test('is the block, with everything that a cache and a browser need to know', async () => {
    const cid = cidOf('a/b/file.bin')
    const response = await get(`/ipfs/${cid}?format=raw`)
    expect(response.status).toBe(200)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(await blocks.get(cid))
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/vnd.ipld.raw',
      'content-disposition': `attachment; filename="${cid}.bin"`,
      'content-length': String((await blocks.get(cid)).length),
      'x-content-type-options': 'nosniff',
      'x-ipfs-path': `/ipfs/${cid}`,
      'x-ipfs-roots': cid.toString(),
      'cache-control': 'public, max-age=29030400, immutable',
      etag: `"${cid}.raw"`,
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
    })
  })

  test('answers the probe for the empty identity CID', async () => {
    const response = await get('/ipfs/bafkqaaa?format=raw')
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 0])
  })

  test.each([
    ['bytes=0-1', 206, [0, 2]],
    ['bytes=-5', 206, [-5, undefined]],
    ['bytes=10-', 206, [10, undefined]],
    ['bytes=5-1', 200, [0, undefined]],
    ['bytes=0-1,4-5', 200, [0, undefined]],
    ['nonsense', 200, [0, undefined]],
  ] as const)('answers Range: %s with %i', async (range, status, [start, end]) => {
    const cid = cidOf('a/b/file.bin')
    const response = await get(`/ipfs/${cid}?format=raw`, { headers: { range } })
    expect(response.status).toBe(status)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual((await blocks.get(cid)).slice(start, end))
  })

  test.each([
    ['the etag of the block', (etag: string) => etag, 206],
    ['another etag', () => '"another"', 200],
    ['a weak one', (etag: string) => `W/${etag}`, 200],
    ['a date', () => 'Wed, 21 Oct 2015 07:28:00 GMT', 200],
  ] as const)('answers a range that holds only If-Range is %s', async (_, conditionOf, status) => {
    const cid = cidOf('a/b/file.bin')
    const condition = conditionOf((await get(`/ipfs/${cid}?format=raw`)).headers.get('etag')!)
    const response = await get(`/ipfs/${cid}?format=raw`, { headers: { range: 'bytes=1-2', 'if-range': condition } })
    const whole = await blocks.get(cid)
    expect(response.status).toBe(status)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(status === 206 ? whole.slice(1, 3) : whole)
  })

  test('refuses a range beyond the block', async () => {
    const response = await get(`/ipfs/${cidOf('ümläut/x')}?format=raw`, { headers: { range: 'bytes=5-9' } })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */5'])
  })

  test('takes a path, and names each step in X-Ipfs-Roots', async () => {
    const response = await get(`/ipfs/${cidOf('')}/%C3%BCml%C3%A4ut/x?format=raw`)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytesOf(5))
    expect(response.headers.get('x-ipfs-roots')).toBe([cidOf(''), cidOf('ümläut'), cidOf('ümläut/x')].join(','))
    expect(response.headers.get('x-ipfs-path')).toBe(`/ipfs/${cidOf('')}/%C3%BCml%C3%A4ut/x`)
  })
})

describe('car', () => {
  test('of a file is its blocks depth first, which our reader and @ipld/car both read', async () => {
    const cid = cidOf('a/b/file.bin')
    const response = await get(`/ipfs/${cid}`, { headers: { accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=y' } })
    expect(response.headers.get('content-type')).toBe('application/vnd.ipld.car; version=1; order=dfs; dups=y')
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="${cid}.car"`)
    expect(response.headers.get('content-location')).toBe(`/ipfs/${cid}?format=car`)
    expect(await bytes(flatBytes(verifyCar(response.body!, cid)))).toEqual(CONTENT)
    expect((await sections(await get(`/ipfs/${cid}?format=car`))).length).toBe(51)
  })

  test.each([
    ['0:*', 0, undefined, 51],
    ['0:0', 0, 1, 2],
    ['-10:*', -10, undefined, 2],
    ['-2000:-1001', -2_000, -1_000, 2],
    ['999:1000', 999, 1_001, 3],
    ['60000:*', 0, 0, 1],
    ['49999:70000', 49_999, undefined, 2],
  ])('with entity-bytes=%s holds the blocks of the range and no other', async (text, start, end, count) => {
    const cid = cidOf('a/b/file.bin')
    const target = `/ipfs/${cid}?format=car&dag-scope=entity&entity-bytes=${text}`
    expect((await sections(await get(target))).length).toBe(count)
    const from = start < 0 ? CONTENT.length + start : start
    const to = end !== undefined && end < 0 ? CONTENT.length + end : (end ?? CONTENT.length)
    if (count === 1) return
    const range = { start: from, end: to }
    expect(await bytes(flatBytes(verifyCar((await get(target)).body!, cid, { range }), range))).toEqual(CONTENT.slice(from, to))
  })

  test('with a path begins with the blocks on the way, shards included', async () => {
    const root = cidOf('')
    const target = `/ipfs/${root}/shards/entry%20150?format=car&dag-scope=block`
    const list = await sections(await get(target))
    expect(list[0]).toBe(root.toString())
    expect(list[1]).toBe(cidOf('shards').toString())
    expect(list.at(-1)).toBe(cidOf('shards/entry 150').toString())
    expect(list.length).toBeLessThan(6)
    const seen: string[] = []
    for await (const { cid } of verifyCar((await get(target)).body!, root, { path: ['shards', 'entry 150'], scope: 'block' }))
      seen.push(cid.toString())
    expect(seen).toEqual(list)
  })

  test('of a directory has its own nodes with scope entity, everything with all and by default', async () => {
    const shards = cidOf('shards')
    const entity = await get(`/ipfs/${shards}?format=car&dag-scope=entity`)
    const names: string[] = []
    for await (const { name } of entriesOf(verifyCar(entity.body!, shards))) names.push(name)
    expect(names.length).toBe(200)
    expect(new Set(await sections(await get(`/ipfs/${cidOf('')}?format=car`))).size).toBe(blocks.map.size)
    expect((await sections(await get(`/ipfs/${cidOf('')}?format=car&dag-scope=block`))).length).toBe(1)
  })

  test('reads nothing outside the range: a hole there does no harm', async () => {
    const holed = new Blocks()
    const tree = await importTree({ 'f.bin': CONTENT }, holed)
    const cid = tree.get('f.bin')!
    const leaves = await sections(await createGateway({ blocks: holed }).handle(new Request(`http://gateway.test/ipfs/${cid}?format=car`)))
    holed.delete(CID.parse(leaves[30]!))
    const handle = createGateway({ blocks: holed })
    const range = await handle.handle(new Request(`http://gateway.test/ipfs/${cid}?format=car&entity-bytes=0:5000`))
    expect((await sections(range)).length).toBe(7)
    const whole = await handle.handle(new Request(`http://gateway.test/ipfs/${cid}?format=car`))
    await expect(whole.arrayBuffer()).rejects.toThrow(/no block/)
  })
})

describe('a request that cannot be answered', () => {
  test.each([
    ['/', 404, 'GATEWAY_NOT_FOUND'],
    ['/ipns/example.org?format=raw', 404, 'GATEWAY_NOT_FOUND'],
    ['/ipfs/nonsense?format=raw', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/?format=raw', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=tar', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&car-version=2', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&car-order=bfs', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&dag-scope=some', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&entity-bytes=9:1', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&entity-bytes=*:1', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&entity-bytes=0:99999999999999999999', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT?format=car&entity-bytes=0:9007199254740991', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT/%E0%A4?format=raw', 400, 'GATEWAY_BAD_REQUEST'],
    ['/ipfs/ROOT/no/such?format=car', 404, 'GATEWAY_NOT_FOUND'],
    ['/ipfs/ROOT/shards/none?format=raw', 404, 'GATEWAY_NOT_FOUND'],
    ['/ipfs/ROOT/empty.bin/below?format=raw', 404, 'GATEWAY_NOT_FOUND'],
    ['/ipfs/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e?format=raw', 404, 'GATEWAY_NOT_FOUND'],
    ['/ipfs/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e?format=car', 404, 'GATEWAY_NOT_FOUND'],
  ])('%s is answered with %i %s', async (target, status, code) => {
    const response = await get(target.replace('ROOT', cidOf('').toString()))
    expect(response.status).toBe(status)
    expect(await response.text()).toMatch(new RegExp(`^${code}: `))
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  test('names the missing segment', async () => {
    expect(await (await get(`/ipfs/${cidOf('')}/a/nothing?format=raw`)).text()).toContain('"nothing"')
  })

  test('in no format that is served is 406', async () => {
    expect((await get(`/ipfs/${cidOf('')}`, { headers: { accept: 'text/html' } })).status).toBe(406)
  })

  test('in another method is 405 and says which are served', async () => {
    const response = await get(`/ipfs/${cidOf('')}?format=raw`, { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })

  test('for what is cached only is 412 when it is not', async () => {
    const target = '/ipfs/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e?format=raw'
    expect((await get(target, { method: 'HEAD', headers: { 'cache-control': 'only-if-cached' } })).status).toBe(412)
    expect((await get(`/ipfs/${cidOf('')}?format=raw`, { headers: { 'cache-control': 'only-if-cached' } })).status).toBe(200)
  })

  test('because the store failed is 500, without the words of the store', async () => {
    const broken = createGateway({
      blocks: {
        get: async () => {
          throw new Error('EIO /secret/path')
        },
      },
    })
    const response = await broken.handle(new Request(`http://gateway.test/ipfs/${cidOf('')}?format=raw`))
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
  })
})

describe('negotiation', () => {
  test.each([
    ['?format=raw', 'application/vnd.ipld.car', 'application/vnd.ipld.raw'],
    ['', 'application/vnd.ipld.raw;q=0.5, application/vnd.ipld.car', 'application/vnd.ipld.car; version=1; order=dfs; dups=y'],
    ['', 'text/html, application/vnd.ipld.raw', 'application/vnd.ipld.raw'],
    ['?format=car&car-order=unk&car-dups=n', '*/*', 'application/vnd.ipld.car; version=1; order=dfs; dups=y'],
  ])('of %s with Accept %s gives %s', async (query, accept, type) => {
    const response = await get(`/ipfs/${cidOf('empty.bin')}${query}`, { headers: { accept } })
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('vary')).toBe('Accept')
  })

  test('gives the same CAR question the same Etag, every other question another, and 304 for it', async () => {
    const cid = cidOf('a/b/file.bin')
    const targets = [
      '?format=car',
      '?format=car&dag-scope=entity',
      '?format=car&dag-scope=block',
      '?format=car&entity-bytes=0:1',
      '?format=car&entity-bytes=0:2',
      '?format=raw',
    ]
    const etags = await Promise.all(targets.map(async (target) => (await get(`/ipfs/${cid}${target}`)).headers.get('etag')))
    expect(new Set(etags).size).toBe(targets.length)
    for (const [index, target] of targets.entries()) {
      for (const match of [etags[index]!, `W/${etags[index]}`, `"other", ${etags[index]}`, '*']) {
        const response = await get(`/ipfs/${cid}${target}`, { headers: { 'if-none-match': match } })
        expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, etags[index], ''])
      }
      expect((await get(`/ipfs/${cid}${target}`, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
    }
  })

  test('answers HEAD with the headers of GET and reads no leaf for it', async () => {
    const cid = cidOf('a/b/file.bin')
    blocks.asked.length = 0
    const response = await get(`/ipfs/${cid}?format=car`, { method: 'HEAD' })
    expect([response.status, response.headers.get('accept-ranges'), await response.text()]).toEqual([200, 'none', ''])
    expect(blocks.asked).toEqual([cid.toString()])
  })

  test('answers a preflight', async () => {
    const response = await get(`/ipfs/${cidOf('')}`, { method: 'OPTIONS' })
    expect([response.status, response.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, HEAD, OPTIONS'])
  })

  test('gives a name that is not ASCII twice', async () => {
    const response = await get(`/ipfs/${cidOf('')}?format=raw&filename=n%C3%A4m%22e.bin`)
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="n_m_e.bin"; filename*=UTF-8''n%C3%A4m%22e.bin`)
  })
})

test.each([
  ['a block', '/ipfs/CID?format=raw', {}],
  ['a part of a block', '/ipfs/CID?format=raw', { headers: { range: 'bytes=0-3' } }],
  ['a small CAR', '/ipfs/EMPTY?format=car', {}],
  ['a CAR that is a stream', '/ipfs/ROOT?format=car', {}],
  ['a head', '/ipfs/CID?format=raw', { method: 'HEAD' }],
  ['what methods there are', '/ipfs/CID', { method: 'OPTIONS' }],
  ['a refusal', '/ipfs/CID', {}],
])('answer() says what handle() says: %s', async (_, target, init: RequestInit) => {
  const path = target
    .replace('CID', `${cidOf('a/b/file.bin')}`)
    .replace('EMPTY', `${cidOf('empty.bin')}`)
    .replace('ROOT', `${cidOf('')}`)
  const response = await get(path, init)
  const { status, headers, body } = await gateway.answer(new Request(`http://gateway.test${path}`, init))
  expect([status, Object.fromEntries(new Headers(headers))]).toEqual([response.status, Object.fromEntries(response.headers)])
  expect(await new Response(body as BodyInit | null).bytes()).toEqual(await response.bytes())
})
