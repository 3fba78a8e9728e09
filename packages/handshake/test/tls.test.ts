import { connect as connectTcp } from 'node:net'
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { expect, test } from 'vitest'
import { connectSession, type Lane, type LaneListener } from '../src/index.ts'
import { collect } from './collect.ts'
import { createSessionServer, type SessionServer } from '../src/tls.ts'

test('a client gets over TLS what the node sends, byte for byte, and both ends close', async () => {
  const identity = createKeyPair()
  const sent = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * i) >> 3)
  const server = createSessionServer(
    {
      identity,
      async onLane(request) {
        const lane = request.accept(request.metadata)
        for (let i = 0; i < sent.length; i += 100_000) await lane.write(sent.subarray(i, i + 100_000))
        await lane.end()
      },
    },
    { chainId: 1337 },
  )
  const { port } = await server.start()
  const session = await connectSession({ host: '127.0.0.1', port, nodeKey: identity.publicKey, chainId: 1337 })
  const lane = await session.openLane({ serviceId: 0, metadata: new Uint8Array([1, 2, 3]) })
  expect(lane.metadata).toEqual(new Uint8Array([1, 2, 3]))
  const received = Buffer.concat(await collect(lane.source))
  expect(received.equals(sent)).toBe(true)
  await lane.end()
  await session.close()
  expect(await session.closed).toBeUndefined()
  await server.stop()
  expect(server.counts).toEqual({ sessions: 0, pending: 0 })
})

const identity = createKeyPair(new Uint8Array(32).fill(1))
const NONE = new Uint8Array()
const create = (onLane: LaneListener): SessionServer => createSessionServer({ identity, onLane }, { chainId: 1337 })
const reach = async (server: SessionServer): Promise<{ host: string; port: number; nodeKey: Uint8Array; chainId: number }> => {
  return { ...(await server.start()), nodeKey: identity.publicKey, chainId: 1337 }
}
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('a client that does not read stops the writer at its credit, through the sockets, and lanes beside it go on', async () => {
  let written = 0
  await using server = create(async (request) => {
    const lane = request.accept(NONE)
    const endless = request.serviceId === 1
    do {
      await lane.write(new Uint8Array(65_536))
      if (endless) written += 65_536
    } while (endless)
    await lane.end()
  })
  const session = await connectSession(await reach(server))
  const stuck = await session.openLane({ serviceId: 1, metadata: NONE, initialCredit: 4 * 2 ** 20 })
  while (written < 4 * 2 ** 20) await turns(1)
  for (let i = 0; i < 20; i++) {
    const lane = await session.openLane({ serviceId: 0, metadata: NONE })
    expect(Buffer.concat(await collect(lane.source))).toHaveLength(65_536)
    await lane.end()
  }
  expect(written).toBe(4 * 2 ** 20)
  stuck.reset(25)
  await session.close()
})

test('four lanes at once carry their own bytes', async () => {
  await using server = create(async (request) => {
    const lane = request.accept(NONE)
    for await (const bytes of lane.source) await lane.write(bytes.map((byte) => byte ^ request.serviceId))
    await lane.end()
  })
  const session = await connectSession(await reach(server))
  const run = async (serviceId: number): Promise<boolean> => {
    const lane: Lane = await session.openLane({ serviceId, metadata: NONE })
    const sent = Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * serviceId) >> 2)
    const reading = collect(lane.source)
    for (let i = 0; i < sent.length; i += 33_333) await lane.write(sent.subarray(i, i + 33_333))
    await lane.end()
    return Buffer.concat(await reading).equals(sent.map((byte) => byte ^ serviceId))
  }
  expect(await Promise.all([1, 2, 3, 4].map(run))).toEqual([true, true, true, true])
  await session.close()
})

test('stop() at any moment: before start, while starting, twice, and nothing can be started after', async () => {
  const never = create(() => {})
  await Promise.all([never.stop(), never.stop()])
  await expect(never.start()).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
  const starting = create(() => {})
  const started = starting.start()
  const [outcome] = await Promise.allSettled([started, starting.stop()])
  expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'HANDSHAKE_CLOSED' } })
})

test('stop() ends strangers, idle sessions and open lanes, tells clients 17, and leaves nothing listening', async () => {
  const signals: AbortSignal[] = []
  const server = create((request) => {
    signals.push(request.signal)
    request.accept(NONE)
  })
  const at = await reach(server)
  const stranger = connectTcp(at.port, at.host)
  stranger.on('error', () => {}).resume()
  const gone = new Promise((resolve) => stranger.once('close', resolve))
  const idle = await connectSession(at)
  const busy = await connectSession(at)
  const lane = await busy.openLane({ serviceId: 0, metadata: NONE })
  const reading = collect(lane.source)
  const [read] = await Promise.allSettled([reading, server.stop(), server.stop(), gone])
  expect(read).toMatchObject({ status: 'rejected', reason: { code: 'HANDSHAKE_CLOSED' } })
  expect(await Promise.all([idle.closed, busy.closed])).toEqual([17, 17].map((laneCode) => expect.objectContaining({ laneCode })))
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  expect(server.counts).toEqual({ sessions: 0, pending: 0 })
  await expect(connectSession(at)).rejects.toMatchObject({ code: 'HANDSHAKE_UNREACHABLE' })
})

test('a client that is told 17 opens no further lanes', async () => {
  await using server = create(() => {})
  const session = await connectSession(await reach(server))
  await server.stop()
  await expect(session.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({
    code: expect.stringMatching(/^HANDSHAKE_(DRAINING|CLOSED)$/),
  })
})
