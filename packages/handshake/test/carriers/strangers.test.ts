/** What somebody whom nobody knows yet can make a node compute and keep, over Noise. */
import nodeCrypto from 'node:crypto'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { createNoiseInitiator, x25519KeyOf } from '@selvedge/crypto/noise'
import { transcriptOf } from '@selvedge/crypto/transcript'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket as PlainSocket } from 'ws'
import { createDuplexCarrier } from '../../src/duplex.ts'
import { connectSession } from '../../src/index.ts'
import { createSessionServer, type SessionServer, type SessionServerOptions } from '../../src/tls.ts'
import { connectWebSocket } from '../../src/websocket.ts'
import { createWebSocketDoor } from '../../src/websocket-server.ts'
import { createDuplexes } from './duplexes.ts'

const CHAIN_ID = 7
const IDENTITY: KeyPair = createKeyPair(new Uint8Array(32).fill(1))
const X25519_SECRET = new Uint8Array(32).fill(2)
const NAMES = { nodeKey: IDENTITY.publicKey, chainId: CHAIN_ID }
const X25519 = x25519KeyOf(X25519_SECRET)

interface Node {
  readonly server: SessionServer
  readonly url: string
}

/** Strangers have all the time that there is: what ends them here is what they send. */
async function startNode(bounds: Partial<SessionServerOptions> = {}): Promise<Node> {
  const onLane = (request: { accept(metadata: Uint8Array): unknown; readonly metadata: Uint8Array }): void =>
    void request.accept(request.metadata)
  const server = createSessionServer({ identity: IDENTITY, onLane }, { chainId: CHAIN_ID, greetingTimeoutMs: 600_000, ...bounds })
  const door = createWebSocketDoor({ server, x25519Secret: X25519_SECRET, ...NAMES })
  const { host, port } = await door.start()
  onTestFinished(async () => {
    await door.stop()
    await server.stop()
  })
  return { server, url: `ws://${host}:${port}` }
}

async function strangerAt({ url }: Node): Promise<PlainSocket> {
  const socket = new PlainSocket(url)
  onTestFinished(() => socket.terminate())
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

/** As a client says it, with `payload` where none belongs. */
async function firstMessage(payload = new Uint8Array(0)): Promise<Uint8Array> {
  const prologue = transcriptOf('noise', Uint8Array.of(CHAIN_ID, 0, 0, 0), IDENTITY.publicKey)
  return await createNoiseInitiator({ prologue, remoteStatic: X25519 }).write(payload)
}

/** Counts what OpenSSL is asked for in this process until the test is over: agreements, and public keys of secret ones. */
function countCurve(): { agreements: number; keys: number } {
  const counted = { agreements: 0, keys: 0 }
  const { diffieHellman, createPublicKey } = nodeCrypto
  const isSecret = (key: unknown): boolean => key instanceof nodeCrypto.KeyObject && key.type === 'private'
  nodeCrypto.diffieHellman = ((...args: Parameters<typeof diffieHellman>) => {
    counted.agreements++
    return diffieHellman(...args)
  }) as typeof diffieHellman
  nodeCrypto.createPublicKey = (...args) => {
    if (isSecret(args[0])) counted.keys++
    return createPublicKey(...args)
  }
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(nodeCrypto, { diffieHellman, createPublicKey })
    syncBuiltinESMExports()
  })
  return counted
}

test.each([
  { what: 'junk of 4,000 bytes', message: new Uint8Array(4_000).fill(7), agreements: 0, keys: 0, isAnswered: false },
  { what: 'a true one with a payload', message: await firstMessage(Uint8Array.of(1)), agreements: 0, keys: 0, isAnswered: false },
  { what: 'a byte less', message: (await firstMessage()).subarray(1), agreements: 0, keys: 0, isAnswered: false },
  { what: 'junk of 48 bytes', message: new Uint8Array(48).fill(7), agreements: 1, keys: 0, isAnswered: false },
  { what: 'a true one', message: await firstMessage(), agreements: 2, keys: 1, isAnswered: true },
])('a first message that is $what costs $agreements agreements and $keys keys', async ({ message, agreements, keys, isAnswered }) => {
  const node = await startNode()
  const socket = await strangerAt(node)
  const counted = countCurve()
  const answered = once(socket, isAnswered ? 'message' : 'close')
  socket.send(message)
  const [answer] = (await answered) as [Uint8Array | number]
  expect(counted).toEqual({ agreements, keys })
  expect(answer instanceof Uint8Array ? answer.length : undefined).toBe(isAnswered ? 48 : undefined)
})

test.each([
  { bound: 'its address comes too often', bounds: { connectionsBurst: 1, connectionsPerSecond: 0.001 } },
  { bound: 'its address has as many as it may', bounds: { maxConnectionsPerAddress: 1 } },
  { bound: 'as many strangers wait as may', bounds: { maxPending: 1 } },
])('a connection that is refused since $bound costs nothing on the curve, whatever it says', async ({ bounds }) => {
  const node = await startNode(bounds)
  await strangerAt(node)
  const counted = countCurve()
  const message = await firstMessage()
  const made = { ...counted } // by this stranger himself
  const refused = new PlainSocket(node.url)
  onTestFinished(() => refused.terminate())
  refused.on('error', () => {}) // where it is not even upgraded
  refused.on('open', () => refused.send(message))
  await new Promise((resolve) => refused.on('close', resolve))
  expect(counted).toEqual(made)
  expect(node.server.counts.pending).toBe(1)
})

test.each([false, true])(
  'pieces of one long message are not gathered for a stranger, Noise done: %s',
  async (isSecured) => {
    const node = await startNode()
    const socket = await strangerAt(node)
    if (isSecured) {
      const answered = once(socket, 'message')
      socket.send(await firstMessage())
      await answered
    }
    const closed = once(socket, 'close')
    for (let i = 0; i < 5; i++) socket.send(new Uint8Array(1_000), { fin: false })
    await closed
    await expect.poll(() => node.server.counts).toEqual({ sessions: 0, pending: 0 })
  },
  60_000,
)

test('what a stranger announces on a stream is refused before it comes, and read no further', async () => {
  let pieces = 0
  async function* source(): AsyncGenerator<Uint8Array> {
    for (; pieces < 65_537; pieces++) yield Uint8Array.of(0xff)
  }
  const stranger = { source: source(), write: async () => {}, end: async () => {} }
  const secured = createDuplexCarrier(stranger, { role: 'node', x25519Secret: X25519_SECRET, x25519: X25519, ...NAMES })
  await expect(secured).rejects.toThrow(/before the greeting/)
  expect(pieces).toBeLessThan(4)
})

test('many small messages are no more than one', async () => {
  const node = await startNode()
  const { client, node: far } = createDuplexes()
  node.server.accept('192.0.2.1', async (signal) => {
    return await createDuplexCarrier(far, { role: 'node', x25519Secret: X25519_SECRET, x25519: X25519, ...NAMES }, { signal })
  })
  const carrier = await createDuplexCarrier(client, { role: 'client', x25519: X25519, ...NAMES })
  const closed = new Promise<void>((resolve) => carrier.start({ onBytes() {}, onClosed: () => resolve() }))
  const hello = new Uint8Array(300) // of a HELLO of 500 bytes: there is nothing wrong with what has come of it
  hello.set([1, 0, 0, 0, 0xf4, 1, 0, 0])
  for (const byte of hello) carrier.send([Uint8Array.of(byte)], () => {}) // 19 bytes each on the wire
  await closed
  await expect.poll(() => node.server.counts).toEqual({ sessions: 0, pending: 0 })
})

test.each(['WebSocket', 'duplex'])('the longest first flight of a client comes through, byte by byte too: %s', async (way) => {
  const node = await startNode()
  const byByte = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte))
  const { client, node: far } = createDuplexes({ toNode: byByte, toClient: byByte })
  const atNode = { role: 'node', x25519Secret: X25519_SECRET, ...NAMES } as const
  if (way === 'duplex') node.server.accept('192.0.2.1', async (signal) => await createDuplexCarrier(far, atNode, { signal }))
  const carrier =
    way === 'duplex'
      ? await createDuplexCarrier(client, { role: 'client', x25519: X25519, ...NAMES })
      : await connectWebSocket({ url: node.url, x25519: X25519, ...NAMES })
  const metadata = new Uint8Array(3_000).fill(5)
  const session = await connectSession({ ...NAMES, carrier, firstLane: { serviceId: 0, metadata } })
  onTestFinished(() => session.close())
  expect((await session.firstLane)?.metadata).toEqual(metadata)
})

test('a secret of another width is a mistake of the caller', async () => {
  const { server } = await startNode()
  expect(() => createWebSocketDoor({ server, x25519Secret: new Uint8Array(31), ...NAMES })).toThrow(
    expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }),
  )
})
