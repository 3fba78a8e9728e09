import { createPrivateKey } from 'node:crypto'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { encodeCertificate, encodePrivateKey } from '@selvedge/crypto/certificate'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { afterEach, describe, expect, test } from 'vitest'
import { PENDING_PER_ADDRESS_MAX } from '../src/tls/listener.ts'
import { encodeHello } from '../src/tls/hello.ts'
import { createTlsIdentity } from '../src/tls/identity.ts'
import { createTlsNetwork, type TlsAddress, type TlsEvent, type TlsNetwork } from '../src/tls.node.ts'
import { FRAME_BYTES_MAX } from '../src/wire/limits.ts'
import { until } from './support/until.ts'

const CHAIN = { chainId: 7, genesisHash: new Uint8Array(32).fill(9) }
/** Ascending, so that the first dials all others. */
const KEYS: readonly KeyPair[] = [1, 2, 3, 4]
  .map((seed) => createKeyPair(new Uint8Array(32).fill(seed)))
  .toSorted((a, b) => Buffer.compare(a.publicKey, b.publicKey))
const keyOf = (index: number): string => Buffer.from((KEYS[index] as KeyPair).publicKey).toString('hex')

interface Node {
  readonly network: TlsNetwork
  readonly address: TlsAddress
  readonly frames: { from: string; frame: Uint8Array }[]
  readonly peers: Set<string>
  readonly events: TlsEvent[]
}

const addresses = new Map<string, TlsAddress>()
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  addresses.clear()
})

async function startNode(index: number, peers: readonly number[], options: { chainId?: number; port?: number } = {}): Promise<Node> {
  const { chainId = CHAIN.chainId, port = 0 } = options
  const events: TlsEvent[] = []
  const frames: Node['frames'] = []
  const connected = new Set<string>()
  const components = { keyPair: KEYS[index] as KeyPair, addressOf: (peer: string) => addresses.get(peer) }
  const network = createTlsNetwork(components, { ...CHAIN, chainId, port, onEvent: (event) => events.push(event) })
  const address = await network.listen()
  addresses.set(keyOf(index), address)
  network.setPeers(peers.map(keyOf))
  await network.start({
    onFrame: (from, frame) => frames.push({ from, frame }),
    onPeer: (peer, isConnected) => (isConnected ? connected.add(peer) : connected.delete(peer)),
  })
  closers.push(() => network.stop())
  return { network, address, frames, peers: connected, events }
}

async function startPair(): Promise<[Node, Node]> {
  const [a, b] = [await startNode(0, [1]), await startNode(1, [0])]
  await until(() => a.peers.size === 1 && b.peers.size === 1)
  return [a, b]
}

/** A hostile end with a member's key: everything that follows the handshake is the test's. */
function openRaw(index: number, { host, port }: TlsAddress): Promise<TLSSocket> {
  const socket = createTlsIdentity(KEYS[index] as KeyPair).connect({ host, port })
  closers.push(() => socket.destroy())
  socket.on('error', () => {}).resume()
  return new Promise((resolve) => socket.once('secureConnect', () => resolve(socket)))
}
/** What a member shows, for ends that are no part of the package. */
function pemOf(keyPair: KeyPair): { readonly key: string; readonly cert: string } {
  const key = createPrivateKey({ key: Buffer.from(encodePrivateKey(keyPair)), format: 'der', type: 'pkcs8' })
  const cert = `-----BEGIN CERTIFICATE-----\n${Buffer.from(encodeCertificate(keyPair)).toString('base64')}\n-----END CERTIFICATE-----\n`
  return { key: String(key.export({ format: 'pem', type: 'pkcs8' })), cert }
}
const helloOf = (from: number, to: number, chainId = CHAIN.chainId): Uint8Array =>
  encodeHello({ ...CHAIN, chainId, sender: (KEYS[from] as KeyPair).publicKey, receiver: (KEYS[to] as KeyPair).publicKey })
const framed = (frame: Uint8Array, length = frame.length): Uint8Array => {
  const bytes = Buffer.alloc(4 + frame.length)
  bytes.writeUInt32LE(length)
  bytes.set(frame, 4)
  return bytes
}
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))

describe('between peers', () => {
  test('frames of any size arrive whole and in order, with the key of their sender', async () => {
    const [a, b] = await startPair()
    const sizes = [1, 3, 70_000, 500_000, 2, FRAME_BYTES_MAX, 16_384, 5]
    for (const [i, size] of sizes.entries()) a.network.send(keyOf(1), new Uint8Array(size).fill(i + 1))
    b.network.send(keyOf(0), Uint8Array.of(42))
    await until(() => b.frames.length === sizes.length && a.frames.length === 1)
    expect(a.frames).toEqual([{ from: keyOf(1), frame: Uint8Array.of(42) }])
    for (const [i, { from, frame }] of b.frames.entries()) {
      expect(from).toBe(keyOf(0))
      expect(frame.length).toBe(sizes[i])
      expect(frame.every((byte) => byte === i + 1)).toBe(true)
    }
    const buffers = new Set(b.frames.map(({ frame }) => frame.buffer))
    expect(buffers.size).toBe(sizes.length) // whoever keeps one keeps no other
  })

  test('frames that are sent while earlier ones still go out are not written into them', async () => {
    const [a, b] = await startPair()
    const frameOf = (i: number): Uint8Array => new Uint8Array((i * 7_919) % 300_000).fill(i)
    for (let i = 0; i < 120; i++) {
      a.network.send(keyOf(1), frameOf(i))
      b.network.send(keyOf(0), frameOf(i + 1))
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve)) // some are on their way, some are joined
    }
    await until(() => a.frames.length === 120 && b.frames.length === 119) // the first of `a` is empty: it only says that its sender lives
    for (const [i, { frame }] of b.frames.entries()) expect(Buffer.compare(frame, frameOf(i + 1))).toBe(0)
    for (const [i, { frame }] of a.frames.entries()) expect(Buffer.compare(frame, frameOf(i + 1))).toBe(0)
  })

  test('four make one connection a pair, however they start', async () => {
    const nodes = await Promise.all([0, 1, 2, 3].map((index) => startNode(index, [0, 1, 2, 3])))
    await until(() => nodes.every(({ peers }) => peers.size === 3))
    for (const { network } of nodes) for (let to = 0; to < 4; to++) network.send(keyOf(to), Uint8Array.of(to))
    await until(() => nodes.every(({ frames }) => frames.length === 3))
    const connections = nodes.flatMap(({ events }) => events.filter(({ type }) => type === 'connected'))
    expect(connections).toHaveLength(12) // both ends of six
  })

  test('a peer that went away is reached again when it comes back', async () => {
    const [a, b] = await startPair()
    await b.network.stop()
    await until(() => a.peers.size === 0)
    a.network.send(keyOf(1), Uint8Array.of(1)) // lost, and nothing is thrown
    const again = await startNode(1, [0], { port: b.address.port })
    await until(() => a.peers.size === 1 && again.peers.size === 1)
    a.network.send(keyOf(1), Uint8Array.of(2))
    await until(() => again.frames.length === 1)
    expect(again.frames[0]?.frame).toEqual(Uint8Array.of(2))
  })

  test('peers of the next epoch are connected, those of the last one left', async () => {
    const nodes = await Promise.all([0, 1, 2].map((index) => startNode(index, [0, 1])))
    const [a, , c] = nodes as [Node, Node, Node]
    await until(() => a.peers.has(keyOf(1)))
    c.network.setPeers([keyOf(0)])
    a.network.setPeers([keyOf(2)])
    await until(() => a.peers.has(keyOf(2)) && !a.peers.has(keyOf(1)))
    expect([...c.peers]).toEqual([keyOf(0)])
  })

  test('a paused peer is not heard, is slowed down, and loses nothing', async () => {
    const [a, b] = await startPair()
    b.network.pause(keyOf(0))
    const count = 64
    for (let i = 0; i < count; i++) a.network.send(keyOf(1), new Uint8Array(2 ** 20).fill(i))
    await until(() => a.network.queuedBytes(keyOf(1)) < count * 2 ** 20) // what the system's buffers hold has left
    expect(b.frames).toHaveLength(0)
    expect(a.network.queuedBytes(keyOf(1))).toBeGreaterThan(16 * 2 ** 20)
    b.network.resume(keyOf(0))
    await until(() => b.frames.length === count)
    expect(b.frames.map(({ frame }) => frame[0])).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(a.network.queuedBytes(keyOf(1))).toBe(0)
  })

  test('a frame handler that pauses gets no further frame of the same chunk', async () => {
    const b = await startNode(1, [0])
    const socket = await openRaw(0, b.address)
    const seen: number[] = []
    await b.network.stop()
    closers.length = 0
    const network = createTlsNetwork({ keyPair: KEYS[1] as KeyPair, addressOf: () => undefined }, CHAIN)
    const address = await network.listen()
    closers.push(() => network.stop())
    network.setPeers([keyOf(0)])
    await network.start({
      onFrame: (from, frame) => {
        seen.push(frame[0] as number)
        network.pause(from)
      },
      onPeer: () => {},
    })
    socket.destroy()
    const hostile = await openRaw(0, address)
    hostile.write(Buffer.concat([framed(helloOf(0, 1)), ...Array.from({ length: 100 }, (_, i) => framed(Uint8Array.of(i)))]))
    for (let i = 0; i < 100; i++) {
      await until(() => seen.length === i + 1)
      expect(seen[i]).toBe(i)
      network.resume(keyOf(0))
    }
  })
})

describe('against others', () => {
  test('a key that is no peer is refused after the handshake, before its first byte', async () => {
    const b = await startNode(1, [2])
    const socket = await openRaw(0, b.address)
    socket.write(framed(helloOf(0, 1)))
    socket.write(framed(Uint8Array.of(1)))
    await closed(socket)
    expect(b.frames).toEqual([])
    expect(b.events).toEqual([{ type: 'refused' }])
  })

  test('whoever shows no certificate, or does not speak the protocol, is refused', async () => {
    const b = await startNode(1, [0])
    const options = { host: b.address.host, port: b.address.port, rejectUnauthorized: false }
    const bare = connectTls({ ...options, ALPNProtocols: ['selvedge-consensus/1'] })
    bare.on('error', () => {}).resume()
    await closed(bare)
    const other = connectTls({ ...options, ALPNProtocols: ['h2'] })
    other.on('error', () => {}).resume()
    await closed(other)
    const plain = connectTcp(options)
    plain.on('error', () => {}).resume()
    plain.write('GET / HTTP/1.1\r\n\r\n')
    await closed(plain)
    expect(b.peers.size).toBe(0)
  })

  test('a member that speaks TLS 1.2 is refused, whichever side it is on', async () => {
    const b = await startNode(1, [0])
    const { key, cert } = pemOf(KEYS[0] as KeyPair)
    const errors: (string | undefined)[] = []
    const { host, port } = b.address
    const open = (version: 'TLSv1.2' | 'TLSv1.3'): TLSSocket => {
      const versions = { minVersion: version, maxVersion: version }
      const socket = connectTls({ host, port, key, cert, ...versions, ALPNProtocols: ['selvedge-consensus/1'], rejectUnauthorized: false })
      closers.push(() => socket.destroy())
      return socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code)).resume()
    }
    await closed(open('TLSv1.2'))
    expect(errors[0]).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    expect([b.peers.size, b.frames.length]).toEqual([0, 0])
    const today = open('TLSv1.3') // the same key and certificate
    today.write(framed(helloOf(0, 1)))
    await until(() => b.peers.size === 1)

    let [offers, secured] = [0, 0]
    const member = pemOf(KEYS[3] as KeyPair)
    const server = createTlsServer({ ...member, maxVersion: 'TLSv1.2', ALPNProtocols: ['selvedge-consensus/1'], requestCert: true })
    server.on('tlsClientError', () => offers++).on('secureConnection', () => secured++)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => new Promise((resolve) => server.close(resolve)))
    addresses.set(keyOf(3), { host: '127.0.0.1', port: (server.address() as AddressInfo).port })
    const dialing = await startNode(0, [3])
    await until(() => offers >= 2) // dialled again, and in vain again
    expect([secured, dialing.peers.size]).toEqual([0, 0])
  })

  test('a server that holds another key gets nothing', async () => {
    const impostor = await startNode(2, [0, 1])
    addresses.set(keyOf(1), impostor.address)
    let asked = 0
    const get = addresses.get.bind(addresses)
    addresses.get = (peer) => {
      if (peer === keyOf(1)) asked += 1
      return get(peer)
    }
    const a = await startNode(0, [1])
    a.network.send(keyOf(1), Uint8Array.of(1))
    await until(() => asked === 4) // three times in vain
    expect(a.peers.size).toBe(0)
    expect(impostor.peers.size).toBe(0)
    expect(impostor.frames).toEqual([])
  })

  test('another chain, another receiver and nonsense are no greeting', async () => {
    const b = await startNode(1, [0])
    const bad = [helloOf(0, 1, 8), helloOf(0, 2), helloOf(2, 1), new Uint8Array(128), new Uint8Array(), helloOf(0, 1).subarray(1)]
    for (const hello of bad) {
      const socket = await openRaw(0, b.address)
      socket.write(Buffer.concat([framed(hello), framed(Uint8Array.of(1))]))
      await closed(socket)
    }
    expect(b.events.map((event) => event.type === 'closed' && event.reason)).toEqual(bad.map(() => 'badHello'))
    expect(b.frames).toEqual([])
    expect(b.peers.size).toBe(0)
  })

  test('a peer that does not greet is closed, and so is one that does not finish TLS', async () => {
    const b = await startNode(1, [0])
    const silent = await openRaw(0, b.address)
    const stuck = connectTcp(b.address)
    stuck.on('error', () => {}).resume()
    await Promise.all([closed(silent), closed(stuck)])
    expect(b.events).toContainEqual({ type: 'closed', peer: keyOf(0), reason: 'late' })
    expect(b.events).toContainEqual({ type: 'refused' })
  })

  test('a frame beyond the limit ends the connection before its bytes come', async () => {
    const b = await startNode(1, [0])
    const socket = await openRaw(0, b.address)
    socket.write(Buffer.concat([framed(helloOf(0, 1)), framed(new Uint8Array(), FRAME_BYTES_MAX + 1)]))
    await closed(socket)
    expect(b.events.at(-1)).toEqual({ type: 'closed', peer: keyOf(0), reason: 'oversize' })
  })

  test('a second connection of a peer replaces the first', async () => {
    const b = await startNode(1, [0])
    const first = await openRaw(0, b.address)
    first.write(framed(helloOf(0, 1)))
    await until(() => b.peers.size === 1)
    const second = await openRaw(0, b.address)
    second.write(Buffer.concat([framed(helloOf(0, 1)), framed(Uint8Array.of(5))]))
    await closed(first)
    await until(() => b.frames.length === 1)
    expect([...b.peers]).toEqual([keyOf(0)])
    expect(b.events).toContainEqual({ type: 'closed', peer: keyOf(0), reason: 'replaced' })
  })

  test('strangers of one address hold so many places and no more, and a peer comes in when they leave', async () => {
    const b = await startNode(1, [0])
    const sockets = Array.from({ length: PENDING_PER_ADDRESS_MAX + 8 }, () => {
      const socket = connectTcp(b.address)
      closers.push(() => socket.destroy())
      return socket.on('error', () => {}).resume()
    })
    await until(() => sockets.filter(({ destroyed }) => destroyed).length === 8)
    for (const socket of sockets) socket.destroy()
    await startNode(0, [1])
    await until(() => b.peers.size === 1)
    expect(b.events.filter(({ type }) => type === 'connected')).toHaveLength(1)
  })

  test('a flood of empty and tiny frames costs nothing above', async () => {
    const b = await startNode(1, [0])
    const socket = await openRaw(0, b.address)
    socket.write(framed(helloOf(0, 1)))
    socket.write(Buffer.alloc(4 * 100_000))
    socket.write(framed(Uint8Array.of(7)))
    await until(() => b.frames.length === 1)
    expect(b.frames[0]?.frame).toEqual(Uint8Array.of(7))
  })
})

test('stop ends all connections, may be called twice, and frees the port', async () => {
  const [a, b] = await startPair()
  await Promise.all([a.network.stop(), a.network.stop()])
  await until(() => b.peers.size === 0)
  const again = await startNode(0, [1], { port: a.address.port })
  await until(() => b.peers.size === 1)
  expect(again.address.port).toBe(a.address.port)
})

test('a port that is taken is a named failure', async () => {
  const a = await startNode(0, [1])
  await expect(startNode(1, [0], { port: a.address.port })).rejects.toMatchObject({ code: 'CONSENSUS_NETWORK_FAILED' })
})
