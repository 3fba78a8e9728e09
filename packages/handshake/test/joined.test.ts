/** Connections that join a session with a token, core against core: what they may, what they cost, and what becomes of them. */
import { describe, expect, test } from 'vitest'
import { encodeTokenAsk, tokenNameOf } from '../src/access-token.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, encodeHeader, FRAME } from '../src/frames.ts'
import { drain, feed } from './cores.ts'
import {
  acknowledge,
  ANY,
  carry,
  codesIn,
  endingsOf,
  join,
  type Joined,
  LANE_CREDIT,
  openJoined,
  READ,
  receivedOf,
  resetsOf,
  resume,
  send,
  type Shared,
  shared,
  suspend,
  tokenOf,
} from './joined.ts'
import { framesOf, openLane, WINDOW } from './paying.ts'

const NONE = new Uint8Array()

describe('TOKEN', () => {
  test('is answered in the order of the asks', () => {
    const world = shared()
    const { client, node } = world
    const got: Uint8Array[] = []
    for (const ttlSeconds of [10, 20, 30]) client.wishes.sharing!.ask({ ...READ, ttlSeconds }, (token) => got.push(token))
    feed(node, drain(client))
    feed(client, drain(node))
    expect(got.map((token) => new DataView(token.buffer, token.byteOffset).getUint32(20, true))).toEqual([1_000_010, 1_000_020, 1_000_030])
  })

  test.each([
    ['of no time', encodeTokenAsk({ ...READ, ttlSeconds: 0 })],
    ['of more than ten minutes', encodeTokenAsk({ ...READ, ttlSeconds: 601 })],
    ['with a scope that is none', encodeTokenAsk(READ).with(8, 2)],
  ])('%s ends the session with 1', (_, body) => {
    const { node } = shared()
    feed(node, encodeFrame(FRAME.token, 0, 0, body))
    expect(codesIn(drain(node))).toEqual([1])
  })

  test('an answer from the client, or an ask from the node, is none', () => {
    const { client, node } = shared()
    feed(node, encodeFrame(FRAME.token, 1, 0, new Uint8Array(48)))
    feed(client, encodeFrame(FRAME.token, 0, 0, encodeTokenAsk(READ)))
    expect([codesIn(drain(node)), codesIn(drain(client))]).toEqual([[1], [1]])
  })

  test.each(['that nobody asked for', 'for another service', 'of another session', 'with another scope'])(
    'an answer %s ends the session with 1',
    (what) => {
      const world = shared()
      const { client, node } = world
      if (what !== 'that nobody asked for') client.wishes.sharing!.ask(READ, () => expect.unreachable())
      drain(client)
      const issued = {
        serviceId: what === 'for another service' ? 1 : 0,
        scope: what === 'with another scope' ? 'any' : 'read',
        ttlSeconds: 60,
      } as const
      const token = world.connections.issue(issued)
      feed(client, encodeFrame(FRAME.token, 1, 0, what === 'of another session' ? token.with(0, token[0]! ^ 1) : token))
      expect([codesIn(drain(client)), node.phase]).toEqual([[1], 'open'])
    },
  )

  test('an answer that was given before ends the session with 1: who has it would have what the second holder is allowed', () => {
    const world = shared()
    const { client } = world
    const got: Uint8Array[] = []
    for (const bytesMax of [1, 2 ** 40]) client.wishes.sharing!.ask({ ...READ, bytesMax }, (token) => got.push(token))
    drain(client)
    const frame = encodeFrame(FRAME.token, 1, 0, world.connections.issue(READ))
    feed(client, frame)
    feed(client, frame)
    expect([codesIn(drain(client)), got.length]).toEqual([[1], 1])
  })

  test('what a lost connection took with it is asked again on the next one', () => {
    const world = shared()
    const got: Uint8Array[] = []
    world.client.wishes.sharing!.ask(READ, (token) => got.push(token))
    drain(world.client) // and it never arrives
    suspend(world)
    resume(world)
    expect(got).toHaveLength(1)
    expect(join(world, got[0]!).client.phase).toBe('open')
  })

  test('at most 16 are asked for at once', () => {
    const { client } = shared()
    for (let i = 0; i < 16; i++) client.wishes.sharing!.ask(READ, () => {})
    expect(() => client.wishes.sharing!.ask(READ, () => {})).toThrow(expect.objectContaining({ code: 'HANDSHAKE_BAD_ARGUMENT' }))
  })
})

describe('HELLO to join', () => {
  test('gets the session again, under the number of a connection, and PRICE first', () => {
    const world = shared()
    const owner = world.connections.session.welcome
    const joined = join(world, tokenOf(world))
    const [welcomed] = joined.told.client
    expect(welcomed).toMatchObject({
      type: 'welcome',
      welcome: { sessionId: owner.sessionId, laneNonce: owner.laneNonce, epoch: owner.epoch, window: WINDOW, maxLanes: 24, connection: 1 },
    })
    expect([joined.client.phase, joined.node.phase]).toEqual(['open', 'open'])
    expect(openJoined(joined).atClient.id).toBe(8_193)
    expect(openJoined(join(world, tokenOf(world))).atClient.id).toBe(16_385)
  })

  test.each([
    ['is out of date', 5, (world: Shared) => (world.clock.seconds += 60)],
    ['is of a session that is over', 4, (world: Shared) => world.joinable.remove(world.connections)],
    ['is of a session whose owner has opened another', 5, (world: Shared) => world.connections.endTokens()],
  ])('with a token that %s gets %i, and nothing is joined', (_, code, happens) => {
    const world = shared()
    const token = tokenOf(world)
    happens(world)
    const joined = join(world, token)
    expect(endingsOf(joined)).toEqual({ client: [code], node: [code] })
    expect(joined.told.client.some(({ type }) => type === 'welcome')).toBe(false)
  })

  test('with a token that was changed, or made by another node, gets 6', () => {
    const world = shared()
    const token = tokenOf(world)
    expect(endingsOf(join(world, token.with(20, token[20]! ^ 1)))).toEqual({ client: [6], node: [6] })
    expect(endingsOf(join(world, tokenOf(shared())))).toEqual({ client: [6], node: [6] })
  })

  test('brings seven connections in; the next gets 7, until one has left', () => {
    const world = shared()
    const seven = Array.from({ length: 7 }, () => join(world, tokenOf(world)))
    const token = tokenOf(world)
    expect(seven.map(({ client }) => client.phase)).toEqual(Array.from({ length: 7 }, () => 'open'))
    expect(endingsOf(join(world, token))).toEqual({ client: [7], node: [7] })
    seven[3]!.node.lose('cut', [])
    const next = join(world, token)
    expect(next.told.client[0]).toMatchObject({ welcome: { connection: 4 } })
  })

  test('brings two connections in with one token, and the next gets 7: also when they are gone, until nothing is owed for one', () => {
    const world = shared()
    const token = tokenOf(world)
    for (let i = 0; i < 2; i++) {
      const joined = join(world, token)
      send(joined, openJoined(joined).atNode, 1_000)
      joined.node.lose('cut', [])
    }
    expect(endingsOf(join(world, token))).toEqual({ client: [7], node: [7] })
    expect(join(world, tokenOf(world)).told.client[0]).toMatchObject({ welcome: { connection: 3 } }) // the same in everything but its serial
    acknowledge(world, 8_193, 1_000n)
    expect(join(world, token).told.client[0]).toMatchObject({ welcome: { connection: 1 } })
  })

  test('has no OPEN in its flight, for its lanes have no number yet', () => {
    for (const lane of [1, 8_193]) {
      const world = shared()
      const open = encodeFrame(FRAME.open, 0, lane, frames.encodeOpen({ serviceId: 0, initialCredit: 1, metadata: NONE }))
      expect([lane, endingsOf(join(world, tokenOf(world), open))]).toEqual([lane, { client: [1], node: [1] }])
    }
  })

  test.each([0, 8])('a WELCOME that names connection %i is not believed', (connection) => {
    const world = shared()
    Object.defineProperty(world.connections, 'freeNumber', { value: () => connection })
    expect(endingsOf(join(world, tokenOf(world)))).toMatchObject({ client: [1] })
  })
})

describe('a joined connection', () => {
  test.each([
    ['acknowledges nothing', encodeFrame(FRAME.ack, 0, 0, Uint8Array.of(...new Uint8Array(237)))],
    ['asks for no token', encodeFrame(FRAME.token, 0, 0, encodeTokenAsk(READ))],
    ['resumes nothing', encodeFrame(FRAME.resume, 0, 0, new Uint8Array(11))],
  ])('%s: 6', (_, frame) => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    feed(joined.node, frame)
    expect([codesIn(drain(joined.node)), world.meter.toldOf('ack'), world.node.phase]).toEqual([[6], [], 'open'])
  })

  test.each([1, 8_192, 16_385, 65_535])('has no lane %i: 1', (lane) => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    feed(joined.node, encodeFrame(FRAME.open, 0, lane, frames.encodeOpen({ serviceId: 0, initialCredit: 1, metadata: NONE })))
    expect(codesIn(drain(joined.node))).toEqual([1])
  })

  test.each([8_193, 16_385])('and connection 0 has none of its lanes: OPEN of %i is 1, and RESUME that names it too', (lane) => {
    const { node } = shared()
    feed(node, encodeFrame(FRAME.open, 0, lane, frames.encodeOpen({ serviceId: 0, initialCredit: 1, metadata: NONE })))
    expect(codesIn(drain(node))).toEqual([1])
  })

  test('is told no WINDOW and no METER, and believes none', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.window({ window: 70_000, isStopped: false })
    world.meter.link.meter({ serviceId: 0, epoch: 5n, cumCpuMicros: 1n })
    expect(drain(joined.node)).toEqual(NONE)
    feed(world.client, drain(world.node))
    expect([world.payer.toldOf('window').length, world.payer.toldOf('meter').length]).toEqual([1, 1])
    feed(joined.client, encodeFrame(FRAME.window, 0, 0, new Uint8Array(4)))
    expect(codesIn(drain(joined.client))).toEqual([1])
  })

  test('opens lanes of its token’s service only: 6 for another; and none when the token is out of date: 5, while those that are open go on', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    const { atNode } = openJoined(joined)
    joined.client.open(1, NONE, LANE_CREDIT)
    carry(joined)
    world.clock.seconds += 60
    joined.client.open(0, NONE, LANE_CREDIT)
    carry(joined)
    expect(resetsOf(joined)).toEqual([6, 5])
    send(joined, atNode, 1_000)
    expect(receivedOf(joined)).toBe(1_000)
  })

  test('ends with 5 when its token is out of date and it has no lane; one that has a lane, when that is over', () => {
    const world = shared()
    const ask = { ...READ, ttlSeconds: 20 }
    const [idle, busy] = [join(world, tokenOf(world, ask)), join(world, tokenOf(world, ask))]
    const { atClient, atNode } = openJoined(busy)
    const pass = (joined: Joined, nowMs: number): unknown => {
      joined.node.tick(nowMs, joined.told.node)
      carry(joined)
      return endingsOf(joined)
    }
    expect([idle.node.deadlineMs, pass(idle, 20_000)]).toEqual([20_000, { client: [], node: [] }]) // the clock of the day was set back
    world.clock.seconds += 20
    expect(idle.node.deadlineMs).toBe(40_000)
    expect([pass(idle, 40_000), pass(busy, 20_000)]).toEqual([
      { client: [5], node: [5] },
      { client: [], node: [] },
    ])
    send(busy, atNode, 1_000)
    busy.node.end(atNode, [])
    busy.client.end(atClient, [])
    carry(busy)
    expect([receivedOf(busy), busy.node.deadlineMs, pass(busy, 20_000)]).toEqual([1_000, 20_000, { client: [5], node: [5] }])
  })

  test('that may read sends no byte: the node gives it no credit, and a byte that comes is 15', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    const { atClient } = openJoined(joined)
    expect(atClient.creditBytes).toBe(0)
    feed(joined.node, encodeHeader({ type: FRAME.data, flags: 0, lane: atClient.id, length: 1 }))
    expect(codesIn(drain(joined.node))).toEqual([15])
    const free = join(world, tokenOf(world, ANY))
    const { atClient: writing } = openJoined(free)
    free.client.write(writing, [new Uint8Array(900)], 'token')
    carry(free)
    expect(free.told.node.some((effect) => effect.type === 'data' && effect.bytes.length === 900)).toBe(true)
  })

  test('shares 24 lanes with all others of the session: the 25th gets 8, wherever it is opened', () => {
    const world = shared()
    const [first, second] = [join(world, tokenOf(world)), join(world, tokenOf(world))]
    openLane(world)
    for (let i = 0; i < 12; i++) openJoined(first)
    for (let i = 0; i < 11; i++) openJoined(second)
    second.client.open(0, NONE, LANE_CREDIT)
    carry(second)
    expect(resetsOf(second)).toEqual([8])
    world.client.open(0, NONE, LANE_CREDIT)
    const [refused] = feed(world.node, drain(world.client))
    expect(refused).toBeUndefined()
    expect(framesOf(drain(world.node)).map(({ type, body }) => [type, body[0]])).toEqual([[FRAME.reset, 8]])
  })

  test('keeps the session alive: connection 0 is asked whether it lives, and not ended as idle', () => {
    const world = shared()
    openJoined(join(world, tokenOf(world)))
    world.node.tick(60_000, [])
    expect([world.node.phase, framesOf(drain(world.node)).map(({ type }) => type)]).toEqual(['open', [FRAME.ping]])
    const idle = shared()
    idle.node.tick(60_000, [])
    expect(idle.node.phase).toBe('closing')
  })

  test('tells the holder what the owner has to know, and nothing else', () => {
    const world = shared()
    const token = tokenOf(world)
    const joined = join(world, token)
    const { atClient, atNode } = openJoined(joined)
    send(joined, atNode, 5_000)
    joined.node.end(atNode, [])
    joined.client.end(atClient, [])
    carry(joined)
    const from = { holder: '04'.repeat(16), epoch: 5n }
    expect(joined.reports).toEqual([
      {
        type: 'lane',
        ...from,
        token: tokenNameOf(token),
        lane: 8_193,
        openBody: frames.encodeOpen({ serviceId: 0, initialCredit: LANE_CREDIT, metadata: Uint8Array.of(7) }),
        acceptBody: frames.encodeAccept({ initialCredit: 0, metadata: Uint8Array.of(1) }),
      },
      { type: 'over', ...from, lane: 8_193, offset: 5_000n, how: 'ended' },
    ])
  })
})
