/** The node's books against clients that pay, pay less, pay late, and do not pay. */
import type { AckFrame } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { createWorld, GROUP, groups, KIB, Link, MIB, nextEpoch, refusalOf, silentLink, type World } from './support/paid-link.ts'

/** Lets the stopped node's clock run out, with the PONG of a client that is still there. */
function waitOut(world: World, link: Link): void {
  link.settle()
  world.nowMs = link.meter.deadlineMs
  link.meter.due(world.nowMs)
}

test('an honest client is served to the last byte and pays for each once, nobody is in default', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  link.open(1, groups(400))
  link.open(2, [MIB, 2 * MIB + 100, 300])
  link.settle()
  const sent = 400 * GROUP + 3 * MIB + 400
  expect([link.left, link.sentBytes, link.ackedBytes]).toEqual([undefined, sent, sent])
  expect(link.payer.cost.bytes).toBe(BigInt(sent))
  link.close(undefined)
  expect(world.books.losses).toEqual({ writtenOffBytes: 0n, defaults: 0 })
})

test('the window doubles while it is used, and not for a client that has no use for it', () => {
  const world = createWorld()
  const fast = new Link(world, 1)
  fast.open(1, groups(4_000))
  fast.settle()
  expect(fast.windowMost).toBe(16 * MIB)
  const slow = new Link(world, 2)
  const lane = slow.open(1, groups(400))
  while (!lane.isOver) {
    slow.pump(lane)
    slow.deliver(slow.toClient)
    slow.payer.verified(1, BigInt(lane.verifiable))
    slow.payer.flush()
    slow.deliver(slow.toNode)
  }
  expect([slow.left, slow.windowMost]).toEqual([undefined, 256 * KIB])
})

test('one that signs nothing is stopped at the window and one unit, told so, and sent away with 11', () => {
  const world = createWorld()
  const link = silentLink(world)
  link.open(1, groups(400))
  link.open(2, [MIB, 2 * MIB])
  link.settle()
  expect([link.isStopped, link.left]).toEqual([true, undefined])
  expect(link.sentBytes).toBeLessThanOrEqual(256 * KIB + MIB)
  expect(link.sentBytes).toBeGreaterThan(240 * KIB)
  waitOut(world, link)
  expect([link.left, world.books.losses]).toEqual([11, { writtenOffBytes: BigInt(link.sentBytes), defaults: 1 }])
  const again = silentLink(world)
  again.open(1, groups(400))
  again.settle()
  expect(again.windowMost).toBe(64 * KIB)
  expect(again.sentBytes).toBeLessThanOrEqual(64 * KIB + GROUP)
})

test('the clock runs from PONG: two seconds, and longer over a slow road; without PONG the connection is idle', () => {
  const world = createWorld()
  const link = silentLink(world)
  link.open(1, groups(400))
  for (const lane of link.lanes.values()) while (link.pump(lane));
  expect(link.meter.deadlineMs).toBe(30_000)
  world.nowMs = 900
  link.settle()
  expect(link.meter.deadlineMs).toBe(900 + 4 * 900)
  const mute = silentLink(createWorld(), 2)
  mute.pongs = false
  mute.open(1, groups(400))
  mute.settle()
  mute.meter.due(29_999)
  expect(mute.left).toBe(undefined)
  mute.meter.due(30_000)
  expect(mute.left).toBe(16)
})

test('one that signs for half of everything is stopped with at most a window and a unit unpaid', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const lane = link.open(1, groups(4_000))
  for (let round = 0; round < 2_000 && link.left === undefined; round++) {
    while (link.pump(lane));
    link.deliver(link.toClient)
    const half = Math.floor(lane.verifiable / 2)
    if (half > lane.acked) link.payer.verified(1, BigInt(half))
    else if (link.isStopped && link.toNode.length === 0 && link.toClient.length === 0) {
      world.nowMs = link.meter.deadlineMs
      link.meter.due(world.nowMs)
    }
    link.deliver(link.toNode)
    expect(lane.sent - lane.acked).toBeLessThanOrEqual(link.windowMost + GROUP)
  }
  expect([link.left, world.books.losses.defaults]).toEqual([11, 1])
})

test('a new session does not forget: an account that left with bytes unpaid has so much less, and in the end none in this epoch', () => {
  const world = createWorld()
  let lost = 0
  let refused: number | undefined
  for (let round = 0; round < 1_000 && refused === undefined; round++) {
    refused = refusalOf(() => {
      const link = silentLink(world)
      link.open(1, [2 * MIB, 2 * MIB])
      link.settle()
      lost += link.sentBytes
      link.close(undefined)
    })
  }
  expect(refused).toBe(11)
  expect(lost).toBeLessThanOrEqual(18 * MIB + 128 * KIB)
  expect(lost).toBeGreaterThanOrEqual(14 * MIB)
  nextEpoch(world)
  expect(refusalOf(() => new Link(world, 1))).toBe(undefined)
})

test('a stopped session that acknowledges in time goes on, and each unit that waits goes one by one', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const held: AckFrame[] = []
  link.distort = (frame) => {
    held.push(frame)
    return []
  }
  link.open(1, groups(100))
  link.settle()
  expect(link.isStopped).toBe(true)
  link.distort = (frame) => [frame]
  for (const frame of held) link.sendAck(frame)
  link.settle()
  expect([link.left, link.isStopped, link.ackedBytes]).toEqual([undefined, false, 100 * GROUP])
})

test('what the node itself gave up is written off at once, and taken when it is acknowledged nevertheless', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const lane = link.open(1, groups(8))
  for (let frame = 0; frame < 4; frame++) link.pump(lane)
  link.resetByNode(lane)
  expect(world.books.losses.writtenOffBytes).toBe(BigInt(lane.sent))
  link.settle()
  expect([link.left, link.ackedBytes, world.books.losses.writtenOffBytes]).toEqual([undefined, lane.sent, 0n])
})

test('a seek leaves nothing in the window: the client signs for what was under way', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  for (let id = 1; id <= 50; id++) {
    const lane = link.open(id, groups(20))
    for (let frame = 0; frame < 6; frame++) link.pump(lane)
    link.reset(lane)
    link.settle()
  }
  expect([link.left, link.ackedBytes, world.books.losses.writtenOffBytes]).toEqual([undefined, link.sentBytes, 0n])
})

test('what ended on a connection that is gone is given up when the clock runs out, and not the session; nothing else is', () => {
  const world = createWorld()
  const link = silentLink(world)
  const lane = link.open(1, groups(10))
  while (link.pump(lane));
  lane.isGone = true
  link.open(2, groups(400))
  waitOut(world, link)
  expect([link.left, world.books.losses]).toEqual([undefined, { writtenOffBytes: BigInt(10 * GROUP), defaults: 0 }])
  waitOut(world, link)
  expect([link.left, world.books.losses]).toEqual([11, { writtenOffBytes: BigInt(link.sentBytes), defaults: 1 }])
})

test('an acknowledgement that comes before the clock has run out is taken, and nothing is given up', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const lane = link.open(1, groups(10))
  while (link.pump(lane));
  lane.isGone = true
  link.open(2, groups(400))
  link.settle()
  expect([link.left, link.ackedBytes, world.books.losses]).toEqual([undefined, 410 * GROUP, { writtenOffBytes: 0n, defaults: 0 }])
})
