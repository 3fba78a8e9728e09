/** Units of a session that pays: begun only when credit covers all of them and the meter allows it, then finished whatever else stops. */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../src/effects.ts'
import { FRAME } from '../src/frames.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { drain, feed, settle } from './cores.ts'
import { framesOf, openLane, type Paid, paid } from './paying.ts'

const KIB = 1024
const MIB = 1024 * KIB
const write = ({ node }: Paid, lane: CoreLane, bytes: number, unitEnds?: number[]): boolean =>
  node.write(lane, [new Uint8Array(bytes)], 'token', unitEnds)
/** What the node sends now, in bytes of DATA by lane; the client takes it and reads nothing. */
function deliver({ client, node }: Paid): Map<number, number> {
  const sent = new Map<number, number>()
  const bytes = drain(node)
  for (const { type, lane, body } of framesOf(bytes)) if (type === FRAME.data) sent.set(lane, (sent.get(lane) ?? 0) + body.length)
  feed(client, bytes)
  return sent
}

test('the meter is asked for each unit with its size, and told each end in order', () => {
  const session = paid()
  const asked: unknown[] = []
  session.meter.allows = (...args) => asked.push(args) > 0
  const { atNode } = openLane(session)
  write(session, atNode, 100_000, [1_000, 81_000, 100_000])
  deliver(session)
  expect(asked).toEqual([
    [1, 1_000, false],
    [1, 80_000, false],
    [1, 81_000 - 65_536, true], // the second frame
    [1, 19_000, false],
  ])
  expect(session.meter.toldOf('sent')).toEqual([
    [1, 1_000n, true],
    [1, 65_536n, false],
    [1, 81_000n, true],
    [1, 100_000n, true],
  ])
})

test('a lane that is not allowed waits, others go on, and it goes on when the meter wakes it', () => {
  const session = paid()
  const lanes = [openLane(session).atNode, openLane(session).atNode]
  session.meter.allows = (lane) => lane !== 1
  for (const lane of lanes) write(session, lane, 10_000, [10_000])
  expect([...deliver(session)]).toEqual([[2, 10_000]])
  expect(session.node.hasOutput).toBe(false)
  session.meter.allows = () => true
  expect(session.node.hasOutput).toBe(false) // nobody woke it
  session.meter.link.wake()
  expect([...deliver(session)]).toEqual([[1, 10_000]])
})

test('a unit whose permit ended stops where it is', () => {
  const session = paid()
  const { atNode } = openLane(session)
  session.meter.allows = (_lane, _bytes, isBegun) => !isBegun
  write(session, atNode, 200_000, [200_000])
  expect([...deliver(session)]).toEqual([[1, 65_536]])
  session.meter.allows = () => true
  session.meter.link.wake()
  expect([...deliver(session)]).toEqual([[1, 200_000 - 65_536]])
})

test('a unit that the lane’s credit does not cover is not begun', () => {
  const session = paid()
  const { atClient, atNode } = openLane(session, new Uint8Array(), 2 * MIB + 256 * KIB)
  write(session, atNode, 2 * MIB, [2 * MIB])
  write(session, atNode, MIB, [MIB])
  expect([...deliver(session)]).toEqual([[1, 2 * MIB]])
  session.client.consume(atClient, MIB)
  feed(session.node, drain(session.client))
  expect([...deliver(session)]).toEqual([[1, MIB]])
})

test('24 lanes of 2 MiB and no reader: what the connection’s credit covers comes whole, of the others nothing', () => {
  const session = paid()
  const lanes = Array.from({ length: 24 }, () => openLane(session))
  for (const { atNode } of lanes) write(session, atNode, 2 * MIB, [2 * MIB])
  expect([...deliver(session).values()]).toEqual(new Array(8).fill(2 * MIB))
  session.client.consume(lanes[0]!.atClient, 2 * MIB)
  feed(session.node, drain(session.client))
  expect([...deliver(session)]).toEqual([[9, 2 * MIB]])
})

describe('a unit whose end is not written yet', () => {
  test('counts as the longest, until the end is', () => {
    const session = paid()
    const asked: unknown[] = []
    session.meter.allows = (...args) => asked.push(args) > 0
    const { atNode } = openLane(session)
    write(session, atNode, 1_000, [])
    deliver(session)
    write(session, atNode, 500, [200, 500])
    deliver(session)
    expect(asked).toEqual([
      [1, 2 * MIB + 128 * KIB, false],
      [1, 200, true],
      [1, 300, false],
    ])
    expect(session.meter.toldOf('sent')).toEqual([
      [1, 1_000n, false],
      [1, 1_200n, true],
      [1, 1_500n, true],
    ])
  })

  test('ends where the lane ends, also when all of it is sent', () => {
    const session = paid()
    const { atNode } = openLane(session)
    write(session, atNode, 1_000, [])
    deliver(session)
    session.node.end(atNode, [])
    expect(session.meter.toldOf('sent')).toEqual([
      [1, 1_000n, false],
      [1, 1_000n, true],
    ])
    const other = openLane(session)
    write(session, other.atNode, 1_000, [])
    session.node.end(other.atNode, [])
    deliver(session)
    expect(session.meter.toldOf('sent').slice(2)).toEqual([[2, 1_000n, true]])
  })

  test('makes room for others of the connection as soon as its end is written', () => {
    const session = paid()
    const lanes = Array.from({ length: 8 }, () => openLane(session).atNode)
    for (const lane of lanes) write(session, lane, 10, [])
    expect([...deliver(session).keys()]).toEqual([1, 2, 3, 4, 5, 6, 7]) // 8 × (2 MiB + 128 KiB) are more than 16 MiB
    write(session, lanes[0]!, 20, [20])
    expect([...deliver(session).keys()].sort((a, b) => a - b)).toEqual([1, 8])
  })

  test('gives its reservation back when its lane is over', () => {
    const session = paid()
    for (let i = 0; i < 20; i++) {
      const { atNode } = openLane(session) // 20 × (2 MiB + 128 KiB) would be more than the connection has
      write(session, atNode, 10, [])
      expect(deliver(session).get(atNode.id)).toBe(10)
      session.node.reset(atNode, 10, '', [])
      settle(session.client, session.node)
    }
  })
})

test('a unit that is longer than the longest is cut there', () => {
  const session = paid()
  const asked: number[] = []
  session.meter.allows = (_lane, bytes, isBegun) => isBegun || asked.push(bytes) > 0
  const { atNode } = openLane(session, new Uint8Array(), 16 * MIB)
  write(session, atNode, 5 * MIB, [5 * MIB])
  deliver(session)
  const longest = 2 * MIB + 128 * KIB
  expect(asked).toEqual([longest, longest, 5 * MIB - 2 * longest])
})

test('where the writer names no ends they are every 64 KiB, and the end of the write', () => {
  const session = paid()
  const { atNode } = openLane(session)
  write(session, atNode, 150_000)
  deliver(session)
  expect(session.meter.toldOf('sent')).toEqual([
    [1, 65_536n, true],
    [1, 131_072n, true],
    [1, 150_000n, true],
  ])
})

test('what a client sends is not asked for, and comes whatever the meter says', () => {
  const session = paid()
  session.meter.allows = () => false
  const lane = session.client.open(0, new Uint8Array(), 2 * MIB + 256 * KIB)!
  const [request] = feed(session.node, drain(session.client)) as [Extract<Effect, { type: 'request' }>]
  session.node.accept(request.lane, new Uint8Array(), 100_000)
  feed(session.client, drain(session.node))
  session.client.write(lane, [new Uint8Array(100_000)], 'token')
  const effects = feed(session.node, drain(session.client))
  expect(effects.reduce((bytes, effect) => bytes + (effect.type === 'data' ? effect.bytes.length : 0), 0)).toBe(100_000)
  expect(session.meter.toldOf('sent')).toEqual([])
})
