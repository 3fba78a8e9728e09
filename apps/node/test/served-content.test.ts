// Goal: a service decides what is served, sees nothing of it, and what it can do wrong is its own failure.
// Method: real content in a real store and a real session over TLS; the service is handed its ports through a counter that looks into all
// that crosses, both ways.
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBlockstore, type Blockstore, type StoredBlob } from '@selvedge/blockstore'
import { createClient } from '@selvedge/client'
import { type ContentRequest, type ContentSourcePort, decodeAnswer, encodeRequest } from '@selvedge/content'
import { createKeyPair } from '@selvedge/crypto'
import { createFetcher, type Fetcher } from '@selvedge/fetcher'
import { createSessionServer } from '@selvedge/handshake/tls'
import { createService, type Service, type Session } from '@selvedge/sdk'
import { createCdn } from '@selvedge/service-cdn'
import { ChunkRanges } from '@selvedge/verified-streaming'
import { expect, onTestFinished, test } from 'vitest'
import { importFileInto } from '../src/compose/import-file.ts'
import { type LaneEvent, type LaneRequest, serveLane } from '../src/compose/lane-service.ts'
import { createServedContent, type LaneContent } from '../src/compose/served-content.ts'

const DATA: Uint8Array = Uint8Array.from({ length: 3_000_000 }, (_, i) => Math.imul(i, 2_654_435_761) >>> 24)
const SHA256 = createHash('sha256').update(DATA).digest('hex')
const NONE = new Uint8Array(0)
const GUEST: Session = { sessionId: new Uint8Array(16), account: undefined }
/** Of what is made again: somebody still wants it. */
const WANTED = new AbortController().signal

interface World {
  readonly store: Blockstore
  readonly fetcher: Fetcher<StoredBlob>
  readonly root: Uint8Array
  readonly cid: { readonly bytes: Uint8Array; toString(): string }
  readonly logs: string[]
  content(service: Service): LaneContent
}

/** A store on disk with one file, which has a root and a CID, and no origin. */
async function startWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-served-'))
  const store = createBlockstore({}, { path: join(folder, 'store') })
  await store.start()
  const fetcher = createFetcher({ store, origins: [] })
  onTestFinished(async () => {
    await fetcher.stop()
    await store.stop()
    await rm(folder, { recursive: true })
  })
  const file = join(folder, 'file')
  await writeFile(file, DATA)
  const { cid, entity } = await importFileInto(store, file)
  const logs: string[] = []
  const log = (level: string, text: string): void => void logs.push(`${level} ${text}`)
  const content = (service: Service): LaneContent => createServedContent({ service, source: fetcher, store, log })
  return { store, fetcher, root: entity.root!, cid, logs, content }
}

function requestOf(address: Uint8Array | World['cid'], changes: Partial<ContentRequest> = {}): Uint8Array {
  const isRoot = address instanceof Uint8Array
  const flags = { head: false, mappingProof: false, outboardOnly: false, scope: 'entity' } as const
  return encodeRequest({
    kind: isRoot ? 'root' : 'cid',
    address: isRoot ? address : address.bytes,
    modes: isRoot ? ['blake3'] : ['proof', 'car'],
    ...flags,
    traceparent: NONE,
    ranges: ChunkRanges.all,
    ...changes,
  })
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part.slice())
  return new Uint8Array(Buffer.concat(all))
}

/** Counts bytes of `payload` in what it is shown. Things that are not data, and so could not cross a process boundary, are refused. */
class PayloadCounter {
  payloadBytes = 0
  /** Of all that was shown, text included, in whatever form. */
  bytes = 0
  readonly #payload: Buffer

  constructor(payload: Uint8Array) {
    this.#payload = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  }

  see<T>(value: T): T {
    this.#walk(structuredClone(value)) // which refuses functions, streams and promises
    return value
  }

  #walk(value: unknown): void {
    if (value instanceof Uint8Array) {
      this.bytes += value.length
      for (let at = 0; at + 8 <= value.length; at += 16) {
        const piece = value.subarray(at, at + 16)
        if (this.#payload.indexOf(piece) !== -1) this.payloadBytes += piece.length
      }
    } else if (typeof value === 'string') {
      this.bytes += value.length
    } else if (typeof value === 'object' && value !== null) {
      for (const each of Object.values(value)) this.#walk(each)
    }
  }
}

/** `service`, with everything that goes in or comes out of its hands shown to `counter`. */
function watched(service: Service, counter: PayloadCounter): Service {
  const outer = createService({ name: service.name })
  outer.onContent(async (request, { content, session, meter, log, signal }) => {
    return counter.see(
      await service.contentHandler(counter.see(request), {
        content: {
          stat: async (address) => counter.see(await content.stat(counter.see(address))),
          open: async (address, options) => counter.see(await content.open(counter.see(address), counter.see(options))),
        },
        session: counter.see(session),
        meter: { usage: async () => counter.see(await meter.usage()) },
        log: (level, text) => log(level, counter.see(text)),
        signal,
      }),
    )
  })
  return outer
}

test('no byte of what is served passes through the hands of the service', async () => {
  const world = await startWorld()
  const counter = new PayloadCounter(DATA)
  const content = world.content(watched(createCdn(), counter))
  const identity = createKeyPair()
  const events: LaneEvent[] = []
  const serving: Promise<void>[] = []
  const onLane = (request: LaneRequest): void => void serving.push(serveLane(content, request, (event) => void events.push(event)))
  const server = createSessionServer({ identity, onLane }, { chainId: 1337 })
  onTestFinished(() => server.stop())
  const at = await server.start()
  const client = createClient({ nodes: [{ ...at, nodeKey: identity.publicKey }], chainId: 1337 })
  for (const address of [Buffer.from(world.root).toString('hex'), String(world.cid)]) {
    const hash = createHash('sha256')
    for await (const { bytes } of await client.get(address)) hash.update(bytes)
    expect(hash.digest('hex')).toBe(SHA256)
  }
  await client.close()
  await Promise.all(serving)
  expect(events).toMatchObject([
    { status: 200, mode: 'blake3' },
    { status: 200, mode: 'proof' },
  ])
  for (const { bytes } of events) expect(bytes).toBeGreaterThan(DATA.length)
  expect(counter.payloadBytes).toBe(0)
  expect(counter.bytes).toBeGreaterThan(200) // addresses, roots, the session
  expect(counter.bytes).toBeLessThan(2_000) // of two requests for three million
})

test('the counter of that test counts: content in an answer, and what is no data', () => {
  const counter = new PayloadCounter(DATA)
  counter.see({ deep: [DATA.subarray(1_000_000, 1_000_300)], text: 'ten bytes.' })
  expect([counter.payloadBytes, counter.bytes]).toEqual([300, 310])
  expect(() => counter.see({ body: async function* () {} })).toThrow(/could not be cloned/)
})

test('a request is answered as the content server answers it: bytes, status, type, and nothing for HEAD', async () => {
  const world = await startWorld()
  const content = world.content(createCdn())
  const signal = new AbortController().signal
  const serve = (bytes: Uint8Array): ReturnType<LaneContent['serve']> => content.serve(bytes, { signal, session: GUEST })
  const ranges = ChunkRanges.fromByteRanges([{ start: 5_000, end: 9_000 }, { start: 2_999_000 }])
  const part = await serve(requestOf(world.root, { ranges }))
  expect(decodeAnswer(part.answer)).toMatchObject({ status: 206, mode: 'blake3', size: DATA.length, root: world.root })
  expect((await collect(part.body)).length).toBeLessThan(100_000)
  const head = await serve(requestOf(world.cid, { head: true }))
  expect([head.fields.status, head.fields.mode, head.fields.size]).toEqual([200, 'proof', DATA.length])
  expect(await collect(head.body)).toEqual(NONE)
  const statuses: number[] = []
  for (const bytes of [
    requestOf(world.root, { ifNoneMatch: true }),
    requestOf(world.cid, { ifNoneMatch: true }),
    requestOf(new Uint8Array(32).fill(9)),
    requestOf(new Uint8Array(32).fill(9), { ifNoneMatch: true }),
    requestOf(world.root, { modes: ['proof'] }),
    requestOf(world.root, { outboardOnly: true }),
    requestOf(world.root, { kind: 'url' }),
  ]) {
    const { fields, body } = await serve(bytes)
    expect(await collect(body)).toEqual(NONE)
    statuses.push(fields.status)
  }
  expect(statuses).toEqual([304, 304, 404, 404, 406, 501, 501])
})

test.each(['root', 'cid'] as const)('what a cut has lost is made again, the same bytes: by %s', async (kind) => {
  const world = await startWorld()
  const signal = new AbortController().signal
  const ranges = ChunkRanges.fromByteRanges([{ start: 10_000, end: 900_000 }, { start: 2_000_000 }])
  const served = await world.content(createCdn()).serve(requestOf(world[kind], { ranges }), { signal, session: GUEST })
  const whole = await collect(served.body)
  for (const [from, to] of [
    [0, 1],
    [0, whole.length],
    [777_777, 1_500_000],
    [whole.length - 3, whole.length],
    [5, 5],
  ] as const) {
    expect(Buffer.compare(await collect(served.resend!(from, to, WANTED)), whole.subarray(from, to))).toBe(0)
  }
})

test('what began with blocks as they came is made again so, though all of it is here by now', async () => {
  const { fetcher, store, cid } = await startWorld()
  const signal = new AbortController().signal
  let complete = false
  const source: ContentSourcePort = {
    openRoot: (root) => fetcher.openRoot(root),
    openCid: async (asked, options) => ({ ...(await fetcher.openCid(asked, options)), complete }),
  }
  const content = createServedContent({ service: createCdn(), source, store, log: () => {} })
  const served = await content.serve(requestOf(cid), { signal, session: GUEST })
  const whole = await collect(served.body)
  complete = true
  expect((await content.serve(requestOf(cid, { head: true }), { signal, session: GUEST })).fields.mode).toBe('proof')
  expect(served.fields.mode).toBe('car')
  expect(Buffer.compare(await collect(served.resend!(100, 200_000, WANTED)), whole.subarray(100, 200_000))).toBe(0)
})

test('what nobody wants any more is made no further', async () => {
  const world = await startWorld()
  const signal = new AbortController().signal
  const served = await world.content(createCdn()).serve(requestOf(world.root), { signal, session: GUEST })
  const whole = await collect(served.body)
  const wanted = new AbortController()
  const again = served.resend!(0, whole.length, wanted.signal)[Symbol.asyncIterator]()
  expect((await again.next()).done).toBe(false)
  wanted.abort(new Error('the connection is gone'))
  await expect(again.next()).rejects.toThrow('the connection is gone')
  await expect(collect(served.resend!(0, 10, wanted.signal))).rejects.toThrow('the connection is gone')
})

test.each(['root', 'cid'] as const)('what is behind the end of a body is not made again: by %s', async (kind) => {
  const world = await startWorld()
  const signal = new AbortController().signal
  const served = await world.content(createCdn()).serve(requestOf(world[kind]), { signal, session: GUEST })
  const { length } = await collect(served.body)
  await expect(collect(served.resend!(length + 1, length + 2, WANTED))).rejects.toMatchObject({ code: 'CONTENT_INTERNAL' })
})

test.each(['root', 'cid'] as const)('one whose client stands still is in the way of no other that is made again: by %s', async (kind) => {
  const world = await startWorld()
  const signal = new AbortController().signal
  const content = world.content(createCdn())
  const served = await content.serve(requestOf(world[kind]), { signal, session: GUEST })
  const whole = await collect(served.body)
  const still = served.resend!(1_000_000, whole.length, WANTED)[Symbol.asyncIterator]()
  expect((await still.next()).done).toBe(false)
  const both = [served.resend!(2_000_000, 2_000_100, WANTED), served.resend!(0, 100, WANTED)]
  const [far, near] = await Promise.all(both.map(collect))
  expect(Buffer.compare(far!, whole.subarray(2_000_000, 2_000_100))).toBe(0)
  expect(Buffer.compare(near!, whole.subarray(0, 100))).toBe(0)
  await still.return!()
})

test('what was served and is gone is not made again', async () => {
  const world = await startWorld()
  const signal = new AbortController().signal
  const served = await world.content(createCdn()).serve(requestOf(world.root), { signal, session: GUEST })
  await collect(served.body)
  await world.store.delete(world.root)
  await expect(collect(served.resend!(0, 10, WANTED))).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
})

test('a service that fails has its lane reset with 10, and its words stay here', async () => {
  const world = await startWorld()
  const failing = createService({ name: 'failing' })
  failing.onContent(() => {
    throw new Error('a secret of the author')
  })
  const resets: [number, string][] = []
  const events: LaneEvent[] = []
  const request = {
    serviceId: 0,
    metadata: requestOf(world.root),
    ...GUEST,
    signal: new AbortController().signal,
    accept: () => Promise.reject(new Error('is not accepted')) as never,
    reset: (code: number, reason: string) => void resets.push([code, reason]),
  }
  await serveLane(world.content(failing), request, (event) => void events.push(event))
  expect(resets).toEqual([[10, 'SDK_SERVICE_FAILED']])
  expect(events).toMatchObject([{ laneCode: 10, reason: expect.stringContaining('a secret of the author') as string }])
  expect(world.logs).toEqual(['error a request failed: Error: a secret of the author'])
})

test('what a lane took is counted for the service, and who pays is in the event', async () => {
  const world = await startWorld()
  const usages: unknown[] = []
  const cdn = createCdn()
  const counted = createService({ name: 'counted' })
  counted.onContent(async (request, context) => {
    usages.push(await context.meter.usage())
    return await cdn.contentHandler(request, context)
  })
  const content = world.content(counted)
  const events: LaneEvent[] = []
  const lane = { write: async () => {}, end: () => {}, reset: () => {} }
  const about = { serviceId: 0, sessionId: new Uint8Array(16), account: new Uint8Array(20).fill(0xab) }
  for (let i = 0; i < 2; i++) {
    const request = { ...about, metadata: requestOf(world.root), signal: new AbortController().signal, accept: () => lane, reset: () => {} }
    await serveLane(content, request, (event) => void events.push(event))
  }
  const [first] = events
  expect(events).toMatchObject([{ account: 'ab'.repeat(20) }, { bytes: first!.bytes }])
  expect(usages).toMatchObject([
    { requests: 1, egressBytes: 0 },
    { requests: 2, egressBytes: first!.bytes },
  ])
})

test('what the service ran for each request is in its event, and the sum of it with the service', async () => {
  const world = await startWorld()
  const busy = createService({ name: 'busy' })
  const cdn = createCdn()
  let turns = 0
  busy.onContent(async (request, context) => {
    for (const until = performance.now() + 20 * ++turns; performance.now() < until; );
    return await cdn.contentHandler(request, context)
  })
  const content = createServedContent({ service: busy, source: world.fetcher, store: world.store, log: () => {} })
  const events: LaneEvent[] = []
  const lane = { write: async () => {}, end: () => {}, reset: () => {} }
  for (const metadata of [requestOf(world.root), requestOf(new Uint8Array(32).fill(9))]) {
    const request = { serviceId: 0, metadata, ...GUEST, signal: new AbortController().signal, accept: () => lane, reset: () => {} }
    await serveLane(content, request, (event) => void events.push(event))
  }
  const [first, second] = events.map(({ cpuMicros }) => cpuMicros)
  expect(first).toBeGreaterThanOrEqual(20_000)
  expect(second).toBeGreaterThanOrEqual(40_000)
  expect(content.usage).toMatchObject({ requests: 2, cpuMicros: first! + second! })
})
