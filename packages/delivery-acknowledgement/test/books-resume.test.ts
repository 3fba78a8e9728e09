/** A session that loses its connection while it owes, and comes back, or does not: what the books and the payer make of it. */
import { expect, test } from 'vitest'
import {
  createWorld,
  groups,
  GROUP,
  KIB,
  Link,
  type LinkLane,
  MIB,
  nextEpoch,
  refusalOf,
  silentLink,
  type World,
} from './support/paid-link.ts'

const WINDOW = 256 * KIB
/** What one account may cost in an epoch. */
const LOSS_BYTES_MAX = 18 * MIB + 128 * KIB
const GRACE_MS = 3_000

/** The connection is gone, and all that was under way. */
function drop(link: Link): boolean {
  link.toClient.length = 0
  link.toNode.length = 0
  return link.meter.suspend!()
}

/** Another one: both say where they are. */
function comeBack(world: World, link: Link, received: (lane: LinkLane) => number = (lane) => lane.received): number | undefined {
  const lanes = [...link.lanes.values()].map((lane) => ({ lane: lane.id, received: received(lane), sent: lane.sent }))
  const code = link.meter.resume!(lanes, world.nowMs)
  if (code === undefined) link.payer.resume!({ epoch: world.epoch, chains: link.meter.chains! })
  return code
}

/** What was lost is sent again, and arrives. */
function catchUp(link: Link): void {
  for (const lane of link.lanes.values()) {
    link.meter.sent(lane.id, BigInt(lane.sent), false)
    link.toClient.push(() => {
      lane.received = lane.sent
      lane.verifiable = lane.sent - (lane.sent % GROUP)
    })
  }
}

function sendAll(link: Link): void {
  for (const lane of link.lanes.values()) while (link.pump(lane));
}

const open = (world: World, client = 1): Link => {
  const link = new Link(world, client)
  link.open(1, groups(400))
  link.deliver(link.toClient)
  return link
}

test('what a session owes leaves the window with its connection, makes it smaller, and comes back into it', () => {
  const world = createWorld()
  const [first, second] = [open(world), open(world)]
  sendAll(first)
  expect(second.pump(second.lanes.get(1)!)).toBe(false)
  expect(drop(first)).toBe(true)
  sendAll(second)
  expect(second.sentBytes).toBeGreaterThan(64 * KIB - GROUP)
  expect(second.sentBytes).toBeLessThanOrEqual(64 * KIB + GROUP) // the least window, while the whole of it is away
  expect(comeBack(world, first)).toBe(undefined)
  catchUp(first)
  for (const link of [first, second]) link.settle()
  expect([first.ackedBytes, second.ackedBytes]).toEqual([400 * GROUP, 400 * GROUP])
  expect(world.books.losses).toEqual({ writtenOffBytes: 0n, defaults: 0 })
  expect(first.windowMost).toBeGreaterThan(WINDOW)
})

test('acknowledgements that were lost are sent again, byte for byte and in order, and none twice', () => {
  const world = createWorld()
  const link = open(world)
  for (let frame = 0; frame < 10; frame++) link.pump(link.lanes.get(1)!)
  link.deliver(link.toClient)
  link.payer.verified(1, BigInt(5 * GROUP))
  link.payer.verified(1, BigInt(10 * GROUP))
  const signed = link.acks.length
  expect(signed).toBe(2)
  link.deliver(link.toNode, 1)
  drop(link)
  expect(comeBack(world, link)).toBe(undefined)
  expect(link.acks.slice(signed)).toEqual([link.acks[1]])
  catchUp(link)
  link.settle()
  expect([link.left, link.ackedBytes]).toEqual([undefined, 400 * GROUP])
  expect(link.payer.cost.bytes).toBe(BigInt(400 * GROUP))
})

test('an acknowledgement that is signed while there is no connection arrives over the next one', () => {
  const world = createWorld()
  const link = open(world)
  sendAll(link)
  link.deliver(link.toClient)
  drop(link)
  link.payer.verified(1, BigInt(8 * GROUP)) // its link says nothing
  link.toNode.length = 0
  comeBack(world, link)
  link.settle()
  expect([link.left, link.ackedBytes]).toEqual([undefined, 400 * GROUP])
})

test('one that does not come back has cost the node what it owed, and is in no default: the window stays as small as it is, and grows as any does', () => {
  const world = createWorld()
  const link = open(world)
  sendAll(link)
  const owed = link.sentBytes
  drop(link)
  link.close(undefined)
  expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(owed), defaults: 0 })
  const next = new Link(world, 1)
  expect(next.windowMost).toBe(64 * KIB)
  next.open(1, groups(150))
  next.settle()
  expect(next.ackedBytes).toBe(150 * GROUP)
  expect(next.windowMost).toBeGreaterThan(WINDOW) // in 2.4 MiB; after a default it would be 128 KiB
})

test('a client that pays, sleeps for an hour in the middle of what it reads and comes back with a new session is served as before', () => {
  const world = createWorld(3_600_000)
  const before = open(world)
  before.open(2, groups(4_000)) // much more than it has read when it falls asleep
  for (let round = 0; round < 60; round++) {
    for (const lane of before.lanes.values()) for (let frames = 20; frames > 0 && before.pump(lane); frames--);
    before.deliver(before.toClient)
    for (const { id, verifiable } of before.lanes.values()) before.payer.verified(id, BigInt(verifiable))
    before.deliver(before.toNode)
  }
  const grown = windowOf(world)
  expect(grown).toBeGreaterThan(2 * WINDOW)
  sendAll(before)
  const owed = before.sentBytes - before.ackedBytes
  expect(owed).toBeGreaterThan(0)
  drop(before)
  world.nowMs += 60_000 // as long as a session waits
  before.close(undefined)
  world.nowMs += 3_540_000
  const next = new Link(world, 1)
  next.open(1, groups(300)) // five megabytes: after a default the window would be a quarter of one
  next.settle()
  expect([next.left, next.ackedBytes]).toEqual([undefined, 300 * GROUP])
  expect(next.windowMost).toBeGreaterThanOrEqual(grown)
  expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(owed), defaults: 0 })
})

test('a client that makes its window grow and vanishes with it, again and again, takes no more than the bound in an epoch, and as much in the next', () => {
  const world = createWorld()
  for (let epoch = 0; epoch < 2; epoch++) {
    let taken = 0
    for (let times = 0; times < 60 && refusalOf(() => new Link(world, 1).close(undefined)) === undefined; times++) {
      const link = new Link(world, 1)
      link.open(1, groups(200))
      link.settle() // it pays for three megabytes
      link.open(2, groups(2_000))
      sendAll(link)
      taken += link.sentBytes - link.ackedBytes
      drop(link)
      link.close(undefined)
    }
    expect(refusalOf(() => new Link(world, 1))).toBe(11)
    expect(taken).toBeLessThanOrEqual(LOSS_BYTES_MAX)
    expect(taken).toBeGreaterThan(14 * MIB)
    expect(world.books.losses).toEqual({ writtenOffBytes: expect.any(BigInt), defaults: 0 })
    nextEpoch(world)
  }
})

test('one that owed nothing and does not come back has lost nothing', () => {
  const world = createWorld()
  const link = open(world)
  link.settle()
  drop(link)
  link.close(undefined)
  expect(world.books.losses).toEqual({ writtenOffBytes: 0n, defaults: 0 })
})

test('however many sessions of an account are dropped, it costs a node no more than 16 MiB and one unit in an epoch', () => {
  const world = createWorld()
  let sent = 0
  const links = Array.from({ length: 40 }, () => silentLink(world))
  for (const link of links) {
    link.open(1, [2 * MIB, 2 * MIB])
    sendAll(link)
    sent += link.sentBytes
    if (!link.isOver && !drop(link)) link.close(undefined)
  }
  expect(refusalOf(() => new Link(world, 1))).toBe(11)
  expect(sent).toBeLessThanOrEqual(18 * MIB + 128 * KIB)
  expect(sent).toBeGreaterThan(14 * MIB)
})

/** W of client 1's account now. */
function windowOf(world: World): number {
  const link = new Link(world, 1)
  link.close(undefined)
  return link.windowMost
}

test('a window does not grow by dropping: it comes back to what it was, and no further', () => {
  const world = createWorld()
  const [dropping, paying] = [open(world), open(world)]
  const before = windowOf(world)
  sendAll(dropping)
  drop(dropping)
  expect(windowOf(world)).toBe(64 * KIB)
  paying.settle() // and grows by itself, as far as it may
  const grown = windowOf(world)
  expect(grown).toBeGreaterThan(before)
  expect(comeBack(world, dropping)).toBe(undefined)
  expect(windowOf(world)).toBe(grown)
})

test('what an epoch closes over while there is no connection is not given back to the window', () => {
  const world = createWorld()
  const link = open(world)
  for (let frame = 0; frame < 10; frame++) link.pump(link.lanes.get(1)!)
  drop(link)
  nextEpoch(world)
  world.nowMs += GRACE_MS
  link.meter.due(world.nowMs)
  expect(world.books.losses.writtenOffBytes).toBe(BigInt(10 * GROUP))
  comeBack(world, link)
  expect(new Link(world, 1).windowMost).toBe(64 * KIB) // 256 KiB, less what was away, and half of that, not under 64 KiB
})

/** A lane in the middle of its only unit, left by its reader, whose node has answered and begun another epoch: the client heard neither. */
function leftInTheMiddle(world: World): Link {
  const link = new Link(world, 1)
  const lane = link.open(1, [MIB])
  for (let frame = 0; frame < 3; frame++) link.pump(lane)
  link.deliver(link.toClient)
  nextEpoch(world)
  link.meter.laneOver(1, BigInt(lane.sent), 'reset-by-client')
  lane.isOver = true
  return link
}
const backWithout = (world: World, link: Link): number | undefined => {
  const received = link.lanes.get(1)!.sent
  const code = link.meter.resume!([{ lane: 1, received, sent: undefined }], world.nowMs)
  link.payer.resume!({ epoch: world.epoch, chains: link.meter.chains! })
  link.payer.laneOver(1, BigInt(received), 'reset-by-client')
  return code
}

test('a client that has not heard of an epoch signs in the old one while that is open', () => {
  const world = createWorld()
  const link = leftInTheMiddle(world)
  const [epoch] = link.toClient.slice(-1)
  drop(link)
  link.payer.resume!({ epoch: world.epoch - 1n, chains: [] })
  expect(link.meter.resume!([{ lane: 1, received: link.sentBytes, sent: undefined }], 0)).toBe(undefined)
  link.payer.laneOver(1, BigInt(link.sentBytes), 'reset-by-client')
  link.toClient.push(epoch!)
  link.settle()
  expect([link.left, link.ackedBytes]).toEqual([undefined, link.sentBytes])
})

test('and in the new one, as soon as it hears of it, where the old one is closed', () => {
  const world = createWorld()
  const link = leftInTheMiddle(world)
  const [epoch] = link.toClient.slice(-1)
  drop(link)
  world.nowMs += GRACE_MS
  link.meter.due(world.nowMs)
  expect(backWithout(world, link)).toBe(undefined)
  expect(link.toNode).toEqual([])
  link.toClient.push(epoch!)
  link.deliver(link.toClient)
  expect(link.deliver(link.toNode)).toBe(true)
  expect([link.left, link.ackedBytes]).toEqual([undefined, link.sentBytes])
})

test('eight sessions of an account wait at once; the ninth ends with its connection', () => {
  const world = createWorld()
  const links = Array.from({ length: 9 }, () => new Link(world, 1))
  expect(links.map((link) => drop(link))).toEqual([...Array<boolean>(8).fill(true), false])
})

test.each([
  ['less than it acknowledged', () => 4 * GROUP, 1],
  ['more than was sent', (lane: LinkLane) => lane.sent + 1, 1],
] as const)('a client that says it has %s is sent away', (_, received, code) => {
  const world = createWorld()
  const link = open(world)
  sendAll(link)
  link.deliver(link.toClient)
  link.payer.verified(1, BigInt(5 * GROUP))
  link.deliver(link.toNode)
  drop(link)
  expect(comeBack(world, link, received)).toBe(code)
})

test('a lane that is acknowledged whole is not sent again', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  link.open(1, groups(3))
  link.settle()
  expect(link.ackedBytes).toBe(3 * GROUP)
  drop(link)
  expect(comeBack(world, link, () => 0)).toBe(1)
})

test('a client that has everything sent again without end is sent away with 7', () => {
  const world = createWorld()
  const link = silentLink(world)
  link.open(1, [2 * MIB])
  sendAll(link)
  let rounds = 0
  let code: number | undefined
  while (code === undefined) {
    drop(link)
    code = comeBack(world, link, () => 0)
    rounds++
  }
  expect([code, rounds]).toEqual([7, 10])
})

test('what was lost of a lane that its reader left is lost to the node, and stands in no window', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const lane = link.open(1, groups(8))
  sendAll(link)
  link.deliver(link.toClient, 4) // the answer, and three units
  link.meter.laneOver(1, BigInt(lane.sent), 'reset-by-client')
  lane.isOver = true
  drop(link)
  expect(link.meter.resume!([{ lane: 1, received: lane.received, sent: undefined }], 0)).toBe(undefined)
  expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(lane.sent - lane.received), defaults: 0 })
  link.payer.resume!({ epoch: world.epoch, chains: link.meter.chains! })
  link.payer.laneOver(1, BigInt(lane.received), 'reset-by-client')
  link.settle()
  expect([link.left, link.ackedBytes]).toEqual([undefined, lane.received])
})

test('a stopped node waits for a client that is back only when it has all that was sent', () => {
  const world = createWorld()
  const link = open(world)
  sendAll(link)
  expect(link.deliver(link.toClient)).toBe(true)
  expect(link.isStopped).toBe(true)
  drop(link)
  expect(link.meter.deadlineMs).toBe(Number.POSITIVE_INFINITY)
  comeBack(world, link, () => 0)
  while (link.pump(link.lanes.get(1)!));
  link.deliver(link.toClient)
  expect([link.isStopped, link.meter.deadlineMs]).toEqual([true, Number.POSITIVE_INFINITY])
  catchUp(link)
  expect(link.meter.deadlineMs).toBe(30_000) // PING is on its way
})

test('an epoch that closes while there is no connection: what was not acknowledged is lost, halves the window, and is no default', () => {
  const world = createWorld()
  const link = open(world)
  sendAll(link)
  link.deliver(link.toClient)
  link.payer.verified(1, BigInt(4 * GROUP))
  link.deliver(link.toNode)
  drop(link)
  link.payer.verified(1, BigInt(8 * GROUP)) // of an epoch that the node will not take any more
  link.toNode.length = 0
  const [late] = link.acks.slice(-1)
  nextEpoch(world)
  const frames = link.toClient.splice(0) // EPOCH, which the session says again
  world.nowMs += GRACE_MS
  link.meter.due(world.nowMs)
  const lost = BigInt(link.sentBytes - link.ackedBytes)
  expect(world.books.losses).toEqual({ writtenOffBytes: lost, defaults: 0 })
  expect(comeBack(world, link)).toBe(undefined)
  expect(link.toNode).toEqual([])
  link.toClient.unshift(...frames)
  catchUp(link)
  link.sendAck(late!)
  link.settle()
  expect(link.left).toBe(undefined)
  expect(BigInt(link.ackedBytes) + lost).toBeGreaterThanOrEqual(BigInt(400 * GROUP))
  expect(world.books.losses).toEqual({ writtenOffBytes: lost, defaults: 0 })
})
