/**
 * How long and how many: peers that say nothing, that read nothing, and strangers by the dozen (README, "Limits"). Method: real sockets on
 * loopback; the clock that the waiting goes by is the test's, since nobody wants to wait half a minute.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { encodeHello } from '../src/tls/hello.ts'
import { createTlsIdentity } from '../src/tls/identity.ts'
import { PENDING_MAX, PENDING_PER_ADDRESS_MAX } from '../src/tls/listener.ts'
import { createTlsNetwork, type TlsAddress, type TlsEvent, type TlsNetwork } from '../src/tls.node.ts'
import { until } from './support/until.ts'

const CHAIN = { chainId: 7, genesisHash: new Uint8Array(32).fill(9) }
/** What the README says; a connection looks after itself every five seconds. */
const [SILENCE_TIMEOUT_MS, STALL_TIMEOUT_MS] = [20_000, 30_000]
const LOOK_MS = 5_000
const MIB = 2 ** 20
const [SELF, PEER] = [1, 2]
  .map((seed) => createKeyPair(new Uint8Array(32).fill(seed)))
  .toSorted((a, b) => Buffer.compare(b.publicKey, a.publicKey)) as [KeyPair, KeyPair] // the smaller key dials: the peer does
const peerKey = Buffer.from(PEER.publicKey).toString('hex')

const closers: (() => unknown)[] = []
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  vi.useRealTimers()
})

interface Node {
  readonly network: TlsNetwork
  readonly address: TlsAddress
  readonly peers: Set<string>
  readonly frames: Uint8Array[]
  readonly events: TlsEvent[]
}

async function startNode(): Promise<Node> {
  const events: TlsEvent[] = []
  const peers = new Set<string>()
  const frames: Uint8Array[] = []
  const network = createTlsNetwork({ keyPair: SELF, addressOf: () => undefined }, { ...CHAIN, onEvent: (event) => events.push(event) })
  const address = await network.listen()
  network.setPeers([peerKey])
  await network.start({
    onFrame: (_, frame) => frames.push(frame),
    onPeer: (peer, isConnected) => (isConnected ? peers.add(peer) : peers.delete(peer)),
  })
  closers.push(() => network.stop())
  return { network, address, peers, frames, events }
}

const framed = (frame: Uint8Array): Uint8Array => {
  const bytes = Buffer.alloc(4 + frame.length)
  bytes.writeUInt32LE(frame.length)
  bytes.set(frame, 4)
  return bytes
}

/** The peer with its key and greeting; all that follows is the test's. */
async function connectPeer({ address, peers }: Node): Promise<TLSSocket> {
  const socket = createTlsIdentity(PEER).connect(address)
  closers.push(() => socket.destroy())
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  socket.write(framed(encodeHello({ ...CHAIN, sender: PEER.publicKey, receiver: SELF.publicKey })))
  await until(() => peers.size === 1)
  return socket
}

/** A frame of the peer, that is heard before anything else happens. */
async function speak({ frames }: Node, socket: TLSSocket): Promise<void> {
  const before = frames.length
  socket.write(framed(Uint8Array.of(1)))
  await until(() => frames.length > before)
}

/** The clock goes on by `ms`, five seconds at a time. */
async function pass(ms: number, each: () => Promise<void> = async () => {}): Promise<void> {
  for (let left = ms; left > 0; left -= LOOK_MS) {
    await each()
    vi.advanceTimersByTime(Math.min(left, LOOK_MS))
  }
}

test('a peer that says nothing for 20 s is disconnected, and not before', async () => {
  const node = await startNode()
  const socket = await connectPeer(node)
  socket.resume()
  await pass(SILENCE_TIMEOUT_MS)
  expect(node.peers.size).toBe(1)
  await pass(LOOK_MS)
  expect([node.peers.size, node.events.at(-1)]).toEqual([0, { type: 'closed', peer: peerKey, reason: 'silent' }])
})

test('a peer that says something now and then stays', async () => {
  const node = await startNode()
  const socket = await connectPeer(node)
  socket.resume()
  await pass(4 * SILENCE_TIMEOUT_MS, () => speak(node, socket))
  expect(node.peers.size).toBe(1)
})

test('a peer that reads nothing for 30 s of what waits for it is disconnected, though it goes on speaking', async () => {
  const node = await startNode()
  const socket = await connectPeer(node)
  socket.pause()
  for (let i = 0; i < 32; i++) node.network.send(peerKey, new Uint8Array(MIB))
  let queued = -1
  while (queued !== node.network.queuedBytes(peerKey)) {
    queued = node.network.queuedBytes(peerKey) // until the buffers of both systems are full
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  expect(queued).toBeGreaterThan(MIB)
  await pass(STALL_TIMEOUT_MS, () => speak(node, socket))
  expect(node.peers.size).toBe(1)
  await pass(LOOK_MS, () => speak(node, socket))
  expect([node.peers.size, node.events.at(-1)]).toEqual([0, { type: 'closed', peer: peerKey, reason: 'stalled' }])
})

test.runIf(process.platform === 'linux')('strangers of many addresses hold 128 places and no more', async () => {
  const node = await startNode()
  const sockets: Socket[] = []
  const knock = (localAddress: string): void => {
    const socket = connectTcp({ ...node.address, localAddress })
    closers.push(() => socket.destroy())
    sockets.push(socket.on('error', () => {}).resume())
  }
  const addresses = PENDING_MAX / PENDING_PER_ADDRESS_MAX
  for (let last = 2; last < 2 + addresses; last++) for (let i = 0; i < PENDING_PER_ADDRESS_MAX; i++) knock(`127.0.0.${last}`)
  await until(() => sockets.every(({ connecting }) => !connecting))
  for (let i = 0; i < 4; i++) knock(`127.0.0.${2 + addresses + i}`) // of each the first
  await until(() => sockets.filter(({ destroyed }) => destroyed).length === 4)
  expect(sockets.slice(0, PENDING_MAX).every(({ destroyed }) => !destroyed)).toBe(true)
  expect(node.events).toEqual(Array.from({ length: 4 }, () => ({ type: 'refused' })))
  for (const socket of sockets) socket.destroy()
  const dialing = createTlsNetwork({ keyPair: PEER, addressOf: () => node.address }, CHAIN)
  closers.push(() => dialing.stop())
  dialing.setPeers([Buffer.from(SELF.publicKey).toString('hex')])
  await dialing.start({ onFrame: () => {}, onPeer: () => {} })
  await until(() => node.peers.size === 1) // whoever has left takes no place
})
