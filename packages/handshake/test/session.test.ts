import { expect, test } from 'vitest'
import { CODES, connectSession, type LaneListener } from '../src/index.ts'
import { collect } from './collect.ts'
import { CHAIN, NODE } from './cores.ts'
import { createMemoryPair } from './memory-carrier.ts'
import { join, runNode } from './memory-session.ts'

const NONE = new Uint8Array()
const MIB = 2 ** 20

const echo: LaneListener = async (request) => {
  const lane = request.accept(request.metadata)
  for await (const bytes of lane.source) await lane.write(bytes)
  await lane.end()
}
const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}
/** Many turns of the event loop: enough for all that can still move to have moved. */
const quiet = async (): Promise<void> => {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('bytes go both ways and both halves end', async () => {
  const { session } = await join(echo)
  const lane = await session.openLane({ serviceId: 3, metadata: Uint8Array.of(1, 2) })
  expect(lane.metadata).toEqual(Uint8Array.of(1, 2))
  const sent = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7)
  const received = collect(lane.source)
  await lane.write([sent.subarray(0, 5), NONE, sent.subarray(5)])
  await lane.write(NONE)
  await lane.end()
  await lane.end()
  expect(Buffer.concat(await received).equals(sent)).toBe(true)
  await session.close()
})

test('a lane that holds its credit is stopped by what was not released, however much was read', async () => {
  const credit = 300_000
  const { session } = await join(async (request) => {
    const lane = request.accept(NONE)
    await lane.write(new Uint8Array(MIB).fill(3))
    await lane.end()
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, initialCredit: credit, isCreditHeld: true })
  let read = 0
  const reading = (async () => {
    for await (const bytes of lane.source) read += bytes.length
  })()
  await until(() => read === credit)
  await quiet()
  expect(read).toBe(credit)
  lane.release(200_000)
  await until(() => read === credit + 200_000)
  await quiet()
  expect(read).toBe(credit + 200_000)
  while (read < MIB) {
    lane.release(2 * MIB) // as much as is held
    await new Promise((resolve) => setImmediate(resolve))
  }
  await reading
  lane.release(MIB)
  expect(read).toBe(MIB)
  await session.close()
})

test('the first lane travels with HELLO', async () => {
  const { session } = await join(echo, { firstLane: { serviceId: 0, metadata: Uint8Array.of(9) } })
  const lane = await session.firstLane!
  expect(lane.metadata).toEqual(Uint8Array.of(9))
  expect(lane.laneId).toBe(1)
  await session.close()
})

test('what the node refuses comes with its code and reason', async () => {
  const { session } = await join((request) => request.reset(CODES.contentRefused, 'CAR_BAD_HASH at block 3'))
  await expect(session.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({
    code: 'HANDSHAKE_LANE_RESET',
    laneCode: 22,
    reason: 'CAR_BAD_HASH at block 3',
  })
  await session.close()
})

test('a service that throws gets its lane reset with 23, and the session goes on', async () => {
  const { session } = await join((request) => {
    if (request.serviceId === 0) throw new Error('bug')
    return echo(request)
  })
  await expect(session.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({ laneCode: 23 })
  await session.openLane({ serviceId: 1, metadata: NONE })
  await session.close()
})

test('bytes that came before a RESET are still read, then its error', async () => {
  const { session } = await join(async (request) => {
    const lane = request.accept(NONE)
    await lane.write(new Uint8Array(1_000))
    lane.reset(CODES.originFailed, 'gone')
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  await quiet()
  let received = 0
  const read = (async () => {
    for await (const bytes of lane.source) received += bytes.length
  })()
  await expect(read).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 21, reason: 'gone' })
  expect(received).toBe(1_000)
  await expect(lane.write(new Uint8Array(1))).rejects.toMatchObject({ laneCode: 21 })
  await session.close()
})

test('a client that stops reading stops the writer under its credit, and a reset frees it', async () => {
  let written = 0
  let failure: unknown
  let wasAborted = false
  const { session, nodeCarrier } = await join(async (request) => {
    const lane = request.accept(NONE)
    try {
      for (;;) {
        await lane.write(new Uint8Array(65_536))
        written += 65_536
      }
    } catch (error) {
      failure = error
      wasAborted = request.signal.aborted
    }
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, initialCredit: MIB })
  await until(() => written === MIB)
  await quiet()
  expect(written).toBe(MIB)
  expect(nodeCarrier.heldBytesMax).toBeLessThanOrEqual(256 * 1024 + 65_536 + 16)
  const iterator = lane.source[Symbol.asyncIterator]()
  for (let taken = 0; taken < MIB / 2; ) taken += (await iterator.next()).value?.length ?? 0
  await until(() => written > MIB * 1.3)
  await iterator.return?.()
  await until(() => failure !== undefined)
  expect(failure).toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: CODES.cancelled })
  expect(wasAborted).toBe(true)
  await expect(lane.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET' })
  await session.close()
})

test('one-byte frames cost their bytes: a lane that is not read keeps few objects', async () => {
  const { session } = await join(async (request) => {
    const lane = request.accept(NONE)
    for (let i = 0; i < 20_000; i++) await lane.write(Uint8Array.of(i))
    await lane.end()
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  for (let i = 0; i < 300; i++) await quiet()
  const pieces = await collect(lane.source)
  const bytes = Buffer.concat(pieces)
  expect(bytes.length).toBe(20_000)
  expect(bytes.every((byte, i) => byte === (i & 0xff))).toBe(true)
  expect(pieces.length).toBeLessThanOrEqual(3)
  await session.close()
})

test('lanes above the limit wait for a place, in order', async () => {
  const order: number[] = []
  const { session } = await join(echo, {}, 2)
  const lanes = await Promise.all([0, 1].map((i) => session.openLane({ serviceId: i, metadata: NONE })))
  const waiting = [2, 3, 4].map(async (i) => {
    const lane = await session.openLane({ serviceId: i, metadata: NONE })
    order.push(i)
    await lane.end()
    await collect(lane.source)
  })
  await quiet()
  expect(order).toEqual([])
  for (const lane of lanes) {
    await lane.end()
    await collect(lane.source)
  }
  await Promise.all(waiting)
  expect(order).toEqual([2, 3, 4])
  await session.close()
})

test('an abort rejects with its reason: before OPEN, while waiting for ACCEPT, and on an open lane', async () => {
  const reset: number[] = []
  const { session } = await join((request) => {
    request.signal.addEventListener('abort', () => reset.push(request.serviceId))
    if (request.serviceId === 2) request.accept(NONE)
  })
  const reason = new Error('changed my mind')
  await expect(session.openLane({ serviceId: 0, metadata: NONE, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const controller = new AbortController()
  const opening = session.openLane({ serviceId: 1, metadata: NONE, signal: controller.signal })
  await quiet()
  controller.abort(reason)
  await expect(opening).rejects.toBe(reason)
  const later = new AbortController()
  const lane = await session.openLane({ serviceId: 2, metadata: NONE, signal: later.signal })
  const reading = collect(lane.source)
  later.abort(reason)
  await expect(reading).rejects.toBe(reason)
  await expect(lane.write(new Uint8Array(1))).rejects.toBe(reason)
  await until(() => reset.length === 2)
  expect(reset).toEqual([1, 2])
  await session.close()
})

test('an abort while waiting for a place gives the place to nobody else', async () => {
  const { session } = await join(echo, {}, 1)
  const first = await session.openLane({ serviceId: 0, metadata: NONE })
  const controller = new AbortController()
  const aborted = session.openLane({ serviceId: 1, metadata: NONE, signal: controller.signal })
  const waiting = session.openLane({ serviceId: 2, metadata: NONE })
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
  first.reset(25)
  expect((await waiting).laneId).toBe(2)
  await session.close()
})

test('a channel that breaks rejects all that waits, at both ends', async () => {
  const nodeFailures: unknown[] = []
  const takeAndReadNothing: LaneListener = (request) => {
    request.signal.addEventListener('abort', () => nodeFailures.push(request.signal.reason))
    if (request.serviceId === 0) request.accept(NONE)
  }
  const { session, clientCarrier } = await join(takeAndReadNothing, {}, 2)
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, initialCredit: 10 })
  const reading = collect(lane.source)
  const opening = session.openLane({ serviceId: 9, metadata: NONE })
  const waiting = session.openLane({ serviceId: 0, metadata: NONE })
  const writing = lane.write(new Uint8Array(20 * MIB))
  await quiet()
  clientCarrier.destroy(new Error('cable cut'))
  const settled = await Promise.allSettled([reading, opening, waiting, writing])
  expect(settled).toEqual(settled.map(() => ({ status: 'rejected', reason: expect.objectContaining({ code: 'HANDSHAKE_CLOSED' }) })))
  expect(await session.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED' })
  await until(() => nodeFailures.length === 2)
  expect(nodeFailures).toEqual([0, 1].map(() => expect.objectContaining({ code: 'HANDSHAKE_CLOSED' })))
  await expect(session.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
  await session.close()
})

test('close() ends lanes, may be called twice, and nothing follows', async () => {
  const { session, clientCarrier } = await join(echo)
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  const reading = collect(lane.source)
  const [read] = await Promise.allSettled([reading, session.close(), session.close()])
  expect(read).toMatchObject({ status: 'rejected', reason: { code: 'HANDSHAKE_CLOSED' } })
  expect(await session.closed).toBeUndefined()
  expect(clientCarrier.isClosed).toBe(true)
  lane.reset(25)
  await expect(lane.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
})

test('a node that never answers HELLO is given up, and an abort does not wait for that', async () => {
  const common = { nodeKey: NODE.publicKey, chainId: CHAIN }
  const [silent] = createMemoryPair()
  await expect(connectSession({ ...common, carrier: silent, timeoutMs: 30 })).rejects.toMatchObject({ code: 'HANDSHAKE_TIMEOUT' })
  const [other] = createMemoryPair()
  const controller = new AbortController()
  const connecting = connectSession({ ...common, carrier: other, signal: controller.signal })
  const reason = new Error('enough')
  queueMicrotask(() => controller.abort(reason))
  await expect(connecting).rejects.toBe(reason)
})

test('a node with another key is refused, and told so', async () => {
  const [clientCarrier, nodeCarrier] = createMemoryPair()
  runNode(nodeCarrier, echo)
  const wrong = connectSession({ carrier: clientCarrier, nodeKey: new Uint8Array(32).fill(7), chainId: CHAIN })
  await expect(wrong).rejects.toMatchObject({ code: 'HANDSHAKE_REFUSED', laneCode: 6 })
})

test.each([
  [{ nodeKey: new Uint8Array(31) }],
  [{ chainId: 0 }],
  [{ chainId: 2 ** 32 }],
  [{ chainId: 1.5 }],
  [{ firstLane: { serviceId: -1, metadata: NONE } }],
  [{ firstLane: { serviceId: 0, metadata: new Uint8Array(3_001) } }],
])('wrong arguments are refused before anything is sent: %o', async (wrong) => {
  const [carrier] = createMemoryPair()
  await expect(connectSession({ carrier, nodeKey: NODE.publicKey, chainId: CHAIN, ...wrong })).rejects.toMatchObject({
    code: 'HANDSHAKE_BAD_ARGUMENT',
  })
  expect(carrier.heldBytesMax).toBe(0)
})

test.each([
  { serviceId: 2 ** 32, metadata: NONE },
  { serviceId: 0, metadata: new Uint8Array(65_527) },
  { serviceId: 0, metadata: NONE, initialCredit: 16 * MIB + 1 },
  { serviceId: 0, metadata: NONE, initialCredit: -1 },
])('a lane with wrong options is refused before anything is sent: %o', async (wrong) => {
  const { session } = await join(echo)
  await expect(session.openLane(wrong)).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
  await session.close()
})

test('a source is read once, by one reader', async () => {
  const { session } = await join(echo)
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  const iterator = lane.source[Symbol.asyncIterator]()
  expect(() => lane.source[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
  const first = iterator.next()
  await expect(iterator.next()).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
  await lane.write(Uint8Array.of(5))
  expect((await first).value).toEqual(Uint8Array.of(5))
  await session.close()
})

test('a small answer, its head and its end leave in one piece, and those of lanes that are answered together too', async () => {
  const { session, nodeCarrier } = await join(async (request) => {
    const lane = request.accept(Uint8Array.of(1))
    await lane.write(new Uint8Array(40))
    await lane.write(new Uint8Array(1_000))
    await lane.end()
  })
  const before = nodeCarrier.sends
  const lanes = await Promise.all(Array.from({ length: 4 }, () => session.openLane({ serviceId: 0, metadata: NONE })))
  for (const lane of lanes) expect(Buffer.concat(await collect(lane.source)).length).toBe(1_040)
  expect(nodeCarrier.sends - before).toBe(1)
  await session.close()
})

test('what a few small writes hold is bounded: the next one waits for the carrier', async () => {
  let written = 0
  const { session, clientCarrier } = await join(async (request) => {
    const lane = request.accept(NONE)
    for (; written < 100; written++) await lane.write(new Uint8Array(4_000))
    await lane.end()
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE, initialCredit: 0 })
  await quiet()
  expect(written).toBe(4)
  lane.reset(CODES.cancelled)
  clientCarrier.destroy()
})

test('what was written is sent before the session is closed in the same turn', async () => {
  let got = 0
  let isEnded = false
  const { session } = await join(async (request) => {
    const lane = request.accept(NONE)
    for await (const bytes of lane.source) got += bytes.length
    isEnded = true
  })
  const lane = await session.openLane({ serviceId: 0, metadata: NONE })
  await lane.write(new Uint8Array(100))
  await lane.end()
  await session.close()
  await quiet()
  expect([got, isEnded]).toEqual([100, true])
})
