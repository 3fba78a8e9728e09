/** What joined connections take and nobody has paid, in which epoch, and how the books hear of it: core against core. */
import { describe, expect, test } from 'vitest'
import { JOINED_UNSETTLED_MAX } from '../src/constants.ts'
import { encodeFrame, FRAME } from '../src/frames.ts'
import type { CoreLane } from '../src/lane-core.ts'
import { encodeEpoch } from '../src/payment-frames.ts'
import { drain, feed } from './cores.ts'
import {
  acknowledge,
  carry,
  codesIn,
  endingsOf,
  join,
  LANE_CREDIT,
  openJoined,
  READ,
  receivedOf,
  resetsOf,
  send,
  type Shared,
  shared,
  tokenOf,
} from './joined.ts'
import { framesOf, PRICE, WINDOW } from './paying.ts'

const NONE = new Uint8Array()

/** Books that let units begin while less than W is charged, and give up what goes with a connection. */
function chargeIn(world: Shared): { paid(bytes: number): void } {
  let charged = 0
  world.meter.allows = (_, unitBytes, isBegun) => {
    if (isBegun) return true
    if (charged >= WINDOW) return false
    charged += unitBytes
    return true
  }
  const paid = (bytes: number): void => {
    charged -= bytes
    world.meter.link.wake()
  }
  return { paid }
}

describe('what is not paid', () => {
  test('is charged to the session: its meter hears of each lane, unit and end under the lane’s own number', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    const { atClient, atNode } = openJoined(joined)
    send(joined, atNode, 5_000)
    joined.node.end(atNode, [])
    joined.client.end(atClient, [])
    carry(joined)
    expect([
      world.meter.toldOf('lane').map(([lane, service]) => [lane, service]),
      world.meter.toldOf('sent'),
      world.meter.toldOf('laneOver'),
    ]).toEqual([[[8_193, 0]], [[8_193, 5_000n, true]], [[8_193, 5_000n, 'ended']]])
  })

  test('nobody can make EPOCH too long: of lanes that no acknowledgement ends there are 1,024 on joined connections, and room again with the first', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    const open = (): CoreLane => {
      const { atClient, atNode } = openJoined(joined)
      send(joined, atNode, 9)
      joined.node.end(atNode, [])
      joined.client.end(atClient, [])
      carry(joined)
      return atClient
    }
    const first = open()
    for (let i = 1; i < JOINED_UNSETTLED_MAX; i++) open()
    expect(resetsOf(joined)).toEqual([])
    joined.client.open(0, Uint8Array.of(7), LANE_CREDIT)
    carry(joined)
    expect(resetsOf(joined)).toEqual([8])
    acknowledge(world, first.id, 9n)
    open()
    expect(resetsOf(joined)).toEqual([8])
  })

  test('a thief takes at most W and the unit that crosses it, over all connections that he makes, though the books give up what is gone', () => {
    const world = shared()
    const books = chargeIn(world)
    const token = tokenOf(world)
    const unit = 60_000
    let taken = 0
    for (let round = 0; round < 40; round++) {
      const joined = join(world, token)
      if (joined.client.phase !== 'open') break
      const { atNode } = openJoined(joined)
      send(
        joined,
        atNode,
        10 * unit,
        Array.from({ length: 10 }, (_, i) => (i + 1) * unit),
      )
      const received = receivedOf(joined)
      taken += received
      joined.node.lose('cut', [])
      books.paid(received) // given up
    }
    expect(taken).toBeGreaterThanOrEqual(WINDOW)
    expect(taken).toBeLessThan(WINDOW + unit)
    expect(endingsOf(join(world, token))).toEqual({ client: [7], node: [7] })
  })

  test('in small steps neither: who drops each connection before W is reached gets no more than W and a unit', () => {
    const world = shared()
    const token = tokenOf(world)
    let taken = 0
    for (let round = 0; round < 100; round++) {
      const joined = join(world, token)
      if (joined.client.phase !== 'open') break
      const { atNode } = openJoined(joined)
      send(joined, atNode, 30_000)
      taken += receivedOf(joined)
      joined.node.lose('cut', [])
    }
    expect(taken).toBeGreaterThan(WINDOW * 0.7)
    expect(taken).toBeLessThan(WINDOW)
  })

  test('nor in two: after what he lost, no more begins than is missing to W', () => {
    const world = shared()
    const books = chargeIn(world)
    const token = tokenOf(world)
    const first = join(world, token)
    send(first, openJoined(first).atNode, 150_000)
    first.node.lose('cut', [])
    books.paid(150_000)
    const second = join(world, token)
    const { atNode } = openJoined(second)
    send(
      second,
      atNode,
      600_000,
      Array.from({ length: 20 }, (_, i) => (i + 1) * 30_000),
    )
    expect(receivedOf(second)).toBe(120_000) // the unit that crosses W, and none after it
    acknowledge(world, 16_385, 120_000n)
    carry(second)
    expect(receivedOf(second)).toBe(240_000)
  })

  test('and when so much was lost, whoever else has joined goes with 7; a new epoch begins anew', () => {
    const world = shared()
    const token = tokenOf(world, { ...READ, ttlSeconds: 600 })
    const [honest, thief] = [join(world, token), join(world, token)]
    const { atNode } = openJoined(thief)
    send(thief, atNode, 200_000)
    thief.node.lose('cut', [])
    carry(honest)
    expect(endingsOf(honest)).toEqual({ client: [7], node: [7] })
    world.meter.link.epoch({ epoch: 6n, rand: new Uint8Array(16), priceVersion: 3, lanes: [] })
    expect(join(world, token).client.phase).toBe('open')
  })

  test('goes on as soon as it is, and the number of a connection is free again when all of it is acknowledged', () => {
    const world = shared()
    const books = chargeIn(world)
    const token = tokenOf(world)
    const joined = join(world, token)
    const { atNode } = openJoined(joined)
    send(joined, atNode, 600_000, [300_000, 600_000])
    expect(receivedOf(joined)).toBe(300_000)
    acknowledge(world, 8_193, 300_000n)
    books.paid(300_000)
    carry(joined)
    expect(receivedOf(joined)).toBe(600_000)
    joined.node.lose('cut', [])
    acknowledge(world, 8_193, 450_000n)
    expect(join(world, token).told.client[0]).toMatchObject({ welcome: { connection: 2 } })
    acknowledge(world, 8_193, 600_000n)
    expect(join(world, token).told.client[0]).toMatchObject({ welcome: { connection: 1 } })
  })

  test('what ended before its connection went is waited for, and given up where the books wait too', () => {
    for (const isStoppedFirst of [false, true]) {
      const world = shared()
      const joined = join(world, tokenOf(world))
      const { atClient, atNode } = openJoined(joined)
      joined.node.write(atNode, [new Uint8Array(5_000)], 'token', [5_000])
      joined.node.end(atNode, [])
      joined.client.end(atClient, [])
      carry(joined)
      if (isStoppedFirst) world.meter.link.window({ window: WINDOW, isStopped: true })
      joined.node.lose('cut', [])
      const ended = [8_193, 5_000n, 'ended']
      expect(world.meter.toldOf('laneOver')).toEqual(isStoppedFirst ? [ended, [8_193, 5_000n, 'reset-by-node']] : [ended])
      world.meter.link.ping(1n)
      world.meter.link.ping(2n)
      expect(world.meter.toldOf('laneOver')).toEqual([ended, [8_193, 5_000n, 'reset-by-node']])
      acknowledge(world, 8_193, 5_000n)
      expect(join(world, tokenOf(world)).told.client[0]).toMatchObject({ welcome: { connection: 1 } })
    }
  })

  test('what goes with its connection is the node’s to give up, and is told once', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    const { atNode } = openJoined(joined)
    send(joined, atNode, 5_000)
    joined.node.lose('cut', [])
    joined.node.lose('cut', [])
    expect(world.meter.toldOf('laneOver')).toEqual([[8_193, 5_000n, 'reset-by-node']])
    joined.client.lose('cut', [])
    expect(joined.reports.at(-1)).toMatchObject({ type: 'over', lane: 8_193, offset: 5_000n, how: 'session-over' })
  })
})

describe('an epoch', () => {
  const epochAt = (epoch: bigint, ...lanes: { lane: number; offset: bigint }[]) => ({
    epoch,
    rand: new Uint8Array(16).fill(Number(epoch)),
    priceVersion: 3,
    lanes,
  })

  test('is told on every connection in the same bytes, with the price before it where that is new', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.price({ ...PRICE, bytePrice: 11n })
    world.meter.link.epoch(epochAt(6n, { lane: 8_193, offset: 0n }))
    const [own, other] = [drain(world.node), drain(joined.node)]
    expect(framesOf(own).map(({ type }) => type)).toEqual([FRAME.price, FRAME.epoch])
    expect(other).toEqual(own)
    feed(world.client, own)
    feed(joined.client, other)
    expect([world.client.phase, joined.client.phase, world.payer.toldOf('epoch').length]).toEqual(['open', 'open', 1])
  })

  test('that ran before is the only one that who joins is told, and the next is the next', () => {
    const world = shared()
    for (const epoch of [6n, 7n]) world.meter.link.epoch(epochAt(epoch))
    const joined = join(world, tokenOfLate(world))
    openJoined(joined)
    expect(joined.reports).toMatchObject([{ type: 'lane', epoch: 7n }])
    feed(joined.client, encodeFrame(FRAME.epoch, 0, 0, encodeEpoch(epochAt(8n))))
    expect(joined.client.phase).toBe('open')
    feed(joined.client, encodeFrame(FRAME.epoch, 0, 0, encodeEpoch(epochAt(8n))))
    expect(codesIn(drain(joined.client))).toEqual([1])
  })

  test('that names a byte of a joined lane which has not come is 1', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    feed(joined.client, encodeFrame(FRAME.epoch, 0, 0, encodeEpoch(epochAt(6n, { lane: 8_193, offset: 1n }))))
    expect(codesIn(drain(joined.client))).toEqual([1])
  })

  const tokenOfLate = (world: Shared): Uint8Array => {
    feed(world.client, drain(world.node))
    return tokenOf(world)
  }
})

describe('a PING of the books', () => {
  const nonceOf = (bytes: Uint8Array): number[] => framesOf(bytes).flatMap(({ type, body }) => (type === FRAME.ping ? [body[0]!] : []))

  test('goes behind the data of each connection that owes, and is answered when all have answered', () => {
    const world = shared()
    const [owing, idle] = [join(world, tokenOf(world)), join(world, tokenOf(world))]
    const { atNode } = openJoined(owing)
    send(owing, atNode, 5_000)
    world.meter.link.ping(1n)
    expect([nonceOf(drain(idle.node)), drain(idle.node)]).toEqual([[], NONE])
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    expect(world.meter.toldOf('pong')).toEqual([])
    carry(owing)
    expect(world.meter.toldOf('pong')).toEqual([[1n, 0]])
  })

  test('is asked once more of connection 0 when the last that owed has left', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.ping(1n)
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    joined.node.lose('cut', [])
    expect([nonceOf(drain(world.node)), world.meter.toldOf('pong')]).toEqual([[1], []])
    feed(world.node, encodeFrame(FRAME.ping, 1, 0, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)), 9)
    expect(world.meter.toldOf('pong')).toEqual([[1n, 9]])
  })

  test('that one leaves unanswered until the books cut ends it with 16', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.ping(1n)
    drain(joined.node)
    world.meter.link.cut()
    carry(joined)
    expect(endingsOf(joined)).toEqual({ client: [16], node: [16] })
  })

  test('whose owner had answered goes on without the silent one, and is asked again', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    openJoined(joined)
    world.meter.link.ping(1n)
    drain(joined.node)
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    expect(world.meter.link.cut()).toBe(true)
    carry(joined)
    expect(endingsOf(joined)).toEqual({ client: [16], node: [16] })
    expect([world.node.phase, world.client.phase]).toEqual(['open', 'open'])
    world.meter.link.ping(2n)
    feed(world.client, drain(world.node))
    feed(world.node, drain(world.client))
    expect(world.meter.toldOf('pong').map(([nonce]) => nonce)).toEqual([2n])
  })

  test('the keep-alive’s answer of connection 0 is told as before, a joined one’s is not', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    feed(joined.node, encodeFrame(FRAME.ping, 1, 0, new Uint8Array(8)))
    feed(world.node, encodeFrame(FRAME.ping, 1, 0, new Uint8Array(8)), 4)
    expect(world.meter.toldOf('pong')).toEqual([[0n, 4]])
  })
})
