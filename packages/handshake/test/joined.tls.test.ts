/** Access tokens over real TLS and real WebSockets, with the real books of a node and the real payer of the owner: what joined connections take is paid for to the byte. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { afterEach, describe, expect, test } from 'vitest'
import { connectSession, type LaneListener } from '../src/index.ts'
import { createSharing, type HolderReport, joinSession, type Sharing, type TokenOptions } from '../src/sharing.ts'
import { CHAIN, NODE } from './cores.ts'
import { type By, changeEpoch, cleanups, CONTENT, EPOCH, join, open, own, read, serve, stream, UNIT, type World } from './joined-server.ts'
import { payeeOf } from './payees.ts'

const NONE = new Uint8Array()
const READ: TokenOptions = { serviceId: 0, ttlSeconds: 600, scope: 'read', bytesMax: 2 ** 40 }

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe.each<By>(['TLS', 'WebSocket'])('over %s', (by) => {
  test('a second connection joins with a token and reads; the owner acknowledges; the sum is exact', async () => {
    const world = await serve(stream)
    const { session, payer, sharing } = await own(world)
    const tell = (report: HolderReport): void => sharing.takeReport(report)
    const holder = await join(world, await sharing.requestToken(READ), by, tell)
    expect([holder.sessionId, holder.welcome.connection, world.requests.length]).toEqual([session.sessionId, 1, 0])
    const lane = await holder.openLane({ serviceId: 0, metadata: NONE })
    expect([lane.laneId, world.requests[0]!.isReadOnly, world.requests[0]!.account]).toEqual([8_193, true, payeeOf(1).account])
    expect(await read(holder, lane)).toBe(CONTENT.length)
    await until(() => world.store.acknowledgedBytes === BigInt(CONTENT.length))
    expect([payer.cost.bytes, world.books.losses]).toEqual([BigInt(CONTENT.length), { writtenOffBytes: 0n, defaults: 0 }])
    await holder.close()
    await session.close()
  })

  test('three connections and the owner read at once, and what is acknowledged is what all of them got', async () => {
    const world = await serve(stream)
    const { session, payer, sharing } = await own(world)
    const tell = (report: HolderReport): void => sharing.takeReport(report)
    const holders = await Promise.all([by, by, by].map(async (each) => await join(world, await sharing.requestToken(READ), each, tell)))
    const ownLane = await session.openLane({ serviceId: 0, metadata: NONE })
    await ownLane.end()
    const reading = (async () => {
      let offset = 0
      for await (const bytes of ownLane.source) payer.verified(ownLane.laneId, BigInt((offset += bytes.length)))
      return offset
    })()
    const joined = holders.map(async (holder) => await read(holder, await holder.openLane({ serviceId: 0, metadata: NONE })))
    const sum = (await Promise.all([reading, ...joined])).reduce((a, b) => a + b)
    expect(sum).toBe(4 * CONTENT.length)
    await until(() => world.store.acknowledgedBytes === BigInt(sum))
    expect(world.books.losses).toEqual({ writtenOffBytes: 0n, defaults: 0 })
  })

  test('the owner’s connection is cut while the joined one streams: it goes on, and so does the sum', async () => {
    const world = await serve(stream)
    const { session, payer, sharing } = await own(world)
    const tell = (report: HolderReport): void => sharing.takeReport(report)
    const cuts = [100_000, 600_000, 1_500_000]
    const cutting = (report: HolderReport): void => {
      tell(report)
      if (report.type === 'verified' && report.offset >= (cuts[0] ?? Number.POSITIVE_INFINITY)) {
        cuts.shift()
        world.proxy.cut() // the owner's: the holder's does not go through it
      }
    }
    const holder = await join(world, await sharing.requestToken(READ), by, cutting)
    const lane = await holder.openLane({ serviceId: 0, metadata: NONE })
    expect(await read(holder, lane)).toBe(CONTENT.length)
    await until(() => world.store.acknowledgedBytes === BigInt(CONTENT.length))
    expect([payer.cost.bytes, session.resumes > 0, cuts]).toEqual([BigInt(CONTENT.length), true, []])
    expect(world.books.losses.defaults).toBe(0)
  })

  test('an epoch changes under both, and each byte is acknowledged in one of the two', async () => {
    const world = await serve(stream)
    const { payer, sharing } = await own(world)
    const tell = (report: HolderReport): void => sharing.takeReport(report)
    let isChanged = false
    const changing = (report: HolderReport): void => {
      tell(report)
      if (isChanged || report.type !== 'verified' || report.offset < 700_000n) return
      isChanged = true
      changeEpoch(world.books, EPOCH + 1n)
    }
    const holder = await join(world, await sharing.requestToken(READ), by, changing)
    const lane = await holder.openLane({ serviceId: 0, metadata: NONE })
    expect(await read(holder, lane)).toBe(CONTENT.length)
    await until(() => world.store.acknowledgedBytes === BigInt(CONTENT.length))
    expect([payer.cost.bytes, world.store.records.size, world.books.losses.defaults]).toEqual([BigInt(CONTENT.length), 2, 0])
  })
})

describe('who may not', () => {
  const refused = (laneCode: number): unknown => expect.objectContaining({ code: 'HANDSHAKE_REFUSED', laneCode })
  const ignore = (): void => {}

  test('whose token is out of date: 5', async () => {
    const world = await serve(open)
    const { sharing } = await own(world)
    const token = await sharing.requestToken({ ...READ, ttlSeconds: 60 })
    world.clock.seconds += 59
    const holder = await join(world, token, 'TLS', ignore)
    world.clock.seconds += 1
    await expect(join(world, token, 'TLS', ignore)).rejects.toEqual(refused(5))
    await expect(holder.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 5 })
  })

  test('whose token is of another node, or changed: 6', async () => {
    const world = await serve(open)
    const other = createKeyPair(new Uint8Array(32).fill(55))
    const otherWorld = await serve(open, other)
    const { sharing } = await own(world)
    const token = await sharing.requestToken(READ)
    await expect(join(otherWorld, token, 'TLS', ignore, other.publicKey)).rejects.toEqual(refused(6))
    await expect(join(world, token.with(0, token[0]! ^ 1), 'TLS', ignore)).rejects.toEqual(refused(6))
    await expect(join(world, token.with(47, token[47]! ^ 1), 'WebSocket', ignore)).rejects.toEqual(refused(6))
  })

  test('who shows it again when the session is over: 4, and who was in it goes with it', async () => {
    const world = await serve(open)
    const { session, sharing } = await own(world)
    const token = await sharing.requestToken(READ)
    const holder = await join(world, token, 'TLS', ignore)
    await session.close()
    expect(await holder.closed).toMatchObject({ code: 'HANDSHAKE_CLOSED', laneCode: 4 })
    await expect(join(world, token, 'TLS', ignore)).rejects.toEqual(refused(4))
    await until(() => world.server.counts.sessions === 0)
  })

  test('who has a token of a session whose owner opened another: 5, and who was in it is put out', async () => {
    const world = await serve(open)
    const { session, sharing } = await own(world)
    const token = await sharing.requestToken(READ)
    const thief = await join(world, token, 'WebSocket', ignore)
    const next = await own(world)
    expect(await thief.closed).toMatchObject({ laneCode: 5 })
    await expect(join(world, token, 'TLS', ignore)).rejects.toEqual(refused(5))
    const holder = await join(world, await next.sharing.requestToken(READ), 'TLS', ignore)
    expect(holder.sessionId).toEqual(next.session.sessionId)
    expect((await session.openLane({ serviceId: 0, metadata: NONE })).laneId).toBe(1) // the old session itself goes on
  })

  test('the ninth connection of a session: 7', async () => {
    const world = await serve(open)
    const { sharing } = await own(world)
    const holders = []
    for (let i = 1; i < 8; i++) holders.push(await join(world, await sharing.requestToken(READ), i % 2 === 0 ? 'TLS' : 'WebSocket', ignore))
    expect(holders.map(({ welcome }) => welcome.connection)).toEqual([1, 2, 3, 4, 5, 6, 7])
    const token = await sharing.requestToken(READ)
    await expect(join(world, token, 'TLS', ignore)).rejects.toEqual(refused(7))
    await holders[2]!.close()
    await until(() => world.server.counts.sessions === 7)
    expect((await join(world, token, 'TLS', ignore)).welcome.connection).toBe(3)
  })

  test('who brings a third connection in with one token: 7', async () => {
    const world = await serve(open)
    const { sharing } = await own(world)
    const token = await sharing.requestToken(READ)
    const [first] = [await join(world, token, 'TLS', ignore), await join(world, token, 'WebSocket', ignore)]
    await expect(join(world, token, 'TLS', ignore)).rejects.toEqual(refused(7))
    await first.close()
    await until(() => world.server.counts.sessions === 2)
    expect((await join(world, token, 'TLS', ignore)).welcome.connection).toBe(1)
  })

  test('who lies about what he got, to an owner whose node would take it, gets what his token allows signed, and no more', async () => {
    const world = await serve(open)
    const { payer, sharing } = await own(world)
    const token = await sharing.requestToken({ ...READ, bytesMax: 1_000_000 })
    const liar = await join(world, token, 'TLS', (report) => {
      sharing.takeReport(report)
      if (report.type !== 'lane') return
      const { holder, epoch, lane } = report
      sharing.takeReport({ type: 'verified', holder, epoch, lane, offset: 2n ** 50n })
      sharing.takeReport({ type: 'over', holder, epoch, lane, offset: 2n ** 50n, how: 'reset-by-client' })
    })
    await liar.openLane({ serviceId: 0, metadata: NONE })
    expect(payer.cost.bytes).toBe(1_000_000n)
  })

  test('the 25th lane, over two connections: 8', async () => {
    const world = await serve(open)
    const { session, sharing } = await own(world)
    const holder = await join(world, await sharing.requestToken(READ), 'TLS', ignore)
    const lanes = await Promise.all(
      [session, holder].flatMap((each) => Array.from({ length: 12 }, () => each.openLane({ serviceId: 0, metadata: NONE }))),
    )
    for (const each of [session, holder]) {
      await expect(each.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 8 })
    }
    lanes[0]!.reset(25)
    await until(() => world.requests.some(({ signal }) => signal.aborted))
    expect((await holder.openLane({ serviceId: 0, metadata: NONE })).laneId).toBe(8_192 + 14)
  })

  test('who may read writes nothing, and opens no lane of another service: 6', async () => {
    const world = await serve(open)
    const { sharing } = await own(world)
    const reader = await join(world, await sharing.requestToken(READ), 'TLS', ignore)
    const lane = await reader.openLane({ serviceId: 0, metadata: NONE })
    await expect(lane.write(Uint8Array.of(1))).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_ENDED' })
    await expect(reader.openLane({ serviceId: 1, metadata: NONE })).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 6 })
    const writer = await join(world, await sharing.requestToken({ ...READ, serviceId: 1, scope: 'any' }), 'TLS', ignore)
    await (await writer.openLane({ serviceId: 1, metadata: NONE })).write(Uint8Array.of(1, 2, 3))
    await expect(writer.openLane({ serviceId: 0, metadata: NONE })).rejects.toMatchObject({ laneCode: 6 })
    expect(world.requests.map(({ isReadOnly }) => isReadOnly)).toEqual([true, false])
  })

  test('a thief takes at most W and a unit that nobody pays for, then the owner’s session is over with 11', async () => {
    const world = await serve(stream)
    const { session, sharing } = await own(world)
    const thief = await join(world, await sharing.requestToken(READ), 'TLS', ignore)
    const lanes = await Promise.all([1, 2, 3].map(() => thief.openLane({ serviceId: 0, metadata: NONE })))
    let taken = 0
    const taking = Promise.allSettled(
      lanes.map(async (lane) => {
        for await (const bytes of lane.source) taken += bytes.length
      }),
    )
    expect(await session.closed).toMatchObject({ laneCode: 11 })
    await taking
    const { window } = session.welcome
    expect(taken).toBeGreaterThanOrEqual(window)
    expect(taken).toBeLessThan(window + UNIT)
    expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(taken), defaults: 1 })
    expect(await thief.closed).toMatchObject({ laneCode: 4 })
  })
})

/** A guest's session is not joined: what it was to be shared with stays unused. */
async function sharingOfGuest({ tls }: World): Promise<Sharing> {
  const sharing = createSharing()
  const guest = { ...tls, nodeKey: NODE.publicKey, chainId: CHAIN, sharing }
  await expect(connectSession(guest)).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
  return sharing
}

describe('a token is asked for', () => {
  test('by an owner who pays, of at most ten minutes; what is not one is the caller’s mistake', async () => {
    const world = await serve(open)
    const { sharing } = await own(world)
    const mistakes = [
      { ttlSeconds: 0 },
      { ttlSeconds: 601 },
      { ttlSeconds: 1.5 },
      { serviceId: -1 },
      { scope: 'all' as 'any' },
      { bytesMax: 0 },
      { bytesMax: 1.5 },
    ]
    for (const mistake of mistakes)
      await expect(sharing.requestToken({ ...READ, ...mistake })).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
    for (const unused of [createSharing(), await sharingOfGuest(world)]) {
      await expect(unused.requestToken(READ)).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
      expect(() => unused.takeReport({ type: 'gone', holder: '00' })).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
    }
  })

  test('until its signal aborts or the session is over', async () => {
    const world = await serve(open)
    const { session, sharing } = await own(world)
    const controller = new AbortController()
    const aborted = sharing.requestToken({ ...READ, signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await expect(sharing.requestToken({ ...READ, signal: controller.signal })).rejects.toThrow('enough')
    expect(await sharing.requestToken(READ)).toHaveLength(48) // the answer to the first is nobody's
    const waiting = sharing.requestToken(READ)
    const closing = session.close()
    await expect(waiting).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
    await closing
    await expect(sharing.requestToken(READ)).rejects.toMatchObject({ code: 'HANDSHAKE_CLOSED' })
    sharing.takeReport({ type: 'gone', holder: '00' })
  })

  test('also while the connection is away: the answer comes with the next one', async () => {
    const world = await serve(open)
    const { session, sharing } = await own(world)
    world.proxy.cut()
    const token = await sharing.requestToken(READ)
    expect([token.length, session.resumes]).toEqual([48, 1])
  })
})

test.each([0, 47, 49])('a token of %i bytes is the caller’s mistake', async (bytes) => {
  const target = { host: '127.0.0.1', port: 1, nodeKey: NODE.publicKey, chainId: CHAIN, token: new Uint8Array(bytes), report: () => {} }
  await expect(joinSession(target)).rejects.toMatchObject({ code: 'HANDSHAKE_BAD_ARGUMENT' })
})

/** Writes half of CONTENT, and no end. */
const half: LaneListener = async (request) => {
  const lane = request.accept(NONE)
  for (let at = 0; at < CONTENT.length / 2; at += UNIT) await lane.write(CONTENT.subarray(at, at + UNIT), { unitEnds: [UNIT] })
}

test.each([true, false])(
  'who leaves a lane pays all that came of it, but nothing behind what was verified where that was wrong (right: %s)',
  async (isRight) => {
    const world = await serve(half)
    const { payer, sharing } = await own(world)
    let isOver = false
    const tell = (report: HolderReport): void => {
      sharing.takeReport(report)
      isOver ||= report.type === 'over'
    }
    const holder = await join(world, await sharing.requestToken(READ), 'TLS', tell)
    const lane = await holder.openLane({ serviceId: 0, metadata: NONE })
    let came = 0
    for await (const bytes of lane.source) {
      came += bytes.length
      if (came >= 3 * UNIT) {
        if (!isRight) holder.refuse(lane.laneId)
        break // with more behind what is verified; it resets the lane
      }
      holder.verified(lane.laneId, BigInt(came - (came % UNIT)))
    }
    await until(() => isOver)
    const { bytes } = payer.cost
    expect([bytes >= BigInt(3 * UNIT), bytes <= BigInt(2 * UNIT)]).toEqual([isRight, !isRight])
  },
)
