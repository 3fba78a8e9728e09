/** Ticks at the node: what is taken, what the window makes of it, what is kept and claimed. What is refused: books-ticks-refused.test.ts. */
import {
  buildClaim,
  checkAcknowledgement,
  checkAnswer,
  type ClaimedSession,
  debitAt,
  DEBITS_START,
  encodeDebits,
} from '@selvedge/delivery-acknowledgement'
import { createFileAckStore } from '@selvedge/delivery-acknowledgement/node'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createWorld, GROUP, groups, KIB, type Link, nextEpoch, rulesAt, type World } from './support/paid-link.ts'
import { amountOf, kept, say, SIGNED, stream, TICK, tickAt, tickedTwice, tickingLink, verifyGroups } from './support/ticking.ts'
import { EPOCH, seedOf } from './support/world.ts'

const GRACE_MS = 3_000
const WINDOW = 256 * KIB

test('a client that ticks is served to the last byte, pays for each once, and signs for one in many', () => {
  const world = createWorld()
  const link = tickingLink(world)
  link.open(1, groups(1_400))
  link.open(2, groups(300), 1)
  stream(link)
  expect([link.left, link.ackedBytes, link.payer.cost.bytes]).toEqual([undefined, 1_700 * GROUP, BigInt(1_700 * GROUP)])
  expect(link.ticks.length).toBeGreaterThan(100)
  expect(link.acks.length).toBeLessThan(20)
  link.payer.finish()
  link.settle()
  link.close(undefined)
  expect(world.books.losses).toEqual({ writtenOffBytes: 0n, defaults: 0 })
  expect(kept(world).map(({ amount }) => amount)).toEqual([amountOf(1_400 * GROUP), amountOf(300 * GROUP)])
})

test('a tick gives the window back what it says, and the acknowledgement behind it what it says more', () => {
  const link = tickedTwice()
  const out = (): number => link.sentBytes - link.ackedBytes - link.tickedBytes
  expect(link.tickedBytes).toBe(2 * TICK)
  expect(out()).toBeGreaterThan(link.windowMost - GROUP)
  expect(out()).toBeLessThanOrEqual(link.windowMost + GROUP)
  link.payer.flush()
  link.deliver(link.toNode)
  while (link.pump(link.lanes.get(1)!));
  expect([link.left, link.ackedBytes, link.tickedBytes]).toEqual([undefined, 12 * GROUP, 0])
  expect(out()).toBeLessThanOrEqual(link.windowMost + GROUP)
})

test('what is kept, claimed and opened is the acknowledgement with its newest tick, payable by the ledger’s rules', async () => {
  const world = createWorld()
  tickedTwice(world)
  expect(kept(world)).toEqual([{ index: 2, amount: amountOf(SIGNED + 2 * TICK) }])
  nextEpoch(world)
  world.nowMs = GRACE_MS
  world.books.takeEpoch(EPOCH)
  await Promise.resolve()
  const taken = world.books.takeEpoch(EPOCH)!
  const { tree, debits, openPoints } = buildClaim(taken)
  expect(tree.total).toBe(amountOf(SIGNED + 2 * TICK))
  const points = Array.from({ length: Number(tree.total) }, (_, point) => BigInt(point))
  const openings = points.map((point) => ({ ...taken[0]!.evidence, path: tree.prove(tree.indexAt(point)) }))
  const bytes = encodeDebits(debits)
  const judge = (index: number): string => {
    const lied = openings.map((opening) => ({ ...opening, tick: { ...opening.tick, index } }))
    return checkAnswer(tree, points, lied, rulesAt(EPOCH), (point) => debitAt(DEBITS_START, bytes, point)).verdict
  }
  expect([judge(2), judge(1), judge(3)]).toEqual(['true', 'false', 'false'])
  expect(openPoints(seedOf(3), 0).length).toBe(64)
})

test('indices may be left out', () => {
  const link = tickedTwice()
  expect(say(link, tickAt(5))).toBe(undefined)
  expect(link.tickedBytes).toBe(5 * TICK)
})

test('a stopped node takes a tick for progress: its clock starts again', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  link.distort = () => []
  link.deliver(link.toClient)
  link.deliver(link.toNode)
  const { deadlineMs } = link.meter
  expect([link.isStopped, Number.isFinite(deadlineMs)]).toEqual([true, true])
  world.nowMs = deadlineMs - 1
  expect(say(link, tickAt(3))).toBe(undefined)
  link.meter.due(deadlineMs)
  expect([link.left, world.books.losses.defaults]).toEqual([undefined, 0])
})

test('what ticks said of an epoch that closes unsigned is paid, and only the rest is written off', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  link.distort = () => []
  nextEpoch(world)
  const sent = link.sentBytes
  expect(say(link, tickAt(3))).toBe(undefined) // of a client that has not heard of it
  while (link.pump(link.lanes.get(1)!));
  expect(link.sentBytes).toBeGreaterThan(sent + TICK / 2) // of the new epoch: no tick of the old one is for that
  world.nowMs = GRACE_MS
  link.meter.due(GRACE_MS)
  const lost = sent - SIGNED - 3 * TICK
  expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(lost), defaults: 0 })
  expect(world.store.all(EPOCH)[0]).toMatchObject({ amount: amountOf(SIGNED + 3 * TICK), evidence: { tick: { index: 3 } } })
  expect(say(link, tickAt(4))).toBe(18)
  expect(world.books.losses.writtenOffBytes).toBe(BigInt(link.sentBytes - SIGNED - 3 * TICK))
})

test('over a change of epoch with ticks under way every byte is paid once', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  nextEpoch(world)
  link.settle()
  link.payer.finish()
  link.settle()
  link.close(undefined)
  expect([link.ackedBytes, link.payer.cost.bytes]).toEqual([400 * GROUP, BigInt(400 * GROUP)])
  expect(world.books.losses).toEqual({ writtenOffBytes: 0n, defaults: 0 })
  const chains = [EPOCH, EPOCH + 1n].flatMap((epoch) => world.store.all(epoch))
  const cumBytes = chains.map(({ evidence }) => Number(evidence.acknowledgement.cumBytes))
  expect([chains.length, cumBytes.reduce((sum, bytes) => sum + bytes, 0)]).toEqual([2, 400 * GROUP])
})

test('of a lane that the node gives up, what ticks said is not written off, whatever is signed for afterwards', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  const lane = link.lanes.get(1)!
  link.resetByNode(lane)
  expect(world.books.losses.writtenOffBytes).toBe(BigInt(lane.sent - SIGNED - 2 * TICK))
  link.deliver(link.toClient)
  link.deliver(link.toNode) // the client signs for what it verified
  expect([link.left, link.tickedBytes, world.books.losses.writtenOffBytes]).toEqual([undefined, 0, BigInt(lane.sent - 12 * GROUP)])
  link.settle() // and for what it verifies later
  expect([link.left, link.ackedBytes, world.books.losses.writtenOffBytes]).toEqual([undefined, lane.sent, 0n])
})

test('of ticks that meant another lane than the one that was given up, the loss is known with the signature', () => {
  const world = createWorld()
  const link = tickingLink(world)
  const [given, other] = [link.open(1, groups(3)), link.open(2, groups(40))]
  for (let group = 1; group <= 8; group++) link.pump(other)
  link.deliver(link.toClient)
  for (let group = 1; group <= 8; group++) link.payer.verified(2, BigInt(group * GROUP))
  link.deliver(link.toNode)
  expect(link.ticks.map(({ index }) => index)).toEqual([1])
  link.pump(given)
  link.pump(given)
  link.resetByNode(given)
  expect(world.books.losses.writtenOffBytes).toBe(0n) // a tick says more than it had: it may have been this lane
  link.payer.flush()
  link.deliver(link.toNode)
  expect([link.left, world.books.losses.writtenOffBytes]).toEqual([undefined, BigInt(given.sent)])
})

/** The connection is gone, and all that was under way; the other one is there, and both say where they are. */
function reconnect(world: World, link: Link): void {
  link.toClient.length = 0
  link.toNode.length = 0
  expect(link.meter.suspend!()).toBe(true)
  const lanes = [...link.lanes.values()].map((lane) => ({ lane: lane.id, received: lane.received, sent: lane.sent }))
  expect(link.meter.resume!(lanes, world.nowMs)).toBe(undefined)
  link.payer.resume!({ epoch: world.epoch, chains: link.meter.chains! })
  for (const lane of link.lanes.values()) {
    link.meter.sent(lane.id, BigInt(lane.sent), false)
    link.toClient.push(() => {
      lane.received = lane.sent
      lane.verifiable = lane.sent - (lane.sent % GROUP)
    })
  }
}

test.each([
  ['arrived', true],
  ['were lost', false],
])('ticks that %s with a connection are said again, and count once', (_, isArrived) => {
  const world = createWorld()
  const link = tickingLink(world)
  link.open(1, groups(400))
  verifyGroups(link, 4)
  link.deliver(link.toNode)
  verifyGroups(link, 8)
  if (isArrived) link.deliver(link.toNode)
  reconnect(world, link)
  link.deliver(link.toNode)
  expect([link.left, link.tickedBytes, kept(world)[0]?.index]).toEqual([undefined, 2 * TICK, 2])
  link.settle()
  expect([link.left, link.ackedBytes, world.books.losses.writtenOffBytes]).toEqual([undefined, 400 * GROUP, 0n])
})

test('who says ticks for a lane, and then that its end never arrived, has no larger window for it', () => {
  const world = createWorld()
  const link = tickingLink(world)
  const lane = link.open(1, groups(12))
  verifyGroups(link, 11)
  while (link.pump(lane));
  link.deliver(link.toNode)
  expect([say(link, tickAt(2)), link.tickedBytes]).toEqual([undefined, 2 * TICK])
  link.meter.suspend!()
  expect(link.meter.resume!([{ lane: 1, received: SIGNED, sent: undefined }], world.nowMs)).toBe(undefined)
  expect(world.books.losses.writtenOffBytes).toBe(BigInt(12 * GROUP - SIGNED - 2 * TICK))
  const next = link.open(2, groups(200))
  while (link.pump(next));
  expect(next.sent).toBeLessThanOrEqual(link.windowMost + GROUP)
  expect(next.sent).toBeGreaterThan(link.windowMost - GROUP)
})

test('what ticks said is no part of what is away with a session, nor of what is lost with it', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  link.toClient.length = 0
  link.toNode.length = 0
  link.meter.suspend!()
  link.close(undefined)
  expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(link.sentBytes - SIGNED - 2 * TICK), defaults: 0 })
})

test('after a kill the newest tick that was on disk is there, and is claimed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'acks-'))
  try {
    const [own, killed] = [join(folder, 'own'), join(folder, 'killed')]
    const store = await createFileAckStore(own)
    const link = tickedTwice(createWorld(60_000, store))
    expect(say(link, tickAt(3))).toBe(undefined)
    await store.flush()
    await cp(own, killed, { recursive: true }) // as a kill leaves it
    await store.stop()
    const again = await createFileAckStore(killed)
    const world = createWorld(60_000, again)
    const amount = amountOf(SIGNED + 3 * TICK)
    expect(kept(world)).toEqual([{ index: 3, amount }])
    nextEpoch(world)
    world.nowMs = GRACE_MS
    world.books.takeEpoch(EPOCH)
    await again.flush()
    const [{ evidence, leaf }] = world.books.takeEpoch(EPOCH) as [ClaimedSession]
    expect(checkAcknowledgement(evidence, rulesAt(EPOCH))).toMatchObject({ isPayable: true, amount })
    expect(leaf).toMatchObject({ tickIndex: 3, amount })
    await again.stop()
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a window of ticks alone: the client that never signs again is served 16 MiB and its window, and then no more', () => {
  const world = createWorld()
  const link = tickingLink(world)
  link.distort = (frame) => (link.acks.length > 1 ? [] : [frame])
  link.distortTick = (frame) => (link.acks.length > 1 ? [] : [frame]) // it would be behind an acknowledgement that never came
  link.open(1, groups(2_000))
  stream(link)
  expect([link.isStopped, link.ackedBytes, link.tickedBytes]).toEqual([true, SIGNED, 256 * TICK])
  expect(link.sentBytes - SIGNED - 256 * TICK).toBeLessThanOrEqual(link.windowMost + GROUP)
  expect(link.windowMost).toBeGreaterThan(WINDOW)
  expect(say(link, tickAt(257))).toBe(12)
})
