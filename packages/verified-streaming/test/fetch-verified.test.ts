// Goal: from any static host come only bytes of the root, whatever the host does, with few requests and bounded reading ahead.
import { describe, expect, test } from 'vitest'
import { createOutboard, fetchVerified, formatRoot, openVerified, VerifyError, type VerifyErrorCode } from '../src/index.ts'
import { type HostOptions, randomBytes, type StaticHost, startStaticHost } from './hosts/static-host.ts'

const MIB = 2 ** 20
const content = randomBytes(5 * MIB + 12_345)

interface Hosted {
  readonly host: StaticHost
  readonly url: string
  readonly root: Uint8Array
}

async function hosted(bytes: Uint8Array, options: HostOptions = {}): Promise<Hosted> {
  const { root, outboard } = await createOutboard(bytes)
  const host = await startStaticHost({ '/file': bytes.slice(), '/file.obao4': outboard }, options)
  return { host, url: `${host.origin}/file`, root }
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}

async function codeOf(promise: Promise<unknown>): Promise<VerifyErrorCode | undefined> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(VerifyError)
  return (error as VerifyError).code
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

describe('a host that serves ranges', () => {
  test.each([0, 1, 1024, 16_384, 16_385, 300_000, content.length])(
    'gives a file of %i bytes whole, with its proven length',
    async (size) => {
      const bytes = content.subarray(0, size)
      const { host, url, root } = await hosted(bytes)
      await using _ = host
      const response = await fetchVerified(url, root)
      expect([response.status, response.headers.get('content-length'), response.headers.get('content-type')]).toEqual([
        200,
        String(size),
        'text/x-test',
      ])
      expect(response.headers.get('etag')).toBe(`"b3-${formatRoot(root)}"`)
      expect(isEqual(await bytesOf(response), bytes)).toBe(true)
    },
  )

  test.each([
    [0, 1],
    [16_383, 16_385],
    [1_000_000, 3_333_333],
    [content.length - 1, content.length],
    [4 * MIB, undefined],
    [5 * MIB, content.length + 999],
  ])('gives bytes %i to %s as 206 with the proven total', async (start, end) => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    const response = await fetchVerified(url, root, { range: end === undefined ? { start } : { start, end } })
    const stop = Math.min(end ?? content.length, content.length)
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${stop - 1}/${content.length}`)
    expect(isEqual(await bytesOf(response), content.subarray(start, stop))).toBe(true)
  })

  test.each([
    ['bytes=0-99', 206, 'bytes 0-99/300000', 100],
    ['bytes=-500', 206, 'bytes 299500-299999/300000', 500],
    ['bytes=299999-', 206, 'bytes 299999-299999/300000', 1],
    ['bytes=300000-', 416, 'bytes */300000', 0],
    ['bytes=0-1,5-6', 200, null, 300_000],
    ['bytes=9-5', 416, 'bytes */300000', 0],
    ['nonsense', 200, null, 300_000],
  ])('answers the header %s with %i', async (range, status, contentRange, length) => {
    const { host, url, root } = await hosted(content.subarray(0, 300_000))
    await using _ = host
    const response = await fetchVerified(url, root, { range })
    expect([response.status, response.headers.get('content-range')]).toEqual([status, contentRange])
    expect((await bytesOf(response)).length).toBe(length)
  })

  test('is asked little: a seek in 64 MiB costs at most 8 requests and 160 KiB beside its bytes, the next at most 3 requests', async () => {
    const { host, url, root } = await hosted(new Uint8Array(64 * MIB))
    await using _ = host
    const file = openVerified(url, root)
    expect((await bytesOf(await file.fetch({ range: { start: 50 * MIB, end: 51 * MIB } }))).length).toBe(MIB)
    const first = host.requests.length
    const sentFirst = (host.sent['/file'] ?? 0) + (host.sent['/file.obao4'] ?? 0)
    expect(first).toBeLessThanOrEqual(8)
    expect(sentFirst).toBeLessThanOrEqual(MIB + 2 * 16_384 + 128 * 1024)
    expect((await bytesOf(await file.fetch({ range: { start: 20 * MIB, end: 21 * MIB } }))).length).toBe(MIB)
    expect(host.requests.length - first).toBeLessThanOrEqual(3)
  })

  test('sends at most 1 MiB more than twice what was read, when the reader stops early', async () => {
    const { host, url, root } = await hosted(new Uint8Array(64 * MIB))
    await using _ = host
    const reader = (await fetchVerified(url, root)).body!.getReader()
    let read = 0
    while (read < 3 * MIB) read += (await reader.read()).value!.length
    await reader.cancel()
    expect(host.sent['/file']).toBeLessThanOrEqual(2 * read + MIB)
    expect(host.requests.filter((each) => each.startsWith('GET /file bytes=')).slice(1)).toEqual([
      'GET /file bytes=0-1048575',
      'GET /file bytes=1048576-3145727',
    ])
  })

  test('may forbid HEAD', async () => {
    const { host, url, root } = await hosted(content, { refusesHead: true })
    await using _ = host
    expect(isEqual(await bytesOf(await fetchVerified(url, root)), content)).toBe(true)
  })

  test('may break off: the body goes on from where it ended', async () => {
    const { host, url, root } = await hosted(content, { breaks: { '/file': [Number.POSITIVE_INFINITY, 1_000_000, 500_000] } })
    await using _ = host
    expect(isEqual(await bytesOf(await fetchVerified(url, root)), content)).toBe(true)
    const begins = host.requests.filter((each) => each.startsWith('GET /file bytes=')).map((each) => Number(/=(\d+)/.exec(each)![1]))
    expect(begins).toHaveLength(4)
    const [, first = -1, second = -1, third = -1] = begins
    expect([first, second > 900_000 && second <= 1_000_000, third > second && third <= second + 500_000]).toEqual([0, true, true])
  })

  test('that breaks off twice at one place ends the body with an error', async () => {
    const { host, url, root } = await hosted(content, { breaks: { '/file': [Number.POSITIVE_INFINITY, 1_000_000, 0, 0] } })
    await using _ = host
    const response = await fetchVerified(url, root)
    expect(await codeOf(bytesOf(response))).toBe('VERIFY_READ_FAILED')
  })
})

describe('a host that ignores ranges', () => {
  test('gives the file, whose length stays unsaid', async () => {
    const { host, url, root } = await hosted(content, { ignoresRanges: true })
    await using _ = host
    const response = await fetchVerified(url, root)
    expect([response.status, response.headers.get('content-length')]).toEqual([200, null])
    expect(isEqual(await bytesOf(response), content)).toBe(true)
  })

  test('gives a range, whose total stays unsaid', async () => {
    const { host, url, root } = await hosted(content, { ignoresRanges: true })
    await using _ = host
    const response = await fetchVerified(url, root, { range: { start: 3 * MIB, end: 3 * MIB + 1000 } })
    expect([response.status, response.headers.get('content-range')]).toEqual([206, `bytes ${3 * MIB}-${3 * MIB + 999}/*`])
    expect(isEqual(await bytesOf(response), content.subarray(3 * MIB, 3 * MIB + 1000))).toBe(true)
  })

  test('and has a huge outboard is refused', async () => {
    const { host, url, root } = await hosted(content, { ignoresRanges: true })
    await using _ = host
    expect(await codeOf(fetchVerified(url, root, { outboardBytesMax: 1000 }))).toBe('VERIFY_TOO_LARGE')
  })
})

describe('a host that lies', () => {
  test('about the first bytes is refused before there is a response', async () => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    host.files['/file']![100]! ^= 1
    expect(await codeOf(fetchVerified(url, root))).toBe('VERIFY_MISMATCH')
  })

  test('about a byte in the middle ends the body with the error, after the bytes before its group and nothing else', async () => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    host.files['/file']![3_000_000]! ^= 1
    const response = await fetchVerified(url, root)
    const got: Uint8Array[] = []
    const read = async (): Promise<void> => {
      for await (const piece of response.body!) got.push(piece)
    }
    expect(await codeOf(read())).toBe('VERIFY_MISMATCH')
    expect(isEqual(Buffer.concat(got), content.subarray(0, 3_000_000 - (3_000_000 % 16_384)))).toBe(true)
  })

  test('once is forgiven by the next read of the same file', async () => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    const file = openVerified(url, root)
    host.files['/file.obao4']![5000]! ^= 1
    expect(
      await codeOf(
        file
          .fetch({ range: { start: 4 * MIB } })
          .then(bytesOf)
          .then(() => file.fetch().then(bytesOf)),
      ),
    ).toBe('VERIFY_MISMATCH')
    host.files['/file.obao4']![5000]! ^= 1
    expect(isEqual(await bytesOf(await file.fetch()), content)).toBe(true)
  })

  test.each([
    ['longer', content.length + 1],
    ['longer by groups', content.length + 100_000],
    ['shorter', content.length - 1],
    ['shorter by groups', content.length - 100_000],
    ['empty', 0],
  ])('about the length, %s, is refused before it is told', async (_name, length) => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    const wrong = new Uint8Array(length)
    wrong.set(content.subarray(0, length))
    host.files['/file'] = wrong
    expect(['VERIFY_MISMATCH', 'VERIFY_READ_FAILED', 'VERIFY_BAD_RESPONSE']).toContain(
      await codeOf(fetchVerified(url, root, { range: { start: 0, end: 10 } })),
    )
  })

  test('with 2^53 bytes costs nothing', async () => {
    const { host, root } = await hosted(content)
    await using _ = host
    const fetch = async (): Promise<Response> => new Response(null, { headers: { 'content-length': '9007199254740993' } })
    expect(await codeOf(fetchVerified('http://host.test/file', root, { fetch }))).toBe('VERIFY_TOO_LARGE')
    expect(await codeOf(fetchVerified(`${host.origin}/file`, root, { maxSize: 1000 }))).toBe('VERIFY_TOO_LARGE')
  })

  test('that is not there is named', async () => {
    const { host, url, root } = await hosted(content)
    await host[Symbol.asyncDispose]()
    expect(await codeOf(fetchVerified(url, root))).toBe('VERIFY_READ_FAILED')
  })

  test.each(['/file', '/file.obao4'])('that has no %s is refused with its status', async (path) => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    delete host.files[path]
    const error = await fetchVerified(url, root).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'VERIFY_BAD_RESPONSE', details: { status: 404 } })
  })

  test('by an endless body of another range is cut at what was asked for', async () => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    const fetch = async (address: string, init: RequestInit): Promise<Response> => {
      const real = await globalThis.fetch(address, init)
      if (init.method === 'HEAD' || real.body === null) return real
      const body = real.body.pipeThrough(new TransformStream({ flush: (controller) => controller.enqueue(new Uint8Array(100_000)) }))
      return new Response(body, { status: real.status, headers: { 'content-range': real.headers.get('content-range') ?? '' } })
    }
    expect(isEqual(await bytesOf(await fetchVerified(url, root, { fetch })), content)).toBe(true)
  })
})

describe('the caller', () => {
  test('may abort while the host stalls: before there is a response', async () => {
    const { host, url, root } = await hosted(content, { stallsAfter: 1000 })
    await using _ = host
    const controller = new AbortController()
    const reason = new Error('enough')
    const file = fetchVerified(url, root, {
      signal: controller.signal,
      fetch: async (address, init) => {
        const response = await fetch(address, init)
        if (init.method !== 'HEAD') controller.abort(reason) // the host has begun to answer and will never end
        return response
      },
    })
    await expect(file).rejects.toBe(reason)
  })

  test('may abort while the host stalls: within the body', async () => {
    const { host, url, root } = await hosted(content, { stallsAfter: 100_000 })
    await using _ = host
    const controller = new AbortController()
    const reason = new Error('enough')
    const reader = (await fetchVerified(url, root, { signal: controller.signal })).body!.getReader()
    let held = 0
    while (held < 98_304) held += (await reader.read()).value!.length // six groups have come whole
    const next = reader.read()
    controller.abort(reason)
    await expect(next).rejects.toBe(reason)
  })

  test('may cancel the body while the host stalls: the connection is let go', async () => {
    const { host, url, root } = await hosted(content, { stallsAfter: 100_000 })
    await using _ = host
    const reader = (await fetchVerified(url, root)).body!.getReader()
    let held = 0
    while (held < 98_304) held += (await reader.read()).value!.length
    const next = reader.read()
    await reader.cancel()
    expect((await next).done).toBe(true)
    await host.idle()
  })

  test('is told of a wrong address, root or range', async () => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    const attempt = (...args: Parameters<typeof fetchVerified>) => codeOf(Promise.resolve().then(() => fetchVerified(...args)))
    expect(await attempt('no address', root)).toBe('VERIFY_BAD_ARGUMENT')
    expect(await attempt(url, root.subarray(1))).toBe('VERIFY_BAD_ARGUMENT')
    expect(await attempt(url, root, { range: { start: 5, end: 1 } })).toBe('VERIFY_BAD_RANGE')
    expect(await attempt(url, root, { chunkGroupLog: 11 })).toBe('VERIFY_BAD_ARGUMENT')
  })

  test.each([0, 2])('finds the outboard of groups of 2^%i KiB where the command line puts it', async (chunkGroupLog) => {
    const { root, outboard } = await createOutboard(content, { chunkGroupLog })
    await using host = await startStaticHost({ '/a': content, [`/a.obao${chunkGroupLog === 0 ? '' : chunkGroupLog}`]: outboard })
    const response = await fetchVerified(`${host.origin}/a`, root, { chunkGroupLog, range: { start: 9, end: 99 } })
    expect(await bytesOf(response)).toEqual(content.slice(9, 99))
  })

  test('is told which file an error is of, before there is a response and within its body', async () => {
    const { host, url, root } = await hosted(content)
    await using _ = host
    host.files['/file']![3_000_000]! ^= 1
    const errors = [
      await bytesOf(await fetchVerified(url, root)).catch((error: unknown) => error),
      await fetchVerified(url, root, { range: { start: 3_000_000 } }).catch((error: unknown) => error),
      await fetchVerified(url, root, { maxSize: 1000 }).catch((error: unknown) => error),
    ]
    for (const error of errors) {
      expect(error).toMatchObject({ name: 'VerifyError', details: { url } })
      expect((error as VerifyError).message.split(url)).toHaveLength(2) // once
    }
    expect(errors.map((error) => (error as VerifyError).code)).toEqual(['VERIFY_MISMATCH', 'VERIFY_MISMATCH', 'VERIFY_TOO_LARGE'])
  })

  test('may name another outboard, of other groups', async () => {
    const { root, outboard } = await createOutboard(content, { chunkGroupLog: 0 })
    await using host = await startStaticHost({ '/a': content, '/proofs/a.obao': outboard })
    const response = await fetchVerified(`${host.origin}/a`, root, {
      outboardUrl: `${host.origin}/proofs/a.obao`,
      chunkGroupLog: 0,
      range: { start: 2_000_000, end: 2_000_001 },
    })
    expect(await bytesOf(response)).toEqual(content.slice(2_000_000, 2_000_001))
  })
})
