import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { connect, createServer, TLSSocket } from 'node:tls'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { afterEach, expect, test } from 'vitest'
import { connectSession, type LaneListener } from '../src/index.ts'
import { decodeHeader, FRAME } from '../src/frames.ts'
import { connectTls, createSessionServer, encodeCertificate, type SessionServer, type SessionServerOptions } from '../src/tls.ts'
import { createNodeContext } from '../src/tls-carrier.node.ts'
import { collect } from './collect.ts'

const IDENTITY = createKeyPair(new Uint8Array(32).fill(1))
const OTHER = createKeyPair(new Uint8Array(32).fill(2))
const NONE = new Uint8Array()
const target = { host: '127.0.0.1', nodeKey: IDENTITY.publicKey, chainId: 1337 }
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const serveNothing: LaneListener = (request) => void request.accept(NONE)

async function serve(
  onLane: LaneListener = serveNothing,
  options: Partial<SessionServerOptions> = {},
  identity = IDENTITY,
): Promise<{ port: number; server: SessionServer }> {
  const server = createSessionServer({ identity, onLane }, { chainId: 1337, ...options })
  cleanups.push(() => server.stop())
  return { port: (await server.start()).port, server }
}

/** A TLS client that says nothing by itself. */
async function rawClient(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['selvedge/1'], ...options })
  socket.on('error', () => {})
  cleanups.push(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}
/** Its end, whatever error came before. */
const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve))

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {})
    cleanups.push(() => socket.destroy())
    onSocket(socket)
  }).listen(0, '127.0.0.1')
  cleanups.push(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('the certificate is one that node:crypto reads: the key, self-signed, the same bytes each time', () => {
  const der = encodeCertificate(IDENTITY)
  const certificate = new X509Certificate(der)
  expect(certificate.publicKey.export({ format: 'jwk' }).x).toBe(Buffer.from(IDENTITY.publicKey).toString('base64url'))
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.subject).toBe('CN=selvedge')
  expect(new Date(certificate.validFrom).getTime()).toBe(0)
  expect(encodeCertificate(IDENTITY)).toEqual(der)
  expect(encodeCertificate(OTHER)).toHaveLength(der.length)
})

test('a node with another key is refused before HELLO', async () => {
  const { port, server } = await serve(serveNothing, {}, OTHER)
  await expect(connectSession({ ...target, port })).rejects.toMatchObject({
    code: 'HANDSHAKE_WRONG_KEY',
    details: { shown: Buffer.from(OTHER.publicKey).toString('hex') },
  })
  expect(server.counts.sessions).toBe(0)
})

test('a resumed TLS session still proves the node: WELCOME is checked again, and tickets of one key serve no other', async () => {
  const { port, server } = await serve()
  const first = await connectSession({ ...target, port })
  const lane = await first.openLane({ serviceId: 0, metadata: NONE })
  lane.reset(25)
  await first.close()
  const carrier = await connectTls({ host: '127.0.0.1', port, nodeKey: IDENTITY.publicKey, timeoutMs: 5_000, signal: undefined })
  expect(carrier.isResumed).toBe(true)
  carrier.destroy()
  const second = await connectSession({ ...target, port })
  expect(second.sessionId).not.toEqual(first.sessionId)
  await second.close()
  await expect(connectSession({ ...target, nodeKey: OTHER.publicKey, port })).rejects.toMatchObject({ code: 'HANDSHAKE_WRONG_KEY' })
  expect(server.counts.sessions).toBe(0)
})

test('a node on another chain refuses with 6', async () => {
  const { port } = await serve(serveNothing, { chainId: 1 })
  await expect(connectSession({ ...target, port })).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED', laneCode: 6 })
})

test('TLS 1.2, another ALPN name and none at all get no session', async () => {
  const { port, server } = await serve()
  for (const options of [{ maxVersion: 'TLSv1.2' }, { ALPNProtocols: ['h2'] }, { ALPNProtocols: undefined }]) {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['selvedge/1'], ...options } as object)
    socket.on('error', () => {})
    await closed(socket)
  }
  await until(() => server.counts.pending === 0)
  expect(server.counts).toEqual({ sessions: 0, pending: 0 })
  const plain = createServer({ SNICallback: (_, done) => done(null, createNodeContext(IDENTITY)) }).listen(0, '127.0.0.1')
  cleanups.push(() => plain.close())
  await once(plain, 'listening')
  const connecting = connectSession({ ...target, port: (plain.address() as AddressInfo).port })
  await expect(connecting).rejects.toMatchObject({ code: expect.stringMatching(/^HANDSHAKE_(PROTOCOL|UNREACHABLE)$/) })
})

test('HELLO of another version gets GOAWAY 2 and a closed channel', async () => {
  const { port } = await serve()
  const socket = await rawClient(port)
  socket.write(Uint8Array.of(FRAME.hello, 0, 0, 0, 2, 0, 0, 0, 2, 0))
  const answer = Buffer.concat(await collect(socket as AsyncIterable<Buffer>))
  expect(decodeHeader(answer).type).toBe(FRAME.goaway)
  expect(answer.readUInt16LE(8)).toBe(2)
})

test('half-open, silent and slow connections are dropped when their time is over', async () => {
  const { port, server } = await serve(serveNothing, { greetingTimeoutMs: 150 })
  const silent = connectTcp(port, '127.0.0.1')
  const afterTls = await rawClient(port)
  const slow = await rawClient(port)
  slow.write(Uint8Array.of(FRAME.hello, 0, 0, 0, 151, 0, 0, 0, 1)) // a HELLO that never goes on
  const closes = [silent, afterTls, slow].map((socket) => {
    socket.on('error', () => {})
    socket.resume()
    return closed(socket)
  })
  await Promise.all(closes)
  await until(() => server.counts.sessions + server.counts.pending === 0)
  expect(closes).toHaveLength(3)
})

test('more than maxPending strangers are turned away, and those who come later are served', async () => {
  const { port, server } = await serve(serveNothing, { maxPending: 3, greetingTimeoutMs: 60_000 })
  const strangers = await Promise.all([0, 1, 2].map(() => rawClient(port)))
  expect(server.counts.pending).toBe(3)
  await expect(connectSession({ ...target, port })).rejects.toMatchObject({ code: 'HANDSHAKE_UNREACHABLE' })
  strangers[0]!.destroy()
  await until(() => server.counts.pending === 2)
  await (await connectSession({ ...target, port })).close()
})

test('an address that connects too often is turned away before TLS', async () => {
  const { port } = await serve(serveNothing, { connectionsBurst: 2, connectionsPerSecond: 0 })
  const sessions = [await connectSession({ ...target, port }), await connectSession({ ...target, port })]
  await expect(connectSession({ ...target, port })).rejects.toMatchObject({ code: 'HANDSHAKE_UNREACHABLE' })
  await Promise.all(sessions.map((session) => session.close()))
})

test('garbage instead of TLS costs the connection and nothing else', async () => {
  const { port, server } = await serve()
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(Buffer.alloc(1_000, 0x41))
  socket.resume()
  await closed(socket)
  await (await connectSession({ ...target, port })).close()
  expect(server.counts.pending).toBe(0)
})

test('a node that accepts and says nothing is given up in time, and an abort does not wait for that', async () => {
  const port = await listen(() => {})
  await expect(connectSession({ ...target, port, timeoutMs: 50 })).rejects.toMatchObject({ code: 'HANDSHAKE_TIMEOUT' })
  const controller = new AbortController()
  const connecting = connectSession({ ...target, port, signal: controller.signal })
  const reason = new Error('enough')
  setImmediate(() => controller.abort(reason))
  await expect(connecting).rejects.toBe(reason)
})

test('nobody at the address is unreachable, with the cause', async () => {
  const port = await listen(() => {})
  await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()))
  const failure = await connectSession({ ...target, port }).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'HANDSHAKE_UNREACHABLE', details: { port }, cause: { code: 'ECONNREFUSED' } })
})

test('a peer that vanishes rejects what waits, at the client and at the node', async () => {
  const aborted: unknown[] = []
  const { port, server } = await serve((request) => {
    request.signal.addEventListener('abort', () => aborted.push(request.signal.reason))
    request.accept(NONE)
  })
  const links: Socket[] = []
  const relay = await listen((near) => {
    const far = connectTcp(port, '127.0.0.1')
    far.on('error', () => {})
    near.pipe(far).pipe(near)
    links.push(near, far)
  })
  const session = await connectSession({ ...target, port: relay })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  const reading = collect(lane.source)
  const writing = lane.write(new Uint8Array(30 * 2 ** 20))
  for (const link of links) link.destroy()
  const settled = await Promise.allSettled([reading, writing])
  expect(settled).toEqual(settled.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code: 'HANDSHAKE_CLOSED' }) })))
  await until(() => server.counts.sessions === 0)
  expect(aborted).toEqual([expect.objectContaining({ code: 'HANDSHAKE_CLOSED' })])
})

test('a TLS proxy that ends the channel in the middle gets no session through', async () => {
  const { port } = await serve()
  const proxy = await listen((socket) => {
    const near = new TLSSocket(socket, { isServer: true, secureContext: createNodeContext(IDENTITY), ALPNProtocols: ['selvedge/1'] })
    const far = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['selvedge/1'] })
    for (const end of [near, far]) end.on('error', () => {})
    near.pipe(far).pipe(near)
  })
  await expect(connectSession({ ...target, port: proxy })).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED', laneCode: 3 })
})

test('one address has so many connections at once and no more, and another one when one of them has ended', async () => {
  const { port, server } = await serve(serveNothing, { maxConnectionsPerAddress: 2 })
  const first = await connectSession({ ...target, port })
  const second = await connectSession({ ...target, port })
  await expect(connectSession({ ...target, port })).rejects.toMatchObject({ code: 'HANDSHAKE_UNREACHABLE' })
  await first.close()
  await until(() => server.counts.sessions === 1)
  const third = await connectSession({ ...target, port })
  await Promise.all([second.close(), third.close()])
})

test('lanes that are opened and left are counted for their address, over sessions; lanes that end are not', async () => {
  let asked = 0
  const { port } = await serve(
    async (request) => {
      asked++
      if (request.serviceId === 0) return // never answers: the client leaves
      await request.accept(NONE).end()
    },
    { abandonedBurst: 3, abandonedPerSecond: 0 },
  )
  const open = async (serviceId: number, leaves: boolean): Promise<unknown> => {
    const session = await connectSession({ ...target, port })
    const leaving = new AbortController()
    const before = asked
    const opening = session.openLane({ serviceId, metadata: NONE, signal: leaving.signal }).then(
      async (lane) => {
        await lane.end()
        await collect(lane.source)
      },
      (error: unknown) => error,
    )
    if (leaves) {
      await until(() => asked > before)
      leaving.abort('left')
    }
    const outcome = await opening
    await session.close()
    return outcome
  }
  for (let i = 0; i < 10; i++) expect(await open(1, false)).toBeUndefined()
  for (let i = 0; i < 3; i++) expect(await open(0, true)).toBe('left')
  expect(await open(0, false)).toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 7 })
  expect(asked).toBe(13)
})
