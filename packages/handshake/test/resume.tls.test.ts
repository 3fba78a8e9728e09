/** Sessions that outlive their connection, over real TLS: the client finds its node again by itself, and whoever reads a lane sees its bytes go on. */
import { x25519KeyOf } from '@selvedge/crypto/noise'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { Carrier } from '../src/carrier.ts'
import { type ConnectCommonOptions, connectSession, type LaneListener, type Session } from '../src/index.ts'
import { createSessionServer, type SessionServer, type SessionServerOptions } from '../src/tls.ts'
import { connectWebSocket } from '../src/websocket.ts'
import { createWebSocketDoor } from '../src/websocket-server.ts'
import { CHAIN, CLIENT, NODE } from './cores.ts'
import { type CutProxy, createCutProxy } from './cut-proxy.ts'
import { createPayments, delegationOf, TestMeter, TestPayer } from './paying.ts'

const NONE = new Uint8Array()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1))
}

interface World {
  readonly server: SessionServer
  readonly proxy: CutProxy
  readonly meter: TestMeter
  readonly connect: (options?: Partial<ConnectCommonOptions>) => Promise<Session>
}

async function serve(onLane: LaneListener, options: Partial<SessionServerOptions> = {}, others?: () => number[]): Promise<World> {
  const meter = new TestMeter()
  const server = createSessionServer({ identity: NODE, onLane, payments: createPayments(meter), others }, { chainId: CHAIN, ...options })
  cleanups.push(() => server.stop())
  const proxy = await createCutProxy(await server.start())
  cleanups.push(() => proxy.stop())
  const { host, port } = proxy
  const connect = async (options: Partial<ConnectCommonOptions> = {}): Promise<Session> => {
    const paying = { identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer: new TestPayer() }
    const session = await connectSession({ host, port, nodeKey: NODE.publicKey, chainId: CHAIN, ...paying, ...options })
    cleanups.push(() => session.close())
    return session
  }
  return { server, proxy, meter, connect }
}

const CONTENT = Uint8Array.from({ length: 6_000_000 }, (_, i) => (i * i) >> 7)
const PIECE = 100_000
const stream: LaneListener = async (request) => {
  const resend = async function* (from: number, to: number): AsyncIterable<Uint8Array> {
    for (let at = from; at < to; at += PIECE) yield CONTENT.subarray(at, Math.min(to, at + PIECE))
  }
  const lane = request.accept(NONE, undefined, resend)
  for (let at = 0; at < CONTENT.length; at += PIECE) await lane.write(CONTENT.subarray(at, at + PIECE))
  await lane.end()
}
/** What is made again: each by whoever hears of its end, and none while another of the lane is. */
interface Made {
  begun: number
  live: number
  liveMax: number
}

/** Writes without end; what is lost takes `before` until it begins to come, or for ever. */
const slowly = (made: Made, before: (signal: AbortSignal) => Promise<void>): LaneListener => {
  return async (request) => {
    const resend = async function* (from: number, to: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
      made.begun++
      made.liveMax = Math.max(made.liveMax, ++made.live)
      try {
        await before(signal)
        for (let at = from; at < to; at += PIECE) yield new Uint8Array(Math.min(to - at, PIECE))
      } finally {
        made.live--
      }
    }
    const lane = request.accept(NONE, undefined, resend)
    try {
      for (;;) await lane.write(new Uint8Array(PIECE))
    } catch {
      // the session is over
    }
  }
}

const untilAborted = async (signal: AbortSignal): Promise<void> => {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  throw signal.reason
}

const open: LaneListener = (request) => void request.accept(NONE)

test.each([
  ['does not come', untilAborted],
  ['comes and is not read', async () => {}],
] as const)('what is made again and %s is made by one at a time, and ends with its connection and its session', async (_, before) => {
  const made: Made = { begun: 0, live: 0, liveMax: 0 }
  const { proxy, connect, meter } = await serve(slowly(made, before))
  const session = await connect()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  const reading = (async () => {
    for await (const bytes of lane.source) void bytes
  })().catch(() => {}) // it ends with the session
  await until(() => meter.told.some(({ name }) => name === 'sent'))
  while (made.begun < 4) {
    const { resumes } = session
    proxy.cut() // which loses nothing where all that was sent has come
    await until(() => session.resumes > resumes)
    await sleep(5)
  }
  expect(made.liveMax).toBe(1)
  await session.close()
  await until(() => made.live === 0)
  await reading
})

test('what is made again ends with its connection, whether or not its client comes back', async () => {
  const made: Made = { begun: 0, live: 0, liveMax: 0 }
  const { proxy, connect, server } = await serve(slowly(made, untilAborted))
  const session = await connect()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  const reading = (async () => {
    for await (const bytes of lane.source) void bytes
  })().catch(() => {}) // it ends with the session
  while (made.live === 0) {
    const { resumes } = session
    await sleep(5)
    proxy.cut()
    await until(() => session.resumes > resumes)
  }
  await proxy.stop()
  await until(() => server.suspended === 1)
  await until(() => made.live === 0)
  expect(server.suspended).toBe(1) // it waits, and nothing is made for it
  await reading
})

test('whoever reads a lane sees its bytes go on, each once, over three cuts', async () => {
  const { proxy, connect, server } = await serve(stream)
  const session = await connect()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  await lane.end()
  const parts: Uint8Array[] = []
  let received = 0
  for await (const bytes of lane.source) {
    parts.push(bytes.slice())
    const before = received
    received += bytes.length
    for (const at of [500_000, 2_000_000, 4_000_000]) if (before < at && received >= at) proxy.cut()
  }
  expect(Buffer.concat(parts).equals(CONTENT)).toBe(true)
  expect([session.resumes > 0, proxy.count, server.suspended]).toEqual([true, session.resumes + 1, 0])
  await session.close()
  expect(await session.closed).toBeUndefined()
})

test('a session moves from one carrier to another: from TLS to WebSocket', async () => {
  const { server, proxy, connect } = await serve(stream)
  const x25519Secret = new Uint8Array(32).fill(2)
  const names = { nodeKey: NODE.publicKey, chainId: CHAIN }
  const door = createWebSocketDoor({ server, x25519Secret, ...names })
  const { port } = await door.start()
  cleanups.push(() => door.stop())
  const url = `ws://127.0.0.1:${port}`
  const redial = (signal: AbortSignal): Promise<Carrier> => connectWebSocket({ url, x25519: x25519KeyOf(x25519Secret), ...names, signal })
  const session = await connect({ redial })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  let received = 0
  for await (const bytes of lane.source) {
    if (received === 0) proxy.cut()
    expect(bytes[0]).toBe(CONTENT[received])
    received += bytes.length
  }
  expect([received, session.resumes, proxy.count]).toEqual([CONTENT.length, 1, 1])
})

test('a node that has not noticed lets the newest connection win and closes the other', async () => {
  const { proxy, connect, server } = await serve(open)
  const session = await connect()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  proxy.cut(true)
  await until(() => session.resumes === 1)
  await until(() => proxy.deaf === 0)
  expect([server.counts.sessions, proxy.count]).toEqual([1, 2])
  lane.reset(25)
})

test('a lane that is opened while there is no connection is open when there is one', async () => {
  const { proxy, connect } = await serve(open)
  const session = await connect()
  proxy.cut()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  await until(() => session.resumes === 1)
  expect(lane.laneId).toBe(1)
})

test('the node gives up a session whose client does not come back, and its books are told', async () => {
  const { proxy, connect, server, meter } = await serve(open, { resumeTtlMs: 30 })
  const session = await connect()
  await proxy.stop()
  expect(await session.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED' }) // nobody listens: no session outlives its node
  await until(() => meter.toldOf('over').length === 1)
  expect([server.suspended, server.counts.sessions]).toEqual([0, 0])
})

test('no more sessions wait than the node holds, of one address neither', async () => {
  const { proxy, connect, server } = await serve(open, { maxSuspendedPerAddress: 2 })
  const sessions = [await connect(), await connect(), await connect()]
  for (const session of sessions) void session.closed
  await proxy.stop()
  await until(() => server.counts.sessions === 2)
  expect(server.suspended).toBe(2)
})

test('a session may be closed while it has no connection', async () => {
  const { proxy, connect } = await serve(open)
  const session = await connect()
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  proxy.cut()
  await session.close()
  expect(await session.closed).toBeUndefined()
  await expect(lane.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
})

test('a server that stops ends the sessions that wait', async () => {
  const { proxy, connect, server, meter } = await serve(open)
  await connect()
  await proxy.stop()
  await until(() => server.suspended === 1)
  await server.stop()
  expect([server.suspended, meter.toldOf('over').length]).toEqual([0, 1])
})

test('a session is not resumed where the client wants none', async () => {
  const { proxy, server, connect } = await serve(open)
  const session = await connect({ resumeTimeoutMs: 0 })
  proxy.cut()
  expect(await session.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED' })
  expect([session.resumes, server.counts.pending]).toEqual([0, 0])
})

test('a node that is full sends clients to others, and takes back those that it has', async () => {
  const { proxy, connect, server } = await serve(open, { maxSessions: 1 }, () => [7, 11])
  const session = await connect()
  const goaway = { code: 17, retryAfterMs: 1_000, nodes: [7, 11] }
  await expect(connect()).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED', laneCode: 17, goaway })
  proxy.cut()
  await until(() => session.resumes === 1)
  expect(session.goaway).toBeUndefined()
  await server.stop()
  expect(await session.closed).toMatchObject({ laneCode: 17, goaway: { code: 17, retryAfterMs: 0, nodes: [7, 11] } })
  expect(session.goaway?.nodes).toEqual([7, 11])
})
