/** Ticks that a node does not take: each ends the session, and what was kept stays. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { createTickChain, decodeAcknowledgement, encodeAcknowledgement, signAcknowledgement } from '@selvedge/delivery-acknowledgement'
import type { TickFrame } from '@selvedge/delivery-acknowledgement/client'
import { expect, test } from 'vitest'
import { contentAfter, laneDigestOf } from '../src/content-chain.ts'
import { createWorld, GROUP, groups, Link } from './support/paid-link.ts'
import { amountOf, CHAIN, kept, LENGTH, say, SIGNED, TICK, tickAt, tickedTwice, tickingLink, verifyGroups } from './support/ticking.ts'
import { delegationOf, EPOCH, seedOf } from './support/world.ts'

test('the newest tick said again moves nothing; said for ever, it ends the session with 7', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  const before = [link.meter.allow(1, GROUP, false), kept(world)]
  expect(say(link, tickAt(2))).toBe(undefined)
  expect([link.meter.allow(1, GROUP, false), kept(world)]).toEqual(before)
  for (let count = 0; count < 1_000 && link.left === undefined; count++) say(link, tickAt(2))
  expect([link.left, kept(world)]).toEqual([7, [{ index: 2, amount: amountOf(SIGNED + 2 * TICK) }]])
})

const OTHER = createTickChain(seedOf(1), LENGTH)
test.each<[string, TickFrame]>([
  ['the one before the newest', tickAt(1)],
  ['the newest, with another element', tickAt(2, { preimage: CHAIN.at(3) })],
  ['the anchor', tickAt(0)],
  ['index 0, with nothing', tickAt(0, { preimage: new Uint8Array(32) })],
  ['an element that lies further than it says', tickAt(3, { preimage: CHAIN.at(4) })],
  ['an element that lies nearer than it says', tickAt(4, { preimage: CHAIN.at(3) })],
  ['an element of another chain', tickAt(3, { preimage: OTHER.at(3) })],
  ['an element that is cut', tickAt(3, { preimage: CHAIN.at(3).subarray(0, 31) })],
  ['an element that is too long', tickAt(3, { preimage: Uint8Array.of(...CHAIN.at(3), 0) })],
  ['more than was sent', tickAt(11)],
  ['the last that an anchor has', tickAt(256)],
  ['one beyond', tickAt(257)],
  ['the highest index there is', tickAt(65_535)],
  ['one of a service without a chain', tickAt(3, { serviceId: 1 })],
  ['one of an epoch that is not yet', tickAt(3, { epoch: EPOCH + 1n })],
])('%s is refused with 12, and what was kept stays', (_, frame) => {
  const world = createWorld()
  const link = tickedTwice(world)
  expect(say(link, frame)).toBe(12)
  expect(kept(world)).toEqual([{ index: 2, amount: amountOf(SIGNED + 2 * TICK) }])
})

test('the control of the table above: the next one is taken', () => {
  const world = createWorld()
  const link = tickedTwice(world)
  expect(say(link, tickAt(3))).toBe(undefined)
  expect(kept(world)).toEqual([{ index: 3, amount: amountOf(SIGNED + 3 * TICK) }])
})

test('one of an epoch that was closed before is refused with 18', () => {
  expect(say(tickedTwice(), tickAt(3, { epoch: EPOCH - 1n }))).toBe(18)
})

test('each bit of a tick, flipped, ends the session, and pays nothing', () => {
  const good = tickAt(3)
  const flips: TickFrame[] = [
    ...Array.from({ length: 64 }, (_, bit) => ({ ...good, epoch: good.epoch ^ (1n << BigInt(bit)) })),
    ...Array.from({ length: 32 }, (_, bit) => ({ ...good, serviceId: (good.serviceId ^ (1 << bit)) >>> 0 })),
    ...Array.from({ length: 16 }, (_, bit) => ({ ...good, index: good.index ^ (1 << bit) })),
    ...Array.from({ length: 256 }, (_, bit) => {
      return { ...good, preimage: good.preimage.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)) }
    }),
  ]
  for (const flipped of flips) {
    const world = createWorld()
    const link = tickedTwice(world)
    expect([12, 18]).toContain(say(link, flipped))
    expect(kept(world)).toEqual([{ index: 2, amount: amountOf(SIGNED + 2 * TICK) }])
  }
})

test('before an acknowledgement, behind one without an anchor, behind FINAL and behind the one after it, there is no tick', () => {
  const early = tickingLink(createWorld())
  early.open(1, groups(400))
  while (early.pump(early.lanes.get(1)!));
  const plain = new Link(createWorld(), 1)
  plain.open(1, groups(400))
  verifyGroups(plain, 4)
  plain.deliver(plain.toNode)
  expect(plain.acks.length).toBe(1)
  const final = tickedTwice()
  final.payer.finish()
  final.deliver(final.toNode)
  const replayed = tickedTwice()
  replayed.payer.flush()
  replayed.deliver(replayed.toNode)
  expect(replayed.acks.length).toBe(2)
  const shown = tickAt(1, { preimage: CHAIN.at(3) }) // under the anchor that was shown last
  expect([say(early, tickAt(1)), say(plain, tickAt(1)), say(final, shown), say(replayed, tickAt(2))]).toEqual([12, 12, 12, 12])
  const next = tickedTwice()
  next.payer.flush()
  next.deliver(next.toNode)
  expect(say(next, shown)).toBe(undefined)
})

test.each([
  [2 * TICK - 1, 12],
  [2 * TICK, undefined],
])('an acknowledgement of %i bytes behind two ticks ends with %s', (bytes, code) => {
  const link = tickedTwice()
  const { signature: _, ...last } = decodeAcknowledgement(link.acks.at(-1)!.acknowledgement)
  const [from, to] = [last.cumBytes, last.cumBytes + BigInt(bytes)]
  const digest = laneDigestOf(Uint8Array.of(1, 1), Uint8Array.of(2)) // of the link's lane 1
  const change = { seq: 2, cumBytes: to, cumPrice: amountOf(Number(to)), contentRoot: contentAfter(last.contentRoot, digest, from, to) }
  const acknowledgement = encodeAcknowledgement(signAcknowledgement({ ...last, ...change }, createKeyPair(seedOf(1)).sign))
  link.sendAck({ acknowledgement, lanes: [{ lane: 1, verifiedOffset: to }] })
  link.deliver(link.toNode)
  expect(link.left).toBe(code)
})

test('a tick beyond what the delegation allows ends the session with 14', () => {
  const link = tickingLink(createWorld(), delegationOf(1, { spendCap: 1n }))
  link.open(1, groups(1))
  link.deliver(link.toClient)
  link.meter.sent(1, 600_000n, true) // more than the books let out under that cap
  link.payer.verified(1, BigInt(TICK))
  link.deliver(link.toNode)
  const short = createTickChain(seedOf(900), 4) // what a µUSD pays for
  expect(say(link, tickAt(1, { preimage: short.at(1) }))).toBe(undefined)
  expect(say(link, tickAt(3, { preimage: short.at(3) }))).toBe(14)
})
