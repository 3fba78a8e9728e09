// Goal: a node that never answers RESET costs a client no place for a lane: a PONG to a PING behind the RESET frees it, and whatever else such a node does is dropped, in
// bounds. Method: real cores and sessions of each kind, with the node's RESETs taken off the wire.
import { describe, expect, test } from 'vitest'
import { PAYING_LANES_MAX, UNANSWERED_BYTES_MAX, UNANSWERED_LANES_MAX } from '../src/constants.ts'
import type { Effect } from '../src/effects.ts'
import * as frames from '../src/frames.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { RESETS_NONCE } from '../src/unanswered-resets.ts'
import { collect } from './collect.ts'
import { createClientCore, createNodeCore, drain, feed, greeted, settle } from './cores.ts'
import { ANY, join as joinOf, LANE_CREDIT, shared, tokenOf } from './joined.ts'
import { join } from './memory-session.ts'
import { framesOf, paid } from './paying.ts'
import { createRandom } from './random.ts'
import { lose, reattach, resumable } from './resume.ts'
import { carry, endings, open, type Pair, pingsIn, reset, TURNS_MAX, withoutResets } from './unanswered.ts'

const NONE = new Uint8Array()
const data = (lane: number, bytes: number, flags = 0): Uint8Array => encodeFrame(FRAME.data, flags, lane, new Uint8Array(bytes))
const accept = (lane: number): Uint8Array => encodeFrame(FRAME.accept, 0, lane, frames.encodeAccept({ initialCredit: 0, metadata: NONE }))

/** One that is left at once; where there is no other place, it is over then. */
function seek(pair: Pair): CoreLane {
  const lane = open(pair)
  pair.client.reset(lane, 25, '', [])
  carry(pair)
  return lane
}

const KINDS: [string, () => Pair][] = [
  ['a guest', () => greeted()],
  ['a client that pays', () => paid()],
  [
    'who joined a session',
    () => {
      const world = shared()
      return joinOf(world, tokenOf(world, ANY))
    },
  ],
]

describe.each(KINDS)('%s', (_, create) => {
  test('has a place for each new lane, however many a node has left unanswered', () => {
    const pair = create()
    for (let i = 0; i < 2 * pair.client.maxLanes; i++) seek(pair)
    expect(pair.client.openLanes).toBeLessThanOrEqual(pair.client.maxLanes)
    expect([pair.client.phase, pair.node.phase]).toEqual(['open', 'open'])
  })

  test('has nothing to do with it where the node answers: each RESET comes before PONG', () => {
    const pair = create()
    const lanes = Array.from({ length: pair.client.maxLanes }, () => open(pair))
    for (const lane of lanes) pair.client.reset(lane, 25, '', [])
    const { client: told } = settle(pair.client, pair.node)
    expect([pair.client.openLanes, told.filter(({ type }) => type === 'done').length]).toEqual([0, lanes.length])
    expect(endings(feed(pair.client, data(lanes[0]!.id, 1)))).toEqual([['protocol', 1]]) // it is over for both: nothing may come
  })
})

test('PING goes behind the RESETs when all places are taken, one at a time', () => {
  const pair = greeted()
  const [first, second] = [open(pair), open(pair)]
  pair.client.reset(first, 25, '', [])
  expect(framesOf(drain(pair.client)).map(({ type }) => type)).toEqual([FRAME.reset]) // there is room
  open(pair)
  expect([pair.client.openLanes, pair.client.maxLanes]).toEqual([3, 4])
  pair.client.open(0, NONE, 1_000)
  const flight = drain(pair.client)
  expect([framesOf(flight).map(({ type }) => type), pingsIn(flight)]).toEqual([[FRAME.open, FRAME.ping], [RESETS_NONCE + 1n]])
  pair.client.reset(second, 25, '', [])
  const later = drain(pair.client)
  expect(framesOf(later).map(({ type }) => type)).toEqual([FRAME.reset])
  feed(pair.node, flight)
  feed(pair.client, withoutResets(drain(pair.node)))
  expect([first.isOver, second.isOver, pair.client.openLanes]).toEqual([true, false, 3])
  feed(pair.node, later)
  pair.client.open(0, NONE, 1_000)
  expect(pingsIn(drain(pair.client))).toEqual([RESETS_NONCE + 2n])
})

test('a node that allows more lanes than there should be is asked when so many are taken', () => {
  const pair = paid({ maxLanes: 60_000 })
  for (let i = 0; i < 2 * PAYING_LANES_MAX; i++) seek(pair)
  expect([pair.client.maxLanes, pair.client.openLanes <= PAYING_LANES_MAX]).toEqual([60_000, true])
  const other = paid({ maxLanes: 60_000 })
  const lanes = Array.from({ length: PAYING_LANES_MAX + 6 }, () => open(other))
  for (const lane of lanes) other.client.reset(lane, 25, '', []) // behind the first goes PING, and one behind the others when it is answered
  carry(other)
  expect(lanes.filter(({ isOver }) => !isOver)).toEqual([])
})

test('a first lane that was left before WELCOME came is asked about with it', () => {
  const pair = { client: createClientCore(), node: createNodeCore({ maxLanes: 1 }) }
  const lane = pair.client.open(0, NONE, LANE_CREDIT)!
  const flight = drain(pair.client)
  pair.client.reset(lane, 25, '', [])
  feed(pair.node, flight)
  carry(pair)
  expect([lane.isOver, pair.client.maxLanes, pair.client.openLanes]).toEqual([true, 1, 0])
})

test('a PONG that nobody asked for, or one that comes twice, frees nothing', () => {
  const pair = greeted({ maxLanes: 1 })
  const lane = open(pair)
  const pong = (nonce: bigint): Uint8Array => {
    const body = new Uint8Array(8)
    frames.viewOf(body).setBigUint64(0, nonce, true)
    return encodeFrame(FRAME.ping, frames.FLAG_PONG, 0, body)
  }
  feed(pair.client, pong(RESETS_NONCE + 1n))
  pair.client.reset(lane, 25, '', [])
  for (const nonce of [0n, 1n, RESETS_NONCE, RESETS_NONCE + 2n, 2n ** 64n - 1n]) feed(pair.client, pong(nonce))
  expect(lane.isOver).toBe(false)
  for (let times = 0; times < 2; times++) feed(pair.client, pong(RESETS_NONCE + 1n))
  expect([lane.isOver, pair.client.openLanes, pair.client.phase]).toEqual([true, 0, 'open'])
})

describe('of a lane whose RESET was read and is not answered', () => {
  test('DATA is dropped: the connection has its credit again, the lane none; above one unit over all of them it is a fault', () => {
    const pair = greeted({ maxLanes: 1 })
    const lanes = [seek(pair), seek(pair)]
    const piece = 65_536
    for (let bytes = 0; bytes < UNANSWERED_BYTES_MAX; bytes += piece)
      expect(feed(pair.client, data(lanes[(bytes / piece) % 2]!.id, piece))).toEqual([])
    const granted = framesOf(drain(pair.client)).map(({ type, lane }) => [type, lane])
    expect(granted).toEqual([[FRAME.credit, 0]])
    expect(endings(feed(pair.client, data(lanes[0]!.id, 1)))).toEqual([['protocol', 15]])
  })

  test('no more than its credit may come', () => {
    const pair = greeted({ maxLanes: 1 })
    const lane = pair.client.open(0, NONE, 1_000)!
    for (const effect of feed(pair.node, drain(pair.client))) if (effect.type === 'request') pair.node.accept(effect.lane, NONE, 0)
    carry(pair)
    pair.client.reset(lane, 25, '', [])
    carry(pair)
    expect(feed(pair.client, data(lane.id, 1_000))).toEqual([])
    expect(endings(feed(pair.client, data(lane.id, 1)))).toEqual([['protocol', 15]])
  })

  test('RESET may come late, with the bytes that came; then nothing more', () => {
    const pair = greeted({ maxLanes: 1 })
    const [right, wrong] = [seek(pair), seek(pair)]
    feed(pair.client, data(right.id, 7))
    expect(feed(pair.client, reset(right.id, 7n))).toEqual([])
    expect(feed(pair.client, reset(right.id, 7n))).toEqual([]) // as on any lane that is over
    expect(endings(feed(pair.client, reset(wrong.id, 7n)))).toEqual([['protocol', 1]])
    const other = greeted({ maxLanes: 1 })
    const lane = seek(other)
    feed(other.client, reset(lane.id, 0n))
    expect(endings(feed(other.client, data(lane.id, 1)))).toEqual([['protocol', 1]])
  })

  test('END may come, once', () => {
    const pair = greeted({ maxLanes: 1 })
    const lane = seek(pair)
    expect(feed(pair.client, data(lane.id, 3, frames.FLAG_END))).toEqual([])
    expect(endings(feed(pair.client, data(lane.id, 0, frames.FLAG_END)))).toEqual([['protocol', 1]])
  })

  test('ACCEPT may come where it had not, once, and nobody is told', () => {
    const pair = paid({ maxLanes: 1 })
    const lane = pair.client.open(0, NONE, LANE_CREDIT)!
    carry(pair)
    pair.client.reset(lane, 25, '', [])
    carry(pair)
    expect([lane.isOver, feed(pair.client, accept(lane.id))]).toEqual([true, []])
    expect(feed(pair.client, data(lane.id, 9))).toEqual([])
    expect([pair.payer.toldOf('lane'), pair.payer.toldOf('laneOver')]).toEqual([[], []])
    expect(endings(feed(pair.client, accept(lane.id)))).toEqual([['protocol', 1]])
  })

  test('there are 64, and one more is a fault', () => {
    const pair = greeted({ maxLanes: 1 })
    for (let i = 0; i < UNANSWERED_LANES_MAX; i++) seek(pair)
    const lane = open(pair)
    pair.client.reset(lane, 25, '', [])
    expect(endings(carry(pair))).toEqual([['protocol', 1]])
  })

  test('its number is not used again, by a guest either', () => {
    const pair = greeted({ maxLanes: 1 })
    const lane = seek(pair)
    for (let i = 2; i < 8_192; i++) {
      const next = pair.client.open(0, NONE, 0)!
      pair.client.reset(next, 25, '', [])
      settle(pair.client, pair.node)
    }
    expect([lane.id, pair.client.open(0, NONE, 0)!.id]).toEqual([1, 2])
  })
})

test('the payer hears that the lane is over, with all that came before PONG, and once; of these PONGs it hears nothing', () => {
  const pair = paid({ maxLanes: 1 })
  const lane = pair.client.open(0, NONE, LANE_CREDIT)!
  const [request] = feed(pair.node, drain(pair.client)) as [Extract<Effect, { type: 'request' }>]
  pair.node.accept(request.lane, NONE, 0)
  feed(pair.client, drain(pair.node))
  pair.node.write(request.lane, [new Uint8Array(70_000)], 'token')
  const inFlight = drain(pair.node)
  pair.client.reset(lane, 25, '', [], true)
  expect(feed(pair.client, inFlight).map(({ type }) => type)).toEqual(['data', 'data']) // who verifies reads on
  carry(pair)
  expect([feed(pair.client, data(lane.id, 5)), feed(pair.client, reset(lane.id, 70_005n))]).toEqual([[], []])
  expect([pair.payer.toldOf('laneOver'), pair.payer.toldOf('pong')]).toEqual([[[1, 70_000n, 'reset-by-client']], []])
})

test.each([1, 2, 3, 4, 5, 6])('a node answers late, in any order: each lane is over once, and the session goes on, seed %i', (seed) => {
  const random = createRandom(seed)
  const { client, node, payer } = paid({ maxLanes: 4 })
  const lanes: CoreLane[] = []
  const late: Uint8Array[] = []
  const done: number[] = []
  const hear = (bytes: Uint8Array): void => {
    for (const effect of feed(client, bytes)) if (effect.type === 'done') done.push(effect.lane.id)
  }
  const carryAll = (): void => {
    for (let turn = 0; client.hasOutput || node.hasOutput; turn++) {
      expect(turn).toBeLessThan(TURNS_MAX)
      for (const effect of feed(node, drain(client))) if (effect.type === 'request') node.accept(effect.lane, NONE, 1_000)
      for (const { type, flags, lane, body } of framesOf(drain(node))) {
        const frame = encodeFrame(type, flags, lane, body)
        if (type === FRAME.reset) late.push(frame)
        else hear(frame)
      }
    }
  }
  for (let step = 0; step < 400; step++) {
    const choice = random.below(4)
    const open = lanes.filter(({ isResetSent }) => !isResetSent)
    if (choice === 0 && lanes.length < UNANSWERED_LANES_MAX && client.openLanes < 4) lanes.push(client.open(0, NONE, LANE_CREDIT)!)
    else if (choice === 1 && open.length > 0) client.reset(random.pick(open), 25, '', [])
    else if (choice === 2 && late.length > 0) hear(late.splice(random.below(late.length), 1)[0]!)
    else carryAll()
  }
  for (const lane of lanes) client.reset(lane, 25, '', [])
  carryAll()
  for (const frame of late) hear(frame)
  expect([client.phase, node.phase, client.openLanes]).toEqual(['open', 'open', 0])
  expect(done.toSorted((a, b) => a - b)).toEqual(lanes.map(({ id }) => id))
  expect([lanes.length > 10, payer.toldOf('laneOver').length]).toEqual([true, payer.toldOf('lane').length])
})

test('what was asked on a connection that is lost is asked on the next one, behind the RESETs that are said again', () => {
  const world = resumable()
  const lanes = Array.from({ length: world.client.maxLanes }, () => open(world))
  world.client.reset(lanes[3]!, 25, '', [])
  expect(pingsIn(drain(world.client))).toEqual([RESETS_NONCE + 1n]) // and it is gone
  lose(world)
  reattach(world)
  const told = carry(world)
  expect([lanes[3]!.isOver, world.client.openLanes, world.client.phase]).toEqual([true, lanes.length - 1, 'open'])
  expect(told.map(({ type }) => type)).toContain('done')
  expect(world.payer.toldOf('laneOver')).toEqual([[lanes[3]!.id, 0n, 'reset-by-client']])
})

describe('over a channel', () => {
  async function deafSession(maxLanes: number): Promise<Awaited<ReturnType<typeof join>>> {
    const made = await join((request) => void request.accept(NONE), {}, maxLanes)
    const { nodeCarrier } = made
    const send = nodeCarrier.send.bind(nodeCarrier)
    nodeCarrier.send = (parts, onFlushed) => send([withoutResets(new Uint8Array(Buffer.concat(parts)))], onFlushed)
    return made
  }

  test('whoever waits for a place gets one, many times over', async () => {
    const { session } = await deafSession(2)
    for (let i = 0; i < 10; i++) {
      const lane = await session.openLane({ serviceId: 0, metadata: NONE })
      lane.reset(25)
    }
    await session.close()
    expect(await session.closed).toBeUndefined() // nothing else had ended it
  })

  test('and whoever reads on behind his reset hears that nothing more comes', async () => {
    const { session } = await deafSession(1)
    const lane = await session.openLane({ serviceId: 0, metadata: NONE, isReadOn: true })
    const reading = collect(lane.source)
    lane.reset(25)
    await expect(reading).rejects.toMatchObject({ code: 'HANDSHAKE_LANE_RESET', laneCode: 25 })
    await session.close()
  })
})
