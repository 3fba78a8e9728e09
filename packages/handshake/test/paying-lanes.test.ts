/** Lanes of a session that pays, core against core: what both ends are told of their ends, and how often a number is used. */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import { drain, feed, settle } from './cores.ts'
import { framesOf, openLane, type Paid, paid } from './paying.ts'

const endings = (effects: Effect[]): Effect[] => effects.filter((effect) => effect.type === 'over')

describe('a lane is over once for both ends, at the same byte', () => {
  const both = ({ payer, meter }: Paid): unknown => ({ client: payer.toldOf('laneOver'), node: meter.toldOf('laneOver') })
  const at = (offset: bigint, how: string): unknown => ({ client: [[1, offset, how]], node: [[1, offset, how]] })

  test('when both halves ended', () => {
    const session = paid()
    const { atClient, atNode } = openLane(session)
    const { client, node } = session
    node.write(atNode, [new Uint8Array(70_000)], 'token')
    node.end(atNode, [])
    client.end(atClient, [])
    settle(client, node)
    expect(both(session)).toEqual(at(70_000n, 'ended'))
  })

  test('when the client has had enough, with everything that was in flight', () => {
    const session = paid()
    const { atClient, atNode } = openLane(session)
    const { client, node } = session
    node.write(atNode, [new Uint8Array(70_000)], 'token')
    const inFlight = drain(node)
    client.reset(atClient, 25, '', [])
    feed(client, inFlight)
    settle(client, node)
    expect(both(session)).toEqual(at(70_000n, 'reset-by-client'))
  })

  test('when the client has had enough of a node that has used all its credit: it pays for that much, and no byte more', () => {
    const session = paid()
    const credit = 2 ** 21 + 2 ** 18
    const { atClient, atNode } = openLane(session, new Uint8Array(), credit)
    const { client, node } = session
    node.write(atNode, [new Uint8Array(8 * 2 ** 20)], 'token')
    const inFlight = drain(node)
    client.reset(atClient, 25, '', [])
    feed(client, inFlight)
    settle(client, node)
    expect(both(session)).toEqual(at(BigInt(credit), 'reset-by-client'))
  })

  test('when the client has had enough and reads on: what was in flight is handed on, no more than its credit, and its end', () => {
    const session = paid()
    const credit = 2 ** 21 + 2 ** 18
    const { atClient, atNode } = openLane(session, new Uint8Array(), credit)
    const { client, node } = session
    node.write(atNode, [new Uint8Array(8 * 2 ** 20)], 'token')
    const inFlight = drain(node)
    client.reset(atClient, 25, '', [], true)
    const handed = feed(client, inFlight).flatMap((effect) => (effect.type === 'data' ? [effect.bytes.length] : []))
    expect(handed.reduce((sum, bytes) => sum + bytes, 0)).toBe(credit)
    client.consume(atClient, credit) // gives the connection its credit back, and the lane nothing
    const said = drain(client)
    const granted = framesOf(said).flatMap(({ type, lane }) => (type === FRAME.credit ? [lane] : []))
    expect(granted).toEqual([0])
    feed(node, said)
    settle(client, node)
    expect(both(session)).toEqual(at(BigInt(credit), 'reset-by-client'))
  })

  test('when the client has had enough before ACCEPT came', () => {
    const session = paid()
    const { client, node } = session
    const lane = client.open(0, new Uint8Array(), 2 ** 21 + 2 ** 18)!
    const [request] = feed(node, drain(client)) as [Extract<Effect, { type: 'request' }>]
    node.accept(request.lane, new Uint8Array(), 0)
    node.write(request.lane, [new Uint8Array(10)], 'token')
    const inFlight = drain(node)
    client.reset(lane, 25, '', [])
    feed(client, inFlight)
    settle(client, node)
    expect(both(session)).toEqual(at(10n, 'reset-by-client'))
  })

  test('when the node fails', () => {
    const session = paid()
    const { atNode } = openLane(session)
    const { client, node } = session
    node.write(atNode, [new Uint8Array(100)], 'token')
    feed(client, drain(node))
    node.reset(atNode, 10, '', [])
    settle(client, node)
    expect(both(session)).toEqual(at(100n, 'reset-by-node'))
  })

  test('when the session is over, and nothing is told after it', () => {
    const session = paid()
    const { atNode } = openLane(session)
    const { client, node, meter, payer } = session
    node.write(atNode, [new Uint8Array(100)], 'token')
    feed(client, drain(node))
    client.leave(25, [])
    feed(node, drain(client))
    expect(both(session)).toEqual(at(100n, 'session-over'))
    expect([meter.told.at(-1)?.name, payer.told.at(-1)?.name]).toEqual(['over', 'over'])
    meter.link.window({ window: 1, isStopped: false })
    meter.link.leave(11)
    meter.link.wake()
    expect([node.hasOutput, node.phase]).toEqual([false, 'closed'])
  })

  test('and none that was not taken is told', () => {
    const session = paid({ maxLanes: 1 })
    openLane(session)
    const { client, node } = session
    const refused = encodeFrame(FRAME.open, 0, 2, frames.encodeOpen({ serviceId: 0, initialCredit: 0, metadata: new Uint8Array() }))
    feed(node, refused)
    expect(framesOf(drain(node)).map(({ type }) => type)).toEqual([FRAME.reset])
    expect(both(session)).toEqual({ client: [], node: [] })
    expect(client.phase).toBe('open')
  })
})

test('a session that pays does not end when it is drained: the client signs for its last bytes, then it leaves', () => {
  const session = paid()
  const { client, node, meter, payer } = session
  const { atClient, atNode } = openLane(session)
  node.drain(0, [])
  node.write(atNode, [new Uint8Array(10)], 'token')
  node.end(atNode, [])
  client.end(atClient, [])
  const { client: told } = settle(client, node)
  expect([told.map(({ type }) => type), client.phase, node.phase]).toEqual([['draining', 'data', 'end', 'done'], 'draining', 'draining'])
  expect(client.open(0, new Uint8Array(), 0)).toBeUndefined()
  payer.link.ack({ acknowledgement: new Uint8Array(236), lanes: [{ lane: 1, verifiedOffset: 10n }] })
  client.leave(25, [])
  feed(node, drain(client))
  expect([meter.toldOf('ack').length, node.phase]).toEqual([1, 'closed'])
})

test('a lane number is used once in a session that pays', () => {
  const session = paid()
  const { client, node } = session
  const { atClient, atNode } = openLane(session)
  node.end(atNode, [])
  client.end(atClient, [])
  settle(client, node)
  expect([client.openLanes, node.openLanes]).toEqual([0, 0])
  const again = encodeFrame(FRAME.open, 0, 1, frames.encodeOpen({ serviceId: 0, initialCredit: 0, metadata: new Uint8Array() }))
  expect(endings(feed(node, again))).toEqual([expect.objectContaining({ why: 'protocol', code: 1 })])
})

test('all numbers of a session that pays can be used, and then no lane is opened', () => {
  const session = paid()
  const { client, node } = session
  for (let i = 1; i < 8_192; i++) {
    const lane = client.open(0, new Uint8Array(), 0)!
    expect(lane.id).toBe(i)
    client.reset(lane, 25, '', [])
    for (const effect of feed(node, drain(client))) if (effect.type === 'request') expect(effect.lane.id).toBe(i)
    feed(client, drain(node))
  }
  expect(client.open(0, new Uint8Array(), 0)).toBeUndefined()
})
