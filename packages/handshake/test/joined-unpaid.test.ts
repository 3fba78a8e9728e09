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
import { framesOf, PRICE, WINDOW } from './paying.ts'

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
    const unit = 60_000
    let taken = 0
    for (let round = 0; round < 40; round++) {
      const joined = join(world, tokenOf(world))
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
    expect(endingsOf(join(world, tokenOf(world)))).toEqual({ client: [7], node: [7] })
  })

  test('in small steps neither: who drops each connection before W is reached gets no more than W and a unit', () => {
    const world = shared()
    let taken = 0
    for (let round = 0; round < 100; round++) {
      const joined = join(world, tokenOf(world))
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

  /** A lane of so many bytes, to its end. */
  const whole = (joined: Joined, bytes: number): void => {
    const { atClient, atNode } = openJoined(joined)
    joined.node.write(atNode, [new Uint8Array(bytes)], 'token', [bytes])
    joined.node.end(atNode, [])
    joined.client.end(atClient, [])
    carry(joined)
  }

  test('what ended before its connection went is waited for as long as the books wait, then given up, once', () => {
    const world = shared()
    const joined = join(world, tokenOf(world))
    whole(joined, 5_000)
    const { link } = world.meter
    link.window({ window: WINDOW, isStopped: true })
    expect(link.giveUp()).toBe(false) // who has it is there
    joined.node.lose('cut', [])
    link.ping(1n)
    const ended = [8_193, 5_000n, 'ended']
    expect(world.meter.toldOf('laneOver')).toEqual([ended])
    suspend(world)
    expect(link.giveUp()).toBe(false) // who would sign for it is not
    resume(world)
    expect([link.giveUp(), link.giveUp()]).toEqual([true, false])
    expect(world.meter.toldOf('laneOver')).toEqual([ended, [8_193, 5_000n, 'reset-by-node']])
    acknowledge(world, 8_193, 5_000n)
    expect(join(world, tokenOf(world)).told.client[0]).toMatchObject({ welcome: { connection: 1 } })
  })

  test('nobody is sent away for what another one read to its end while its acknowledgement is under way', () => {
    const world = shared()
    const [gone, honest] = [join(world, tokenOf(world)), join(world, tokenOf(world))]
    whole(gone, 200_000)
    world.meter.link.window({ window: WINDOW, isStopped: true })
    gone.node.lose('cut', [])
    world.meter.link.ping(1n)
    carry(honest)
    acknowledge(world, 8_193, 200_000n)
    carry(honest)
    expect([endingsOf(honest), honest.client.phase]).toEqual([{ client: [], node: [] }, 'open'])
  })

  const windowTold = (world: Shared): unknown => {
    feed(world.client, drain(world.node))
    return world.payer.toldOf('window').at(-1)
  }

  test('the owner is told what others have left of W, so that the steps in which he acknowledges are never larger than that', () => {
    const world = shared()
    const [cut, gone] = [join(world, tokenOf(world)), join(world, tokenOf(world))]
    send(cut, openJoined(cut).atNode, 100_000)
    whole(gone, 50_000)
    cut.node.lose('cut', [])
    expect(windowTold(world)).toEqual([{ window: WINDOW - 100_000, isStopped: false }])
    gone.node.lose('cut', [])
    expect(windowTold(world)).toEqual([{ window: WINDOW - 150_000, isStopped: false }])
    acknowledge(world, 16_385, 50_000n)
    expect(windowTold(world)).toEqual([{ window: WINDOW - 100_000, isStopped: false }])
    world.meter.link.window({ window: 2 * WINDOW, isStopped: true })
    expect(windowTold(world)).toEqual([{ window: 2 * WINDOW - 100_000, isStopped: true }])
    world.meter.link.epoch({ epoch: 6n, rand: new Uint8Array(16), priceVersion: 3, lanes: [] })
    expect(windowTold(world)).toEqual([{ window: 2 * WINDOW, isStopped: true }])
  })

  test('where less of it is left than is ever acknowledged at once, who waits for it is sent away with 7', () => {
    const world = shared()
    const [cut, gone, waiting] = [1, 2, 3].map(() => join(world, tokenOf(world))) as [Joined, Joined, Joined]
    send(cut, openJoined(cut).atNode, 150_000)
    whole(gone, 100_000)
    for (const each of [cut, gone]) each.node.lose('cut', [])
    expect(endingsOf(waiting)).toEqual({ client: [], node: [] })
    send(waiting, openJoined(waiting).atNode, 60_000, [30_000, 60_000])
    expect([receivedOf(waiting), endingsOf(waiting)]).toEqual([30_000, { client: [7], node: [7] }])
  })

  test('an acknowledgement that the books only pass over frees no number, and a tick that they pass over lets nothing begin', () => {
    const world = shared()
    const books = chargeIn(world)
    const token = tokenOf(world)
    const first = join(world, token)
    send(first, openJoined(first).atNode, 150_000)
    first.node.lose('cut', [])
    books.paid(150_000)
    const second = join(world, tokenOf(world))
    const unitEnds = Array.from({ length: 20 }, (_, i) => (i + 1) * 30_000)
    send(second, openJoined(second).atNode, 600_000, unitEnds)
    expect(receivedOf(second)).toBe(120_000)
    const say = (answer: 'late' | undefined): void => {
      world.meter.tickAnswer = answer
      world.payer.link.tick({ epoch: 5n, serviceId: 0, index: 1, preimage: new Uint8Array(32) })
      feed(world.node, drain(world.client))
      books.paid(65_536)
      carry(second)
    }
    say('late')
    expect(receivedOf(second)).toBe(120_000)
    say(undefined)
    expect(receivedOf(second)).toBe(180_000)
    world.meter.ackAnswer = 'late'
    acknowledge(world, 8_193, 150_000n)
    expect([join(world, token).told.client[0], world.node.phase]).toMatchObject([{ welcome: { connection: 3 } }, 'open'])
    world.meter.ackAnswer = undefined
    acknowledge(world, 8_193, 150_000n)
    expect(join(world, tokenOf(world)).told.client[0]).toMatchObject({ welcome: { connection: 1 } })
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
