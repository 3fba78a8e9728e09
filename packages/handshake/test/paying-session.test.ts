/** Sessions that pay over real TLS, from `connectSession` to `createSessionServer`, with a meter and a payer that do what the test says. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { afterEach, describe, expect, test } from 'vitest'
import type { Carrier } from '../src/carrier.ts'
import { decodeOpen } from '../src/frames.ts'
import { connectSession, type Lane, type LaneListener, type LaneRequest, type NodePayments } from '../src/index.ts'
import { createSessionServer, type SessionServer, type SessionServerOptions } from '../src/tls.ts'
import { collect } from './collect.ts'
import { CHAIN, CLIENT, NODE } from './cores.ts'
import { createMemoryPair, type MemoryCarrier } from './memory-carrier.ts'
import { ACCOUNT, createPayments, delegationOf, type PaymentsOptions, TestMeter, TestPayer } from './paying.ts'

const NONE = new Uint8Array()
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})
const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}

async function serve(onLane: LaneListener, payments?: NodePayments, options: Partial<SessionServerOptions> = {}) {
  const server = createSessionServer({ identity: NODE, onLane, payments }, { chainId: CHAIN, ...options })
  cleanups.push(() => server.stop())
  return { server, target: { ...(await server.start()), nodeKey: NODE.publicKey, chainId: CHAIN } }
}

async function pay(onLane: LaneListener, options: PaymentsOptions = {}) {
  const meter = new TestMeter()
  const payer = new TestPayer()
  const { server, target } = await serve(onLane, createPayments(meter, options))
  const session = await connectSession({ ...target, identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer })
  return { server, session, meter, payer }
}

test('a client that pays gets what it asks for, and the service learns who pays', async () => {
  const requests: LaneRequest[] = []
  const { session, meter, payer } = await pay(async (request) => {
    requests.push(request)
    const lane = request.accept(NONE)
    await lane.write(new Uint8Array(300_000).fill(5), { unitEnds: [100_000, 300_000] })
    await lane.end()
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  await lane.end()
  expect(Buffer.concat(await collect(lane.source))).toEqual(Buffer.alloc(300_000, 5))
  expect(requests[0]!.account).toEqual(ACCOUNT)
  expect(session.welcome).toMatchObject({ window: 262_144, maxLanes: 24, nodeIndex: 9 })
  await until(() => meter.toldOf('laneOver').length + payer.toldOf('laneOver').length === 2)
  expect([...meter.toldOf('laneOver'), ...payer.toldOf('laneOver')]).toEqual([
    [1, 300_000n, 'ended'],
    [1, 300_000n, 'ended'],
  ])
  await session.close()
  await until(() => meter.told.at(-1)?.name === 'over')
  expect(payer.told.at(-1)?.name).toBe('over')
})

test('a write waits until the books wake it, whoever caused that, and frames of the link leave by themselves', async () => {
  const { session, meter, payer } = await pay(async (request) => {
    const lane = request.accept(NONE)
    await lane.write(new Uint8Array(100_000), { unitEnds: [100_000] })
    await lane.end()
  })
  meter.allows = () => false
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  const bytes = collect(lane.source)
  await lane.end()
  meter.link.window({ window: 70_000, isStopped: true })
  await until(() => payer.toldOf('window').length === 1)
  payer.link.ack({ acknowledgement: new Uint8Array(236), lanes: [] })
  await until(() => meter.toldOf('ack').length === 1)
  expect(meter.toldOf('sent')).toEqual([])
  meter.allows = () => true
  meter.link.wake()
  expect(Buffer.concat(await bytes)).toHaveLength(100_000)
  await session.close()
})

test('a session that the books end says why to both sides', async () => {
  const lanes: Lane[] = []
  const { session, meter } = await pay((request) => void lanes.push(request.accept(NONE)))
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  meter.link.leave(11)
  await expect(collect(lane.source)).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED', laneCode: 11 })
  expect(await session.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED', laneCode: 11 })
  await expect(collect(lanes[0]!.source)).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED', laneCode: 11 })
})

test('a payer that finds the price too high ends the session with 19', async () => {
  const payer = new TestPayer()
  payer.priceAnswer = 19
  const { target } = await serve(() => {}, createPayments(new TestMeter()))
  const session = await connectSession({ ...target, identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer })
  expect(await session.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED', laneCode: 19 })
})

describe('of a lane that is read on behind its own reset', () => {
  const UNIT = 2 ** 21 + 2 ** 17
  const pouring: LaneListener = async (request) => {
    const lane = request.accept(NONE)
    await lane.write(new Uint8Array(8 * 2 ** 20)).catch(() => {})
  }
  const restOf = async (pieces: AsyncIterator<Uint8Array>): Promise<void> => {
    for (let step = await pieces.next(); step.done !== true; ) step = await pieces.next()
  }
  /** One whose first unit has come, and nobody has read. */
  const poured = async ({ session, meter }: Awaited<ReturnType<typeof pay>>): Promise<Lane> => {
    const lane = await session.openLane({ serviceId: 0, metadata: NONE, isReadOn: true, isCreditHeld: true })
    await until(() => meter.toldOf('sent').some(([id, offset]) => id === lane.laneId && Number(offset) >= UNIT - 65_536))
    return lane
  }

  test('comes what was in flight, to the byte that the payer is told, and then the error; writers have it at once', async () => {
    const paid = await pay(pouring)
    const lane = await poured(paid)
    let bytes = 0
    const reading = (async () => {
      for await (const piece of lane.source) {
        if (bytes === 0) lane.reset(25)
        bytes += piece.length
      }
    })()
    await expect(reading).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 25 })
    expect(bytes).toBeGreaterThanOrEqual(UNIT - 65_536)
    expect(paid.payer.toldOf('laneOver')).toEqual([[lane.laneId, BigInt(bytes), 'reset-by-client']])
    await expect(lane.write(Uint8Array.of(1))).rejects.toMatchObject({ laneCode: 25 })
    await paid.session.close()
  })

  test('the signal’s abort is a reset too, and its reason the error', async () => {
    const paid = await pay(pouring)
    const controller = new AbortController()
    const options = { serviceId: 0, metadata: NONE, isReadOn: true, signal: controller.signal }
    const lane = await paid.session.openLane(options)
    const reason = new Error('enough')
    let bytes = 0
    const reading = (async () => {
      for await (const piece of lane.source) {
        if (bytes === 0) controller.abort(reason)
        bytes += piece.length
      }
    })()
    await expect(reading).rejects.toBe(reason)
    expect(paid.payer.toldOf('laneOver')).toEqual([[lane.laneId, BigInt(bytes), 'reset-by-client']])
    await paid.session.close()
  })

  test('nothing keeps the connection’s credit, whether it is read to its end or left', async () => {
    const paid = await pay(pouring)
    for (let times = 0; times < 12; times++) {
      const lane = await poured(paid) // a unit each, and the connection has credit for seven
      const pieces = lane.source[Symbol.asyncIterator]()
      await pieces.next()
      lane.reset(25)
      if (times % 2 === 0) {
        await pieces.return?.()
        await expect(pieces.next()).rejects.toMatchObject({ laneCode: 25 })
      } else {
        await expect(restOf(pieces)).rejects.toMatchObject({ laneCode: 25 })
      }
    }
    await paid.session.close()
  })

  test('the end of the session is the end', async () => {
    const paid = await pay(pouring)
    const lane = await poured(paid)
    const pieces = lane.source[Symbol.asyncIterator]()
    lane.reset(25)
    const closed = paid.session.close()
    await expect(restOf(pieces)).rejects.toMatchObject({ laneCode: 25 })
    await closed
  })

  test('before ACCEPT, where nobody could verify anything, no more comes than one unit', async () => {
    const requests: LaneRequest[] = []
    const { session, meter, payer } = await pay((request) => void requests.push(request))
    const controller = new AbortController()
    const opening = session.openLane({ serviceId: 0, metadata: NONE, initialCredit: 2 ** 24, signal: controller.signal })
    await until(() => requests.length === 1)
    const lane = requests[0]!.accept(NONE)
    const writing = lane.write(new Uint8Array(8 * 2 ** 20)).catch(() => {})
    controller.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
    await until(() => payer.toldOf('laneOver').length === 1)
    await writing
    const [, offset] = payer.toldOf('laneOver')[0]!
    expect(Number(offset)).toBeLessThanOrEqual(UNIT)
    expect(meter.toldOf('laneOver')).toEqual([[1, offset, 'reset-by-client']])
    const [, , openBody] = payer.toldOf('lane')[0]!
    expect(decodeOpen(openBody as Uint8Array).initialCredit).toBe(UNIT)
    await session.close()
  })
})

test('24 lanes are open at once, the next one waits', async () => {
  const lanes: Lane[] = []
  const { session } = await pay((request) => void lanes.push(request.accept(NONE)))
  const opened = await Promise.all(Array.from({ length: 24 }, () => session.openLane({ serviceId: 0, metadata: NONE })))
  let isOpen = false
  const next = session.openLane({ serviceId: 0, metadata: NONE }).then((lane) => {
    isOpen = true
    return lane
  })
  await until(() => lanes.length === 24)
  expect(isOpen).toBe(false)
  opened[0]!.reset(25)
  expect((await next).laneId).toBe(25)
  await session.close()
})

test.each([7, 13, 18])('a client that the books refuse with %i learns it', async (refuse) => {
  const { target } = await serve(() => {}, createPayments(new TestMeter(), { refuse }))
  const options = { ...target, identity: CLIENT, delegation: delegationOf(CLIENT.publicKey), payer: new TestPayer() }
  await expect(connectSession(options)).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED', laneCode: refuse })
})

test.each([
  ['a payer alone', { payer: new TestPayer() }],
  ['a delegation alone', { delegation: delegationOf(CLIENT.publicKey) }],
  ['a delegation of another key', { payer: new TestPayer(), delegation: delegationOf(createKeyPair().publicKey) }],
  ['a delegation that is too short', { payer: new TestPayer(), delegation: delegationOf(CLIENT.publicKey).slice(1) }],
  [
    'a delegation that names more services than it has',
    { payer: new TestPayer(), delegation: delegationOf(CLIENT.publicKey).fill(1, 76, 77) },
  ],
  [
    'less credit than a unit may need',
    {
      payer: new TestPayer(),
      delegation: delegationOf(CLIENT.publicKey),
      firstLane: { serviceId: 0, metadata: NONE, initialCredit: 2 ** 21 },
    },
  ],
])('%s is the caller’s mistake', async (_, options) => {
  const target = { host: '127.0.0.1', port: 1, nodeKey: NODE.publicKey, chainId: CHAIN, identity: CLIENT }
  await expect(connectSession({ ...target, ...options })).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
})

test.each([[[0]], [[5, 5]], [[5, 4]], [[11]], [[1.5]]])('unitEnds of a write of 10 bytes may not be %j', async (unitEnds) => {
  const failures: unknown[] = []
  const { session } = await pay(async (request) => {
    const lane = request.accept(NONE)
    await lane.write(new Uint8Array(10), { unitEnds }).catch((error: unknown) => failures.push(error))
    await lane.end()
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  expect(await collect(lane.source)).toEqual([])
  expect(failures).toEqual([expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' })])
  await session.close()
})

describe('a connection of another carrier', () => {
  /** Hands the server one end of a pair in memory; the other end is the client's. */
  function bring(
    server: SessionServer,
    address = '192.0.2.1',
  ): { readonly isTaken: boolean; readonly client: MemoryCarrier; readonly node: MemoryCarrier } {
    const [client, node] = createMemoryPair()
    return { isTaken: server.accept(address, () => Promise.resolve(node)), client, node }
  }
  const connect = (carrier: Carrier) => connectSession({ carrier, nodeKey: NODE.publicKey, chainId: CHAIN })

  test('is a session like any, and stop() ends it and waits for it', async () => {
    const { server } = await serve((request) => void request.accept(Uint8Array.of(7)))
    const { isTaken, client, node } = bring(server)
    expect(isTaken).toBe(true)
    const session = await connect(client)
    expect((await session.openLane({ serviceId: 0, metadata: NONE })).metadata).toEqual(Uint8Array.of(7))
    expect(server.counts).toEqual({ sessions: 1, pending: 0 })
    await server.stop()
    expect(node.isClosed).toBe(true)
    expect(await session.closed).toMatchObject({ laneCode: 17 })
    expect(bring(server).isTaken).toBe(false)
  })

  test('has the places and the tokens of its address, and gives its place back', async () => {
    const { server } = await serve(() => {}, undefined, { maxConnectionsPerAddress: 2, connectionsBurst: 4, connectionsPerSecond: 1e-9 })
    const first = bring(server)
    const session = await connect(first.client)
    expect([bring(server).isTaken, bring(server).isTaken, bring(server, '192.0.2.2').isTaken]).toEqual([true, false, true])
    await session.close()
    await until(() => server.counts.sessions === 2 && first.node.isClosed)
    await until(() => bring(server).isTaken) // its place is free as soon as the server knows
    expect(bring(server, '192.0.2.3').isTaken).toBe(true)
  })

  test('counts as pending until HELLO, and is gone when its channel does not come up', async () => {
    const { server } = await serve(() => {}, undefined, { maxPending: 1 })
    let fail: (error: Error) => void = () => {}
    const secure = (): Promise<Carrier> => new Promise((_, reject) => (fail = reject))
    expect(server.accept('192.0.2.1', secure)).toBe(true)
    expect([server.counts.pending, bring(server).isTaken]).toEqual([1, false])
    fail(new Error('no channel'))
    await until(() => server.counts.pending === 0)
    expect(bring(server).isTaken).toBe(true)
  })

  test('that takes too long is told so by its signal, and what comes after is destroyed', async () => {
    const { server } = await serve(() => {}, undefined, { greetingTimeoutMs: 20 })
    const [, late] = createMemoryPair()
    const secure = (signal: AbortSignal): Promise<Carrier> =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(late), { once: true }))
    expect(server.accept('192.0.2.1', secure)).toBe(true)
    await until(() => late.isClosed && server.counts.pending === 0)
    expect(server.counts.sessions).toBe(0)
  })
})
