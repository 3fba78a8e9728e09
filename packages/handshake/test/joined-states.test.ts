/** What becomes of connections that joined, whatever happens to the session: every event of the session, in every state that a joined connection has. */
import { describe, expect, test } from 'vitest'
import type { CoreLane } from '../src/lane-core.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import { encodeResume } from '../src/resume-frame.ts'
import { drain, feed } from './cores.ts'
import {
  carry,
  endingsOf,
  join,
  type Joined,
  openJoined,
  READ,
  reattachOwner,
  resume,
  type Shared,
  shared,
  suspend,
  tokenOf,
} from './joined.ts'
import { framesOf } from './paying.ts'

interface Subject {
  readonly world: Shared
  readonly joined: Joined
  readonly token: Uint8Array
  readonly atNode: CoreLane | undefined
}

const UNIT = 100_000
/** States of a joined connection, by what it has. */
const STATES: Record<string, () => Subject> = {
  'without a lane': () => {
    const world = shared()
    const token = tokenOf(world)
    return { world, token, joined: join(world, token), atNode: undefined }
  },
  'with a lane that waits for its service': () => {
    const world = shared()
    const token = tokenOf(world)
    const joined = join(world, token)
    joined.client.open(0, new Uint8Array(), 2 ** 21 + 2 ** 18)
    carry(joined)
    return { world, token, joined, atNode: undefined }
  },
  'inside a unit': () => {
    const world = shared()
    const token = tokenOf(world)
    const joined = join(world, token)
    const { atNode } = openJoined(joined)
    joined.node.write(atNode, [new Uint8Array(2 * UNIT)], 'token', [UNIT, 2 * UNIT])
    joined.client.receive(new Uint8Array(Buffer.concat(joined.node.take(1, joined.told.node).parts)), 0, joined.told.client) // one frame of it
    return { world, token, joined, atNode }
  },
  'with a lane that ended and is not acknowledged': () => {
    const world = shared()
    const token = tokenOf(world)
    const joined = join(world, token)
    const { atClient, atNode } = openJoined(joined)
    joined.node.write(atNode, [new Uint8Array(UNIT)], 'token', [UNIT])
    joined.node.end(atNode, [])
    joined.client.end(atClient, [])
    carry(joined)
    return { world, token, joined, atNode }
  },
}

/** What happens to the session; the code that the joined connection is told, where it is one; and what HELLO with its token gets then. */
const EVENTS: Record<string, { readonly happens: (world: Shared) => void; readonly code?: number; readonly next?: number }> = {
  'connection 0 is lost, and may come back': { happens: suspend },
  'it is lost twice': { happens: (world) => [suspend(world), suspend(world)] },
  'it comes back': { happens: (world) => [suspend(world), resume(world)] },
  'it does not come back in time': { happens: (world) => [suspend(world), world.node.tick(60_000, [])], code: 4, next: 4 },
  'it is lost for good': { happens: ({ node }) => node.lose('cut', []), code: 4, next: 4 },
  'the owner leaves': {
    happens: ({ client, node }) => {
      client.leave(25, [])
      feed(node, drain(client))
    },
    code: 4,
    next: 4,
  },
  'the owner breaks the protocol': { happens: ({ node }) => feed(node, new Uint8Array(8).fill(0xff)), code: 4, next: 4 },
  'the node leaves': { happens: ({ node }) => node.leave(17, []), code: 4, next: 4 },
  'the node drains it': { happens: ({ node }) => node.drain(0, []) },
  'the books leave': {
    happens: ({ meter, node }) => {
      meter.link.leave(11)
      node.tick(0, [])
    },
    code: 4,
    next: 4,
  },
  'the owner opens another session': { happens: ({ connections }) => connections.endTokens(), code: 5, next: 5 },
  'an epoch begins': { happens: ({ meter }) => meter.link.epoch({ epoch: 6n, rand: new Uint8Array(16), priceVersion: 3, lanes: [] }) },
  'the books are stopped': { happens: ({ meter }) => [meter.link.window({ window: 65_536, isStopped: true }), meter.link.ping(1n)] },
  'the books wake it': { happens: ({ meter }) => meter.link.wake() },
  'the token is out of date': { happens: ({ clock }) => (clock.seconds += 60), next: 5 },
}

const CASES = Object.keys(STATES).flatMap((state) => Object.keys(EVENTS).map((event) => [state, event] as const))

test.each(CASES)('%s: %s', (state, event) => {
  const { world, joined, token } = STATES[state]!()
  const { happens, code, next } = EVENTS[event]!
  happens(world)
  if (code === 4) world.joinable.remove(world.connections) // as the server does when a session is over
  const told = world.meter.told.length
  carry(joined)
  const expected = code === undefined ? { client: [], node: [] } : { client: [code], node: [code] }
  expect(endingsOf(joined)).toEqual(expected)
  expect(joined.client.phase).toBe(code === undefined ? 'open' : 'closed')
  if (code === 4) expect(world.meter.told.slice(told)).toEqual([]) // nothing after `over`
  const again = join(world, token)
  expect(endingsOf(again)).toEqual(next === undefined ? { client: [], node: [] } : { client: [next], node: [next] })
})

describe('while connection 0 is away', () => {
  const sent = ({ meter }: Shared): unknown => meter.toldOf('sent').at(-1)

  test('a unit that was begun is finished and none begins; when it is back the next one does', () => {
    const { world, joined } = STATES['inside a unit']!()
    suspend(world)
    carry(joined)
    expect(sent(world)).toEqual([8_193, BigInt(UNIT), true])
    carry(joined)
    resume(world)
    carry(joined)
    expect(sent(world)).toEqual([8_193, BigInt(2 * UNIT), true])
  })

  test('ends of lanes are told to the books when it is back, in order, and never where it is not', () => {
    const { world, joined, atNode } = STATES['inside a unit']!()
    suspend(world)
    joined.node.reset(atNode!, 10, '', [])
    carry(joined)
    expect(world.meter.toldOf('laneOver')).toEqual([])
    resume(world)
    const offset = BigInt(atNode!.sent)
    expect(world.meter.toldOf('laneOver')).toEqual([[8_193, offset, 'reset-by-node']])
    const other = STATES['inside a unit']!()
    suspend(other.world)
    other.joined.node.lose('cut', [])
    other.world.node.tick(60_000, [])
    expect(other.world.meter.told.at(-1)?.name).toBe('over')
    expect(other.world.meter.toldOf('laneOver')).toEqual([])
  })

  test('lanes may be opened, taken and left; their content waits', () => {
    const { world, joined } = STATES['without a lane']!()
    suspend(world)
    const { atNode } = openJoined(joined)
    joined.node.write(atNode, [new Uint8Array(UNIT)], 'token', [UNIT])
    carry(joined)
    expect([world.meter.toldOf('lane').length, world.meter.toldOf('sent')]).toEqual([1, []])
    resume(world)
    carry(joined)
    expect(sent(world)).toEqual([8_193, BigInt(UNIT), true])
  })

  test('the number of a connection is not used again before the books have heard of its lanes', () => {
    const { world, joined, token } = STATES['without a lane']!()
    suspend(world)
    openJoined(joined)
    joined.node.lose('cut', [])
    expect(join(world, token).told.client[0]).toMatchObject({ welcome: { connection: 2 } })
    resume(world)
    expect(world.meter.toldOf('laneOver')).toEqual([[8_193, 0n, 'reset-by-node']])
    expect(join(world, token).told.client[0]).toMatchObject({ welcome: { connection: 1 } })
  })

  test('who joins then is told of an epoch that began meanwhile, and the owner when he is back', () => {
    const world = shared()
    const token = tokenOf(world, { ...READ, ttlSeconds: 600 })
    suspend(world)
    world.meter.link.epoch({ epoch: 6n, rand: new Uint8Array(16), priceVersion: 3, lanes: [] })
    const joined = join(world, token)
    expect([joined.client.phase, world.payer.toldOf('epoch').length]).toEqual(['open', 0])
    resume(world)
    expect(world.payer.toldOf('epoch').length).toBe(1)
  })

  test('RESUME names no lane of a joined connection, and one that does is 1', () => {
    const { world } = STATES['inside a unit']!()
    suspend(world)
    resume(world)
    expect(world.meter.toldOf('resume').map(([lanes]) => lanes)).toEqual([[]])
    suspend(world)
    reattachOwner(world)
    const lane = { lane: 8_193, isTaken: true, isEnded: false, received: 0, limit: 0 }
    drain(world.node)
    feed(world.node, encodeFrame(FRAME.resume, 0, 0, encodeResume({ epoch: 5n, lanes: [lane], chains: [] })))
    expect(framesOf(drain(world.node)).map(({ type, body }) => [type, body[0]])).toEqual([[FRAME.goaway, 1]])
  })
})
