/** What is asked of a gateway, what it may answer, and what happens where it has no CARs. */
import type { Origin } from '@selvedge/interface'
import { type CarError, type VerifiedBlock } from '@selvedge/verified-car'
import { CID } from 'multiformats/cid'
import { afterEach, describe, expect, test } from 'vitest'
import { createIpfsOrigin } from '../src/index.ts'
import { type Behaviour, bytesOf, CAR_TYPE, carFor, flat, RAW_TYPE, TestGateway, write } from './support.ts'
import { blocks, closeAll, CONTENT, failure, flipped, honest, LEAF, originOf, root, start } from './world.ts'

afterEach(closeAll)

describe('an honest gateway', () => {
  test('gives a file with one request, in which format, scope, order and identity stand', async () => {
    const gateway = await start(honest)
    const origin: Origin = originOf([gateway]) // a type-level test too: it fits the shared contract
    expect(await flat(origin.fetch(root) as AsyncIterable<VerifiedBlock>)).toEqual(CONTENT)
    expect(gateway.asked.length).toBe(1)
    const [{ url, headers }] = gateway.asked as [(typeof gateway.asked)[0]]
    expect(url.search).toBe('?format=car&dag-scope=entity&car-version=1&car-order=dfs&car-dups=y')
    expect([headers.accept, headers['accept-encoding']]).toEqual([CAR_TYPE, 'identity'])
  })

  test('gives a range with entity-bytes, ends included as the gateways count', async () => {
    const gateway = await start(honest)
    const range = { start: 25_000, end: 25_001 }
    expect(await flat(originOf([gateway]).fetch(root, { range }), range)).toEqual(CONTENT.subarray(25_000, 25_001))
    expect(gateway.asked[0]!.url.searchParams.get('entity-bytes')).toBe('25000:25000')
  })

  test('under a base path is asked there', async () => {
    const gateway = await start(honest)
    expect(await flat(originOf([`${gateway.url}/some/base/`]).fetch(root))).toEqual(CONTENT)
    expect(gateway.asked[0]!.url.pathname).toBe(`/some/base/ipfs/${root}`)
  })

  test('uses one connection for one fetch after the other', async () => {
    const sockets = new Set<unknown>()
    const gateway = await start((asked, response, index) => {
      sockets.add(response.socket)
      return honest(asked, response, index)
    })
    const origin = originOf([gateway])
    for (let count = 0; count < 3; count++) await flat(origin.fetch(root))
    expect(sockets.size).toBe(1)
  })

  test('is not asked for an inline CID', async () => {
    const gateway = await start(honest)
    const seen: VerifiedBlock[] = []
    for await (const block of originOf([gateway]).fetch(CID.parse('bafkqabtimvwgy3yk'))) seen.push(block)
    expect([seen.length, gateway.asked.length]).toEqual([1, 0])
  })
})

describe('a refusal', () => {
  test.each([
    [404, 'ORIGIN_NOT_FOUND'],
    [410, 'ORIGIN_NOT_FOUND'],
    [451, 'ORIGIN_NOT_FOUND'],
    [206, 'ORIGIN_STATUS'],
    [403, 'ORIGIN_STATUS'],
    [500, 'ORIGIN_STATUS'],
  ])('with status %i is %s, and the next gateway is asked', async (status, code) => {
    const refusing = await start((_, response) => void response.writeHead(status).end('no'))
    const error = await failure(originOf([refusing]).fetch(root))
    expect([error.code, error.attempts[0]!.status]).toEqual([code, status])
    expect(await flat(originOf([refusing, await start(honest)]).fetch(root))).toEqual(CONTENT)
  })

  test('with Retry-After is obeyed', async () => {
    let nowMs = 0
    const busy = await start((_, response) => void response.writeHead(503, { 'retry-after': '30' }).end())
    const origin = originOf([busy], {}, { nowMs: () => nowMs })
    await failure(origin.fetch(root))
    nowMs = 29_999
    expect((await failure(origin.fetch(root))).code).toBe('ORIGIN_NO_GATEWAY')
    nowMs = 30_000
    expect((await failure(origin.fetch(root))).code).toBe('ORIGIN_STATUS')
  })

  test('by a port where nobody listens is ORIGIN_UNREACHABLE', async () => {
    const gone = await new TestGateway(honest).start()
    await gone.stop()
    expect((await failure(originOf([gone]).fetch(root))).code).toBe('ORIGIN_UNREACHABLE')
  })

  test('of everybody tells the most telling reason and lists every attempt', async () => {
    const behaviours: Behaviour[] = [
      (_, response) => void response.writeHead(404).end(),
      flipped(120),
      (_, response) => void response.writeHead(500).end(),
    ]
    const listed = await Promise.all(behaviours.map(start))
    const error = await failure(originOf(listed).fetch(root))
    expect([error.code, (error.cause as CarError).code]).toEqual(['ORIGIN_BAD_CONTENT', 'CAR_BAD_NODE'])
    expect(error.attempts.map(({ code }) => code)).toEqual(['ORIGIN_NOT_FOUND', 'CAR_BAD_NODE', 'ORIGIN_STATUS'])
  })

  test('of a list that is empty says so', async () => {
    expect((await failure(originOf([]).fetch(root))).code).toBe('ORIGIN_NO_GATEWAY')
  })

  test('of compressed bytes is ORIGIN_BAD_ANSWER', async () => {
    const zipping = await start(
      (_, response) => void response.writeHead(200, { 'content-type': CAR_TYPE, 'content-encoding': 'gzip' }).end('x'),
    )
    expect((await failure(originOf([zipping]).fetch(root))).code).toBe('ORIGIN_BAD_ANSWER')
  })
})

describe('a gateway without CARs', () => {
  const rawOnly: Behaviour = (asked, response, index) => {
    if (asked.isRaw) return honest(asked, response, index)
    response.writeHead(406).end()
  }

  test('is asked for single blocks, six at most at once', async () => {
    let running = 0
    let peak = 0
    const gateway = await start(async (asked, response, index) => {
      peak = Math.max(peak, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      await rawOnly(asked, response, index)
    })
    expect(await flat(originOf([gateway]).fetch(root))).toEqual(CONTENT)
    expect(gateway.asked.length).toBe(1 + 1 + 30)
    expect(peak).toBeLessThanOrEqual(6)
    expect(peak).toBeGreaterThan(1)
  })

  test('gives a range by the blocks that hold it', async () => {
    const gateway = await start(rawOnly)
    const range = { start: 99_999, end: 100_001 }
    expect(await flat(originOf([gateway]).fetch(root, { range }), range)).toEqual(CONTENT.subarray(99_999, 100_001))
    expect(gateway.asked.length).toBe(1 + 1 + 2)
  })

  test('may not send a wrong, an oversized or an unnamed block', async () => {
    const leaf = [...blocks.map.keys()]
    expect(leaf.length).toBeGreaterThan(30)
    const wrong = await start(async (asked, response, index) => {
      if (!asked.isRaw) return rawOnly(asked, response, index)
      response.writeHead(200, { 'content-type': RAW_TYPE }).end(bytesOf(10))
    })
    expect(((await failure(originOf([wrong]).fetch(root))).cause as CarError).code).toBe('CAR_BAD_NODE')
    const large = await start(async (asked, response, index) => {
      if (!asked.isRaw) return rawOnly(asked, response, index)
      response.writeHead(200, { 'content-type': RAW_TYPE })
      for (let count = 0; count < 64 && !response.destroyed; count++) await write(response, new Uint8Array(65_536))
    })
    expect((await failure(originOf([large]).fetch(root))).code).toBe('ORIGIN_BAD_ANSWER')
    const unnamed = await start(async (asked, response, index) => {
      if (!asked.isRaw) return rawOnly(asked, response, index)
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    })
    expect((await failure(originOf([unnamed]).fetch(root))).code).toBe('ORIGIN_BAD_ANSWER')
  })

  test('or with CARs in no promised order is read as far as the order fits, then block by block', async () => {
    const shuffled = await start(async (asked, response, index) => {
      if (asked.isRaw) return honest(asked, response, index)
      const first = await carFor(root, blocks, { ...asked, range: { start: 0, end: 3 * LEAF } })
      const later = await carFor(root, blocks, { ...asked, range: { start: 20 * LEAF } })
      response.writeHead(200, { 'content-type': 'application/vnd.ipld.car; version=1' }).end(Buffer.concat([first, later.subarray(59)]))
    })
    expect(await flat(originOf([shuffled]).fetch(root))).toEqual(CONTENT)
    expect(shuffled.asked.filter(({ isRaw }) => isRaw).length).toBe(27)
  })
})

test.each(['ftp://example.org', 'https://user:pass@example.org', 'example.org', 'https://example.org/?x=1'])(
  '%s is no gateway',
  (gateway) => {
    expect(() => createIpfsOrigin({}, { gateways: [gateway] })).toThrow(TypeError)
  },
)
