import type { Origin } from '@selvedge/interface'
import { type CarError, encodeCarHeader, encodeSectionHead, type VerifiedBlock } from '@selvedge/verified-car'
import { CID } from 'multiformats/cid'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createIpfsOrigin, type IpfsOrigin, type IpfsOriginOptions, OriginError } from '../src/index.ts'
import { type Behaviour, Blocks, bytesOf, CAR_TYPE, carFor, flat, importFile, keyOf, RAW_TYPE, TestGateway, write } from './support.ts'

const CONTENT = bytesOf(300_000)
const LEAF = 10_000
const blocks = new Blocks()
let root: CID
let other: CID
const gateways: TestGateway[] = []
const origins: IpfsOrigin[] = []

beforeAll(async () => {
  root = await importFile(CONTENT, blocks)
  other = await importFile(bytesOf(50_000, 9), blocks)
})
afterEach(async () => {
  await Promise.all([...origins.splice(0).map((origin) => origin.stop()), ...gateways.splice(0).map((gateway) => gateway.stop())])
})

async function start(behaviour: Behaviour): Promise<TestGateway> {
  const gateway = await new TestGateway(behaviour).start()
  gateways.push(gateway)
  return gateway
}

function originOf(listed: readonly (TestGateway | string)[], options: Partial<IpfsOriginOptions> = {}, components = {}): IpfsOrigin {
  const urls = listed.map((gateway) => (typeof gateway === 'string' ? gateway : gateway.url))
  const origin = createIpfsOrigin(components, { gateways: urls, ...options })
  origins.push(origin)
  return origin
}

const honest: Behaviour = async (asked, response) => {
  if (asked.isRaw) {
    response.writeHead(200, { 'content-type': RAW_TYPE }).end(await blocks.get(CID.parse(asked.url.pathname.split('/').at(-1)!)))
    return
  }
  response.writeHead(200, { 'content-type': CAR_TYPE }).end(await carFor(root, blocks, asked))
}

async function failure(parts: AsyncIterable<VerifiedBlock>): Promise<OriginError> {
  try {
    for await (const _ of parts);
  } catch (error) {
    if (error instanceof OriginError) return error
    throw error
  }
  throw new Error('it should have failed')
}

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

const lies: [string, string, Behaviour][] = [
  ['a bit in a leaf', 'CAR_BAD_HASH', flipped(150_000)],
  ['a bit in an interior node', 'CAR_BAD_NODE', flipped(120)],
  [
    'another file, valid in itself',
    'CAR_WRONG_ROOT',
    async (asked, response) =>
      void response.writeHead(200, { 'content-type': CAR_TYPE }).end(await carFor(other, blocks, { ...asked, range: undefined })),
  ],
  [
    'a CAR that is cut after a whole block',
    'CAR_TRUNCATED',
    async (asked, response) => {
      const whole = await carFor(root, blocks, asked)
      const upTo = await carFor(root, blocks, { ...asked, range: { start: 0, end: 5 * LEAF } })
      response.writeHead(200, { 'content-type': CAR_TYPE }).end(whole.subarray(0, upTo.length))
    },
  ],
  [
    'a connection that breaks',
    'CAR_TRUNCATED',
    async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, (await carFor(root, blocks, asked)).subarray(0, 100_000))
      response.destroy()
    },
  ],
  [
    'a body shorter than it said',
    'CAR_TRUNCATED',
    async (asked, response) => {
      const car = await carFor(root, blocks, asked)
      response.writeHead(200, { 'content-type': CAR_TYPE, 'content-length': car.length })
      await write(response, car.subarray(0, -10))
      response.destroy()
    },
  ],
  ['a page with status 200', 'CAR_NOT_A_CAR', (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  [
    'a page that says it is a CAR',
    'CAR_NOT_A_CAR',
    (_, response) => void response.writeHead(200, { 'content-type': CAR_TYPE }).end('<html>not found</html>'),
  ],
  ['no type at all', 'CAR_NOT_A_CAR', async (asked, response) => void response.writeHead(200).end(await carFor(root, blocks, asked))],
]

function flipped(at: number): Behaviour {
  return async (asked, response) => {
    const car = await carFor(root, blocks, asked)
    car[at]! ^= 1
    response.writeHead(200, { 'content-type': CAR_TYPE }).end(car)
  }
}

describe('a lying gateway', () => {
  test.each(lies)('that sends %s is refused with %s, and nothing wrong was handed on', async (_, code, behaviour) => {
    const gateway = await start(behaviour)
    const handedOn: Uint8Array[] = []
    const error = await failure(
      (async function* () {
        for await (const block of originOf([gateway]).fetch(root)) {
          handedOn.push(block.block.slice(block.dataStart, block.dataEnd))
          yield block
        }
      })(),
    )
    const bytes = new Uint8Array(Buffer.concat(handedOn))
    expect(bytes).toEqual(CONTENT.subarray(0, bytes.length))
    expect(bytes.length).toBeLessThan(CONTENT.length)
    expect([error.code, (error.cause as CarError).code]).toEqual(['ORIGIN_BAD_CONTENT', code])
    expect(error.attempts).toMatchObject([{ gateway: gateway.url, code, status: 200 }])
    expect(error.attempts[0]!.url).toContain(`/ipfs/${root}`)
  })

  test.each(lies)(
    'that sends %s is followed by the next one from the verified offset, and no block comes twice',
    async (_, code, behaviour) => {
      const [liar, second] = [await start(behaviour), await start(honest)]
      const seen: string[] = []
      const fetched = originOf([liar, second]).fetch(root)
      const content = await flat(
        (async function* () {
          for await (const block of fetched) {
            seen.push(`${block.depth}:${block.fileOffset}`)
            yield block
          }
        })(),
      )
      expect(content).toEqual(CONTENT)
      expect(new Set(seen).size).toBe(seen.length)
      const from = second.asked[0]!.range?.start ?? 0
      const isLate = code === 'CAR_BAD_HASH' || code === 'CAR_TRUNCATED'
      expect(from > 0).toBe(isLate)
    },
  )

  test('is out for ten minutes after a bad hash, then twenty, and not at all after a cut', async () => {
    let nowMs = 0
    const components = { nowMs: () => nowMs }
    const liar = await start(flipped(150_000))
    const origin = originOf([liar], {}, components)
    const codeAt = async (minutes: number): Promise<string> => {
      nowMs = minutes * 60_000
      return (await failure(origin.fetch(root))).code
    }
    expect([await codeAt(0), await codeAt(9.9), await codeAt(10), await codeAt(29.9), await codeAt(30)]).toEqual([
      'ORIGIN_BAD_CONTENT',
      'ORIGIN_NO_GATEWAY',
      'ORIGIN_BAD_CONTENT',
      'ORIGIN_NO_GATEWAY',
      'ORIGIN_BAD_CONTENT',
    ])
    expect(liar.asked.length).toBe(3)
    const cutter = await start(lies[3]![2])
    const second = originOf([cutter], {}, components)
    expect([(await failure(second.fetch(root))).code, (await failure(second.fetch(root))).code]).toEqual([
      'ORIGIN_BAD_CONTENT',
      'ORIGIN_BAD_CONTENT',
    ])
  })
})

describe('a slow gateway', () => {
  const timeouts = { firstByteMs: 60, idleMs: 60 }

  test('that never answers is left when the first byte is due', async () => {
    const [silent, second] = [await start(() => undefined), await start(honest)]
    expect(await flat(originOf([silent, second], { timeouts }).fetch(root))).toEqual(CONTENT)
    const error = await failure(originOf([silent], { timeouts }).fetch(root))
    expect([error.code, error.attempts[0]!.code]).toEqual(['ORIGIN_TIMEOUT', 'ORIGIN_TIMEOUT'])
  })

  test('that stalls in the middle is left, and the next goes on from there', async () => {
    const stalling = await start(async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, (await carFor(root, blocks, asked)).subarray(0, 200_000))
    })
    const second = await start(honest)
    expect(await flat(originOf([stalling, second], { timeouts }).fetch(root))).toEqual(CONTENT)
    expect(second.asked[0]!.range!.start).toBeGreaterThan(150_000)
  })

  test('that drips is left by its rate, though it never pauses for long', async () => {
    const dripping = await start(async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      const car = await carFor(root, blocks, asked)
      for (let offset = 0; !response.destroyed; offset++) {
        await write(response, car.subarray(offset, offset + 1))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const error = await failure(
      originOf([dripping], { timeouts: { idleMs: 5_000, rateWindowMs: 30, bytesPerSecondMin: 10_000_000 } }).fetch(root),
    )
    expect(error.code).toBe('ORIGIN_TIMEOUT')
    expect(error.message).toMatch(/bytes in \d+ ms/)
  })

  test('that does not end after the last block does not hold the result back', async () => {
    const hanging = await start(async (asked, response) => {
      response.writeHead(200, { 'content-type': CAR_TYPE })
      await write(response, await carFor(root, blocks, asked))
    })
    expect(await flat(originOf([hanging]).fetch(root))).toEqual(CONTENT)
  })

  test('is never a slow reader: a consumer may pause as long as it likes', async () => {
    const gateway = await start(honest)
    let nowMs = 0
    const origin = originOf([gateway], { timeouts: { rateWindowMs: 1_000, idleMs: 1_000 } }, { nowMs: () => nowMs })
    const paused = (async function* () {
      for await (const block of origin.fetch(root)) {
        nowMs += 60_000
        yield block
      }
    })()
    expect(await flat(paused)).toEqual(CONTENT)
  })

  test('is left at once when the caller aborts, with the reason of the caller', async () => {
    const silent = await start(() => controller.abort(new Error('enough')))
    const controller = new AbortController()
    await expect(failure(originOf([silent]).fetch(root, { signal: controller.signal }))).rejects.toThrow('enough')
    await expect(failure(originOf([silent]).fetch(root, { signal: AbortSignal.abort(new Error('before')) }))).rejects.toThrow('before')
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

describe('redirects', () => {
  const to =
    (location: string): Behaviour =>
    (_, response) =>
      void response.writeHead(302, { location }).end()

  test('to another listed gateway are followed', async () => {
    const target = await start(honest)
    const first = await start(
      (asked, response) => void response.writeHead(302, { location: `${target.url}${asked.url.pathname}${asked.url.search}` }).end(),
    )
    expect(await flat(originOf([first, target]).fetch(root))).toEqual(CONTENT)
    expect(target.asked.length).toBe(1)
  })

  test('are followed three times and not four', async () => {
    const gateway = await start(async (asked, response, index) => {
      if (index < 3) response.writeHead(302, { location: asked.url.href }).end()
      else await honest(asked, response, index)
    })
    expect(await flat(originOf([gateway]).fetch(root))).toEqual(CONTENT)
    const looping = await start((asked, response) => void response.writeHead(302, { location: asked.url.href }).end())
    expect((await failure(originOf([looping]).fetch(root))).code).toBe('ORIGIN_REDIRECT')
    expect(looping.asked.length).toBe(4)
  })

  test.each([
    ['http://example.org/', 'ORIGIN_REFUSED_ADDRESS'],
    ['http://127.0.0.1:9/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://127.0.0.1/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://2130706433/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://[::1]/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://[::ffff:10.0.0.1]/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://169.254.169.254/latest/meta-data', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://localhost/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://user:secret@example.org/', 'ORIGIN_REFUSED_ADDRESS'],
    ['https://example.org:22/', 'ORIGIN_REFUSED_ADDRESS'],
    ['file:///etc/passwd', 'ORIGIN_REFUSED_ADDRESS'],
    ['http://[', 'ORIGIN_REDIRECT'],
  ])('to %s are refused with %s', async (location, code) => {
    expect((await failure(originOf([await start(to(location))]).fetch(root))).code).toBe(code)
  })

  test('without a location are refused', async () => {
    expect((await failure(originOf([await start((_, response) => void response.writeHead(302).end())]).fetch(root))).code).toBe(
      'ORIGIN_REDIRECT',
    )
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

test('a DAG that is wrong by its own hashes ends the fetch: nobody else is asked, nobody is punished', async () => {
  const { encode, prepare } = await import('@ipld/dag-pb')
  const { UnixFS } = await import('ipfs-unixfs')
  const { sha256 } = await import('multiformats/hashes/sha2')
  const leaf = bytesOf(LEAF)
  const leafCid = CID.createV1(0x55, await sha256.digest(leaf))
  const node = encode(
    prepare({ Data: new UnixFS({ type: 'file', blockSizes: [9_999n] }).marshal(), Links: [{ Hash: leafCid, Name: '', Tsize: LEAF }] }),
  )
  const wrong = CID.createV1(0x70, await sha256.digest(node))
  const sections = [wrong, leafCid].flatMap((cid, index) => {
    const bytes = index === 0 ? node : leaf
    return [encodeSectionHead(cid, bytes.length), bytes]
  })
  const serve: Behaviour = (_, response) =>
    void response.writeHead(200, { 'content-type': CAR_TYPE }).end(Buffer.concat([encodeCarHeader([wrong]), ...sections]))
  const [first, second] = [await start(serve), await start(serve)]
  const origin = originOf([first, second])
  for (let count = 1; count <= 2; count++) {
    const error = await failure(origin.fetch(wrong))
    expect([error.code, (error.cause as CarError).code, error.attempts.length]).toEqual(['ORIGIN_BAD_CONTENT', 'CAR_BAD_SIZE', 1])
    expect([first.asked.length, second.asked.length]).toEqual([count, 0])
  }
  expect(keyOf(wrong)).not.toBe(keyOf(root))
})
