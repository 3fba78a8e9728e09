import { expect, test } from 'vitest'
import {
  ALL_CHUNKS,
  type Address,
  type ContentHandler,
  createService,
  createServiceHost,
  type Handle,
  type HostAnswer,
  type HostPorts,
  type OpenedContent,
  SdkError,
  type ServiceRequest,
  type Session,
} from '../src/index.ts'

const ROOT: Address = { kind: 'root', bytes: new Uint8Array(32).fill(1) }
const OTHER: Address = { kind: 'root', bytes: new Uint8Array(32).fill(2) }
const REQUEST: ServiceRequest = { method: 'GET', address: ROOT, ranges: ALL_CHUNKS, scope: 'entity', ifNoneMatch: false, pin: false }
const GUEST: Session = { sessionId: new Uint8Array(16), account: undefined }
const FACTS = { state: 'complete', kind: 'file', size: 7, root: undefined } as const

interface World {
  /** Numbers of what was opened and not closed. */
  readonly open: Set<number>
  readonly logs: string[]
  readonly ports: HostPorts<number>
  answer(changes?: Partial<ServiceRequest>, options?: { session?: Session; signal?: AbortSignal }): Promise<HostAnswer<number>>
}

function worldOf(handler: ContentHandler | undefined, changes: Partial<HostPorts<number>> = {}, logBytesPerMinMax = 65_536): World {
  const open = new Set<number>()
  const logs: string[] = []
  let opened = 0
  const ports: HostPorts<number> = {
    stat: async () => ({ state: 'complete', size: 7, pin: 'free' }),
    async open() {
      open.add(++opened)
      return { opened, facts: FACTS }
    },
    close: async (number) => void open.delete(number),
    log: (level, text) => void logs.push(`${level} ${text}`),
    nowMs: () => 0,
    ...changes,
  }
  const service = createService({ name: 'a service' })
  if (handler !== undefined) service.onContent(handler)
  const host = createServiceHost(service, ports, { logBytesPerMinMax })
  return {
    open,
    logs,
    ports,
    answer: (request = {}, { session = GUEST, signal = new AbortController().signal } = {}) =>
      host.answer({ ...REQUEST, ...request }, session, { signal }),
  }
}

const served: ContentHandler = async ({ address, ranges, scope }, { content }) => {
  const opened = await content.open(address, { ranges, scope })
  return opened === undefined ? { status: 404 } : { handle: opened.handle }
}

test('what a service answers with is open, and all else that it opened is closed', async () => {
  const world = worldOf(async (request, context) => {
    await context.content.open(OTHER)
    await context.content.open(ROOT)
    return await served(request, context)
  })
  const answer = await world.answer()
  expect(answer).toMatchObject({ opened: 2, handle: { address: ROOT } })
  expect([...world.open]).toEqual([2])
})

test.each<readonly [string, ContentHandler, string]>([
  ['what it did not open', ({ address }) => ({ handle: handleOf(address) }), 'not opened'],
  [
    'other content than was asked for',
    async (_, { content }) => ({ handle: (await content.open(OTHER))!.handle }),
    'not of what was asked',
  ],
  [
    'other ranges than were asked for',
    async (_, { content }) => ({ handle: (await content.open(ROOT, { ranges: [{ start: 0, end: 1 }] }))!.handle }),
    'not of what was asked',
  ],
  [
    'a price class that was not asked for',
    async (_, { content }) => ({ handle: (await content.open(ROOT, { priceClass: 'pin' }))!.handle }),
    'was not asked for',
  ],
  ['a status that is none', () => ({ status: 200 }), 'neither 304 nor an error'],
  ['nothing', () => undefined as never, 'not undefined'],
  ['bytes', () => new Uint8Array(9) as never, 'status undefined'],
])('a service that answers with %s has failed, and nothing stays open', async (_, handler, why) => {
  const world = worldOf(handler)
  const error = (await world.answer().catch((thrown: unknown) => thrown)) as SdkError
  expect(error).toBeInstanceOf(SdkError)
  expect(error.code).toBe('SDK_SERVICE_FAILED')
  expect(error.message).toContain(why)
  expect(world.open.size).toBe(0)
})

function handleOf(address: Address): Handle {
  return { address, ranges: ALL_CHUNKS, scope: 'entity', priceClass: 'table' }
}

test('a service that throws has failed; its words go to the log', async () => {
  const world = worldOf(async (_, { content }) => {
    await content.open(ROOT)
    throw new TypeError('a secret of the author')
  })
  await expect(world.answer()).rejects.toMatchObject({ code: 'SDK_SERVICE_FAILED', details: { name: 'a service' } })
  expect(world.logs).toEqual(['error a request failed: TypeError: a secret of the author'])
  expect(world.open.size).toBe(0)
})

test.each([
  ['nothing that has a text', Object.create(null) as unknown],
  [
    'what throws when it is made into text',
    {
      toString() {
        throw new Error('again')
      },
    },
  ],
])('a service that throws %s has failed like any other', async (_, thrown) => {
  const world = worldOf(() => {
    throw thrown
  })
  await expect(world.answer()).rejects.toMatchObject({
    code: 'SDK_SERVICE_FAILED',
    message: 'service a service: what it threw has no text',
  })
})

test('of what a service throws the node is told 256 characters', async () => {
  const world = worldOf(() => {
    throw new Error('x'.repeat(1_000_000))
  })
  const error = (await world.answer().catch((thrown: unknown) => thrown)) as SdkError
  expect(error.message.length).toBeLessThan(300)
  expect(world.logs[0]!.length).toBeLessThan(4_200)
})

test('after its answer a service gets nothing more of the node', async () => {
  let context: Parameters<ContentHandler>[1] | undefined
  let asked = 0
  const world = worldOf(
    (_, given) => {
      context = given
      return { status: 404 }
    },
    {
      open: async () => void asked++ as undefined,
      stat: async () => ({ state: 'none', size: asked++, pin: 'unfit' }),
    },
  )
  await world.answer()
  await expect(context!.content.open(ROOT)).rejects.toMatchObject({ code: 'SDK_CONTENT_FAILED' })
  await expect(context!.content.stat(ROOT)).rejects.toMatchObject({ code: 'SDK_CONTENT_FAILED' })
  expect(asked).toBe(0)
})

test('a service without a handler says 501', async () => {
  expect(await worldOf(undefined).answer()).toEqual({ status: 501 })
})

test('a service does not learn why the node failed; the node gets its own error back', async () => {
  const own = new Error('https://origin.example is down')
  const seen: unknown[] = []
  const world = worldOf(
    async (request, context) => {
      try {
        return await served(request, context)
      } catch (error) {
        seen.push(error)
        throw error
      }
    },
    { open: () => Promise.reject(own) },
  )
  await expect(world.answer()).rejects.toBe(own)
  expect(seen).toMatchObject([{ code: 'SDK_CONTENT_FAILED' }])
  expect(JSON.stringify(seen, ['message', 'cause', 'details', 'stack'])).not.toContain('origin.example')
  expect(world.logs).toEqual([])
})

test('a service may answer where the node failed', async () => {
  const world = worldOf(
    async (request, context) => {
      return await Promise.resolve(served(request, context)).catch(() => ({ status: 503 }))
    },
    { open: () => Promise.reject(new Error('down')) },
  )
  expect(await world.answer()).toEqual({ status: 503 })
})

test('a client that leaves is not kept waiting by a service that does not listen, and what it opens later is closed', async () => {
  const controller = new AbortController()
  const reason = new Error('left')
  let arrive = (): void => {}
  const late = Promise.withResolvers<OpenedContent | undefined>()
  const world = worldOf(
    async (_, { content }) => {
      const opening = content.open(ROOT)
      opening.then(late.resolve, late.reject)
      controller.abort(reason)
      return await new Promise(() => {})
    },
    {
      async open() {
        await new Promise<void>((resolve) => (arrive = resolve))
        world.open.add(1)
        return { opened: 1, facts: FACTS }
      },
    },
  )
  await expect(world.answer({}, { signal: controller.signal })).rejects.toBe(reason)
  arrive()
  await expect(late.promise).rejects.toMatchObject({ code: 'SDK_CONTENT_FAILED' })
  expect(world.open.size).toBe(0)
})

test('what is opened after the answer is closed', async () => {
  const late = Promise.withResolvers<OpenedContent | undefined>()
  let arrive = (): void => {}
  const world = worldOf(
    (_, { content }) => {
      content.open(ROOT).then(late.resolve, late.reject)
      return { status: 403 }
    },
    {
      async open() {
        await new Promise<void>((resolve) => (arrive = resolve))
        world.open.add(1)
        return { opened: 1, facts: FACTS }
      },
    },
  )
  expect(await world.answer()).toEqual({ status: 403 })
  arrive()
  await expect(late.promise).rejects.toMatchObject({ code: 'SDK_CONTENT_FAILED' })
  expect(world.open.size).toBe(0)
})

test('where one cannot be closed the others are, the one of the handle too; a failure of the service is not hidden by it', async () => {
  const fault = new Error('EIO')
  const closing: Partial<HostPorts<number>> = {
    async close(number) {
      if (number === 1) throw fault
      world.open.delete(number)
    },
  }
  let world = worldOf(async (request, context) => {
    await context.content.open(OTHER)
    return await served(request, context)
  }, closing)
  await expect(world.answer()).rejects.toBe(fault)
  expect([...world.open]).toEqual([1])
  world = worldOf(async (_, { content }) => {
    for (const address of [OTHER, ROOT]) await content.open(address)
    throw new Error('mine')
  }, closing)
  await expect(world.answer()).rejects.toMatchObject({ code: 'SDK_SERVICE_FAILED' })
  expect([...world.open]).toEqual([1])
  expect(world.logs[0]).toBe('error what a request opened could not be closed: Error: EIO')
})

test('an aborted request is not begun', async () => {
  const reason = new Error('left')
  const world = worldOf(served)
  await expect(world.answer({}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(world.open.size).toBe(0)
})

test('a service opens at most eight for one request', async () => {
  const world = worldOf(async (_, { content }) => {
    for (;;) await content.open(OTHER)
  })
  const error = (await world.answer().catch((thrown: unknown) => thrown)) as SdkError
  expect(error).toMatchObject({ code: 'SDK_SERVICE_FAILED', cause: { code: 'SDK_TOO_MANY' } })
  expect(world.open.size).toBe(0)
})

test('what a service asks for is checked before the node is asked', async () => {
  let asked = 0
  const count = async (): Promise<undefined> => void asked++
  const world = worldOf(
    async (_, { content }) => {
      const wrong: Address = { kind: 'root', bytes: new Uint8Array(31) }
      for (const call of [content.open(wrong), content.open(ROOT, { ranges: [{ start: 2, end: 1 }] }), content.stat(wrong)]) {
        await expect(call).rejects.toMatchObject({ code: 'SDK_MALFORMED' })
      }
      return { status: 404 }
    },
    { open: count, stat: async () => ({ state: 'none', size: await count(), pin: 'unfit' }) },
  )
  expect(await world.answer()).toEqual({ status: 404 })
  expect(asked).toBe(0)
})

test('a service may write over what it is given: nobody else has those bytes', async () => {
  const session: Session = { sessionId: new Uint8Array(16).fill(3), account: new Uint8Array(20).fill(4) }
  const world = worldOf(async ({ address, ranges }, { content, session: own }) => {
    const opened = await content.open(address, { ranges })
    for (const bytes of [address.bytes, own.sessionId, own.account!]) bytes.fill(0xff)
    return { handle: { ...opened!.handle, address: { kind: 'root', bytes: ROOT.bytes.slice() } } }
  })
  expect(await world.answer({ address: { kind: 'root', bytes: ROOT.bytes.slice() } }, { session })).toMatchObject({
    handle: { address: ROOT },
  })
  expect(session).toEqual({ sessionId: new Uint8Array(16).fill(3), account: new Uint8Array(20).fill(4) })
})

test('a session that is none is refused', async () => {
  const world = worldOf(served)
  const short = { sessionId: new Uint8Array(15), account: undefined }
  await expect(world.answer({}, { session: short })).rejects.toMatchObject({ code: 'SDK_MALFORMED' })
  const odd = { sessionId: new Uint8Array(16), account: new Uint8Array(21) }
  await expect(world.answer({}, { session: odd })).rejects.toMatchObject({ code: 'SDK_MALFORMED' })
})

test('the meter says what the node has counted', async () => {
  const seen: unknown[] = []
  const service = createService({ name: 'counted' })
  service.onContent(async (_, { meter }) => {
    seen.push(await meter.usage())
    return { status: 404 }
  })
  const host = createServiceHost(service, worldOf(undefined).ports)
  const signal = new AbortController().signal
  await host.answer(REQUEST, GUEST, { signal })
  host.countEgress(1_000)
  await host.answer(REQUEST, GUEST, { signal })
  expect(seen).toEqual([
    { requests: 1, egressBytes: 0, cpuMicros: 0 },
    { requests: 2, egressBytes: 1_000, cpuMicros: 0 },
  ])
  expect(host.usage).toEqual({ requests: 2, egressBytes: 1_000, cpuMicros: 0 })
})

test('a log is cut by the line and stopped by the minute, and says so', async () => {
  let nowMs = 0
  const world = worldOf(
    (_, { log }) => {
      log('info', 'é'.repeat(3_000))
      log('info', 'x'.repeat(5_000))
      log('debug', 'short')
      return { status: 404 }
    },
    { nowMs: () => nowMs },
    8_320, // two lines of the longest
  )
  await world.answer()
  expect(world.logs.map((line) => line.length)).toEqual(['info '.length + 2_048, 'info '.length + 4_096])
  nowMs = 60_000
  await world.answer()
  expect(world.logs[2]).toBe('warn 1 lines were dropped')
  expect(world.logs).toHaveLength(5)
})

test('lines without text are stopped as well, and a level is one of four', async () => {
  const world = worldOf((_, { log }) => {
    log('fatal' as 'error', 'said at no level')
    for (let i = 0; i < 100_000; i++) log('debug', '')
    return { status: 404 }
  })
  await world.answer()
  expect(world.logs[0]).toBe('info said at no level')
  expect(world.logs.length).toBeLessThan(1_100)
})

test('a name is 1 to 255 bytes', () => {
  expect(() => createService({ name: '' })).toThrow(SdkError)
  expect(() => createService({ name: 'é'.repeat(128) })).toThrow(SdkError)
  expect(createService({ name: 'é'.repeat(127) }).name).toHaveLength(127)
})
