/** What is given up is given back: carriers that were not used, doors that were stopped while they opened. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { x25519KeyOf } from '@selvedge/crypto/noise'
import { expect, onTestFinished, test } from 'vitest'
import { createDuplexCarrier } from '../../src/duplex.ts'
import { type Carrier, connectSession, type ConnectOptions } from '../../src/index.ts'
import { createWebSocketDoor, type WebSocketDoor } from '../../src/websocket-server.ts'
import { createDuplexes } from './duplexes.ts'

const NAMES = { nodeKey: createKeyPair(new Uint8Array(32).fill(1)).publicKey, chainId: 7 }
const SECRET = new Uint8Array(32).fill(2)

async function joinedCarriers(): Promise<{ readonly near: Carrier; readonly far: Carrier }> {
  const { client, node } = createDuplexes()
  const [near, far] = await Promise.all([
    createDuplexCarrier(client, { role: 'client', x25519: x25519KeyOf(SECRET), ...NAMES }),
    createDuplexCarrier(node, { role: 'node', x25519Secret: SECRET, ...NAMES }),
  ])
  return { near, far }
}

const early: readonly (readonly [string, RegExp, Partial<ConnectOptions>])[] = [
  ['an aborted signal', /enough/, { signal: AbortSignal.abort(new Error('enough')) }],
  ['a delegation that is none', /delegation of 5 bytes/, { delegation: new Uint8Array(5), payer: { take: () => {} } as never }],
  ['a delegation without who signs', /go together/, { delegation: new Uint8Array(146) }],
  ['a short node key', /nodeKey/, { nodeKey: new Uint8Array(31) }],
  ['chain 0', /chainId/, { chainId: 0 }],
  ['metadata that do not fit', /5000 bytes/, { firstLane: { serviceId: 0, metadata: new Uint8Array(5_000) } }],
]
test.each(early)('a carrier is destroyed where no session comes of it: %s', async (_, message, wrong) => {
  const { near, far } = await joinedCarriers()
  const gone = new Promise<void>((resolve) => far.start({ onBytes() {}, onClosed: () => resolve() }))
  await expect(connectSession({ ...NAMES, carrier: near, ...wrong } as ConnectOptions)).rejects.toThrow(message)
  await gone
})

function doorAt(port: number): WebSocketDoor {
  return createWebSocketDoor({ server: { accept: () => false }, x25519Secret: SECRET, ...NAMES }, { port })
}

test('a door that is stopped while it opens says so, and listens to nobody when stop() is over', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { readonly port: number }
  await new Promise((resolve) => holder.close(resolve))
  const door = doorAt(port)
  const started = door.start().catch((error: unknown) => error)
  await door.stop()
  expect(await started).toMatchObject({ code: 'HANDSHAKE_CLOSED' })
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
  await door.stop()
  await expect(door.start()).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
})

test('a door whose port is taken, or that never opened, can be stopped', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void holder.close())
  await once(holder, 'listening')
  const door = doorAt((holder.address() as { readonly port: number }).port)
  await expect(door.start()).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await door.stop()
  await doorAt(0).stop()
})

test('stop() ends those who had no WebSocket yet', async () => {
  const entered: Promise<unknown>[] = []
  const accept = (_: string, secure: (signal: AbortSignal) => Promise<Carrier>): boolean => {
    entered.push(secure(new AbortController().signal).catch((error: unknown) => error))
    return true
  }
  const door = createWebSocketDoor({ server: { accept }, x25519Secret: SECRET, ...NAMES })
  const { port } = await door.start()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  await expect.poll(() => entered.length).toBe(1)
  await door.stop()
  await closed
  expect(await entered[0]).toBeInstanceOf(Error)
})
