import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { x25519KeyOf } from '@selvedge/crypto/noise'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket as PlainSocket } from 'ws'
import { type Carrier, connectSession, HandshakeError, type Lane, type Session } from '../../src/index.ts'
import { createDuplexCarrier } from '../../src/duplex.ts'
import { createSessionServer, type LaneListener, type SessionServer, type SessionServerOptions } from '../../src/tls.ts'
import { connectWebSocket } from '../../src/websocket.ts'
import { createWebSocketDoor } from '../../src/websocket-server.ts'
import { createDuplexes, type Middle } from './duplexes.ts'

const CHAIN_ID = 7
const IDENTITY: KeyPair = createKeyPair(new Uint8Array(32).fill(1))
const X25519_SECRET = new Uint8Array(32).fill(2)
const KEYS = { nodeKey: IDENTITY.publicKey, x25519: x25519KeyOf(X25519_SECRET), chainId: CHAIN_ID }

/** Sends back what comes. */
const echo: LaneListener = async (request) => {
  const lane = request.accept(request.metadata)
  for await (const bytes of lane.source) await lane.write(bytes)
  await lane.end()
}

interface Node {
  readonly server: SessionServer
  readonly url: string
  readonly port: number
  readonly bindings: Uint8Array[]
  stop(): Promise<void>
}

async function startNode(onLane: LaneListener = echo, options: Partial<SessionServerOptions> = {}): Promise<Node> {
  const server = createSessionServer({ identity: IDENTITY, onLane }, { chainId: CHAIN_ID, ...options })
  const door = createWebSocketDoor({ server, x25519Secret: X25519_SECRET, nodeKey: IDENTITY.publicKey, chainId: CHAIN_ID })
  const { host, port } = await door.start()
  const stop = async (): Promise<void> => {
    await door.stop()
    await server.stop()
  }
  onTestFinished(stop)
  return { server, url: `ws://${host}:${port}`, port, bindings: [], stop }
}

type Way = 'WebSocket' | 'duplex'
const WAYS: readonly Way[] = ['WebSocket', 'duplex']

/** A secured channel to a node, by one way or the other. */
async function dial(way: Way, node: Node, keys: Partial<typeof KEYS> = {}, middle: Middle = {}, timeoutMs = 20_000): Promise<Carrier> {
  const names = { ...KEYS, ...keys }
  if (way === 'WebSocket') return await connectWebSocket({ url: node.url, ...names })
  const { client, node: far } = createDuplexes(middle)
  const atNode = { role: 'node', x25519Secret: X25519_SECRET, nodeKey: KEYS.nodeKey, chainId: CHAIN_ID } as const
  node.server.accept('192.0.2.1', async (signal) => await createDuplexCarrier(far, atNode, { signal }))
  return await createDuplexCarrier(client, { role: 'client', ...names }, { timeoutMs })
}

async function sessionOf(carrier: Carrier): Promise<Session> {
  const session = await connectSession({ nodeKey: KEYS.nodeKey, chainId: CHAIN_ID, carrier })
  onTestFinished(() => session.close())
  return session
}

const noMetadata = new Uint8Array(0)
const sample = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff)

async function bytesOf(lane: Lane): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const bytes of lane.source) parts.push(bytes)
  return new Uint8Array(Buffer.concat(parts))
}

async function codeOf(job: Promise<unknown>): Promise<string> {
  const error = await job.then(
    () => new Error('it worked'),
    (thrown: unknown) => thrown,
  )
  return error instanceof HandshakeError ? error.code : String(error)
}

test.each(WAYS)('over %s a session comes up and several lanes carry megabytes both ways', async (way) => {
  const session = await sessionOf(await dial(way, await startNode()))
  const sent = [sample(3_000_000), sample(1), sample(200_000)]
  const lanes = await Promise.all(sent.map(() => session.openLane({ serviceId: 0, metadata: Uint8Array.of(9) })))
  const came = await Promise.all(
    lanes.map(async (lane, i) => {
      const reading = bytesOf(lane)
      for (let at = 0; at < sent[i]!.length; at += 70_001) await lane.write(sent[i]!.subarray(at, at + 70_001))
      await lane.end()
      return await reading
    }),
  )
  expect(came.map((bytes, i) => Buffer.compare(bytes, sent[i]!))).toEqual([0, 0, 0])
  expect(lanes[0]!.metadata).toEqual(Uint8Array.of(9))
  await session.close()
  expect(await session.closed).toBeUndefined()
})

test.each(WAYS)('over %s the binding is that of Noise, the same at both ends and another each time', async (way) => {
  const node = await startNode()
  const bindings = [await dial(way, node), await dial(way, node)].map((carrier) => {
    onTestFinished(() => carrier.destroy())
    return Buffer.from(carrier.channelBinding).toString('hex')
  })
  expect(bindings.map((each) => each.slice(0, 2))).toEqual(['02', '02'])
  expect(bindings.map(({ length }) => length)).toEqual([66, 66])
  expect(bindings[0]).not.toBe(bindings[1]) // that both ends have the same is what HELLO and WELCOME prove in the other tests
})

test.each(
  WAYS.flatMap((way) => [
    { way, what: 'another X25519 key', keys: { x25519: x25519KeyOf(new Uint8Array(32).fill(3)) } },
    { way, what: 'another node', keys: { nodeKey: createKeyPair().publicKey } },
    { way, what: 'another chain', keys: { chainId: CHAIN_ID + 1 } },
    { way, what: 'a key of low order', keys: { x25519: new Uint8Array(32) } },
  ]),
)('over $way a client that means $what gets no channel', async ({ way, keys }) => {
  const node = await startNode()
  expect(await codeOf(dial(way, node, keys))).toMatch(/^HANDSHAKE_(UNREACHABLE|WRONG_KEY)$/)
  await expect.poll(() => node.server.counts).toEqual({ sessions: 0, pending: 0 })
})

test.each(['toNode', 'toClient'] as const)(
  'one bit turned %s, wherever it is, and nothing of that message is taken',
  async (direction) => {
    const node = await startNode()
    for (const at of [0, 1, 2, 40, 49, 51, 60, 140, 220]) {
      let seen = 0
      const turn = (bytes: Uint8Array): Uint8Array[] => {
        const place = at - seen
        seen += bytes.length
        return place >= 0 && place < bytes.length ? [bytes.with(place, bytes[place]! ^ 0x10)] : [bytes]
      }
      const opened = dial('duplex', node, {}, { [direction]: turn }, 1_000).then(
        async (carrier) => await connectSession({ nodeKey: KEYS.nodeKey, chainId: CHAIN_ID, carrier, timeoutMs: 1_000 }),
      )
      expect(await codeOf(opened)).toMatch(/^HANDSHAKE_(UNREACHABLE|WRONG_KEY|TIMEOUT|PROTOCOL)$/)
    }
  },
  120_000,
)

test('what is cut and joined on its way is the same stream', async () => {
  const cutting = (bytes: Uint8Array): Uint8Array[] => {
    const parts: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += 997) parts.push(bytes.subarray(at, at + 997))
    return parts
  }
  const session = await sessionOf(await dial('duplex', await startNode(), {}, { toNode: cutting, toClient: cutting }))
  const lane = await session.openLane({ serviceId: 0, metadata: noMetadata })
  const reading = bytesOf(lane)
  await lane.write(sample(300_000))
  await lane.end()
  expect(Buffer.compare(await reading, sample(300_000))).toBe(0)
})

test.each(WAYS)('over %s a reader that stops stops the sender', async (way) => {
  let written = 0
  const node = await startNode(async (request) => {
    const lane = request.accept(noMetadata)
    for (let i = 0; i < 400; i++) {
      await lane.write(new Uint8Array(65_536))
      written += 65_536
    }
    await lane.end()
  })
  const session = await sessionOf(await dial(way, node))
  const lane = await session.openLane({ serviceId: 0, metadata: noMetadata })
  await expect.poll(() => written, { timeout: 20_000 }).toBeGreaterThan(1_500_000)
  const other = await session.openLane({ serviceId: 0, metadata: noMetadata }) // everything before its ACCEPT has come
  expect(written).toBeLessThan(2 * 2_400_000)
  other.reset(25)
  let read = 0
  for await (const bytes of lane.source) read += bytes.length
  expect(read).toBe(400 * 65_536)
})

test.each(WAYS)('over %s a node that stops says so, and a broken connection ends the session', async (way) => {
  const node = await startNode()
  const draining = await sessionOf(await dial(way, node))
  const stopped = node.stop()
  expect(await draining.closed).toMatchObject({ laneCode: 17 })
  await stopped
  const another = await startNode()
  const carrier = await dial(way, another)
  const broken = await sessionOf(carrier)
  carrier.destroy()
  expect(await broken.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED' })
  await expect.poll(() => another.server.counts).toEqual({ sessions: 0, pending: 0 })
})

test('an abort ends the dialling with its reason, and time does', async () => {
  const silent = createDuplexes()
  const reason = new Error('enough')
  const aborted = createDuplexCarrier(silent.client, { role: 'client', ...KEYS }, { signal: AbortSignal.abort(reason) })
  await expect(aborted).rejects.toBe(reason)
  expect(await codeOf(createDuplexCarrier(createDuplexes().client, { role: 'client', ...KEYS }, { timeoutMs: 5 }))).toBe(
    'HANDSHAKE_TIMEOUT',
  )
  const node = await startNode(echo, { greetingTimeoutMs: 60_000 })
  await expect(connectWebSocket({ url: node.url, ...KEYS, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  await node.stop()
  expect(await codeOf(connectWebSocket({ url: node.url, ...KEYS }))).toBe('HANDSHAKE_UNREACHABLE')
  expect(await codeOf(connectWebSocket({ url: 'no url', ...KEYS }))).toBe('HANDSHAKE_BAD_ARGUMENT')
})

test('a door that knows nothing but the upgrade: anything else is answered with 426', async () => {
  const node = await startNode()
  const response = await fetch(node.url.replace('ws:', 'http:'))
  expect(response.status).toBe(426)
  await expect.poll(() => node.server.counts.pending).toBe(0)
})

test.each([
  ['text', (socket: PlainSocket) => socket.send('hello')],
  ['a short message', (socket: PlainSocket) => socket.send(new Uint8Array(47))],
  ['a long message', (socket: PlainSocket) => socket.send(new Uint8Array(49))],
  ['noise of another kind', (socket: PlainSocket) => socket.send(new Uint8Array(48).fill(7))],
  ['a message above 65,535 bytes', (socket: PlainSocket) => socket.send(new Uint8Array(65_536))],
])('a stranger that sends %s first is cut off, without an answer', async (_, send) => {
  const node = await startNode()
  const socket = new PlainSocket(node.url)
  let answers = 0
  socket.on('message', () => answers++)
  socket.on('error', () => {})
  await once(socket, 'open')
  const closed = once(socket, 'close')
  send(socket)
  await closed
  await expect.poll(() => node.server.counts.pending).toBe(0)
  expect(answers).toBe(0)
})

test('who says nothing is let go when his time is up: before HTTP, after it, and after Noise', async () => {
  const node = await startNode(echo, { greetingTimeoutMs: 200 })
  const raw: Socket = connect(node.port, '127.0.0.1')
  raw.on('error', () => {})
  const socket = new PlainSocket(node.url)
  socket.on('error', () => {})
  const carrier = await connectWebSocket({ url: node.url, ...KEYS })
  const ended = new Promise<void>((resolve) => carrier.start({ onBytes() {}, onClosed: () => resolve() }))
  await Promise.all([once(raw, 'close'), once(socket, 'close'), ended])
  await expect.poll(() => node.server.counts).toEqual({ sessions: 0, pending: 0 })
})

test('strangers are refused before a byte of theirs is read when no place is left', async () => {
  const node = await startNode(echo, { maxPending: 1, greetingTimeoutMs: 60_000 })
  const first: Socket = connect(node.port, '127.0.0.1')
  onTestFinished(() => void first.destroy())
  await expect.poll(() => node.server.counts.pending).toBe(1)
  expect(await codeOf(connectWebSocket({ url: node.url, ...KEYS }))).toBe('HANDSHAKE_UNREACHABLE')
})
