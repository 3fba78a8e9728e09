/** Two epochs at once: what is paid in which, what is claimed, and what is lost. */
import { buildClaim, checkAcknowledgement } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { createWorld, GROUP, groups, KIB, Link, nextEpoch, rulesAt } from './support/paid-link.ts'
import { PRICE } from './support/paying.ts'
import { delegationOf, EPOCH } from './support/world.ts'

test('over a change of epoch every byte is paid once, in the epoch to which it belongs, and both are claimed', async () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const lane = link.open(1, groups(400))
  for (let frame = 0; frame < 10; frame++) link.pump(lane)
  nextEpoch(world)
  link.settle()
  link.payer.finish()
  link.settle()
  link.close(undefined)
  expect(link.payer.cost.bytes).toBe(BigInt(400 * GROUP))
  expect(world.books.losses.writtenOffBytes).toBe(0n)
  expect(world.books.takeEpoch(EPOCH)).toBe(undefined) // its grace is not over
  world.nowMs = 3_000
  expect(world.books.takeEpoch(EPOCH)).toBe(undefined) // it is not known to be on disk
  await Promise.resolve()
  nextEpoch(world)
  const claims = [EPOCH, EPOCH + 1n].map((epoch) => world.books.takeEpoch(epoch) ?? [])
  expect(claims.map((sessions) => sessions.map(({ leaf }) => leaf.amount))).toEqual([[1n], []])
  for (const { evidence } of claims[0]!) expect(checkAcknowledgement(evidence, rulesAt(EPOCH))).toMatchObject({ isPayable: true })
  expect(buildClaim(claims[0]!).tree.total).toBe(1n)
})

test('what is not acknowledged in the grace is written off, halves the window, and is taken no more', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  const lane = link.open(1, groups(8))
  for (let frame = 0; frame < 8; frame++) link.pump(lane)
  nextEpoch(world)
  expect(link.meter.deadlineMs).toBe(3_000) // a twentieth of a minute
  world.nowMs = 3_000
  link.meter.due(world.nowMs)
  expect(world.books.losses).toEqual({ writtenOffBytes: BigInt(8 * GROUP), defaults: 0 })
  link.settle()
  expect([link.left, link.windowMost, world.books.losses.defaults]).toEqual([18, 256 * KIB, 0])
  expect(new Link(world, 1).windowMost).toBe(128 * KIB)
})

test.each([
  ['a second', 'twelve seconds', 12_000, 1_000],
  ['a twentieth', 'a minute', 60_000, 3_000],
  ['thirty seconds', 'an hour', 3_600_000, 30_000],
])('%s of an epoch of %s is waited for the last acknowledgements of the one before', (_, __, epochMs, graceMs) => {
  const world = createWorld(epochMs)
  const link = new Link(world, 1)
  const lane = link.open(1, groups(8))
  for (let frame = 0; frame < 8; frame++) link.pump(lane)
  nextEpoch(world)
  expect(link.meter.deadlineMs).toBe(graceMs)
  world.nowMs = graceMs - 1
  link.meter.due(world.nowMs)
  expect(world.books.losses.writtenOffBytes).toBe(0n)
  world.nowMs = graceMs
  link.meter.due(world.nowMs)
  expect(world.books.losses.writtenOffBytes).toBe(BigInt(8 * GROUP))
})

test('a client that missed an epoch is sent away with 18, for no chain leads over it', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  world.epoch++
  nextEpoch(world)
  expect(link.left).toBe(18)
})

test('a delegation that ends with the epoch ends its session, with everything paid', () => {
  const world = createWorld()
  const link = new Link(world, 1, delegationOf(1, { notAfterEpoch: EPOCH }))
  const lane = link.open(1, groups(400))
  for (let frame = 0; frame < 10; frame++) link.pump(lane)
  nextEpoch(world)
  link.settle()
  expect([link.left, link.ackedBytes]).toEqual([18, link.sentBytes])
})

test('new prices are told before the epoch that has them', () => {
  const world = createWorld()
  const link = new Link(world, 1)
  link.open(1, groups(4))
  link.settle()
  nextEpoch(world, { ...PRICE, priceVersion: 4, fromEpoch: EPOCH + 1n })
  link.settle()
  expect(link.left).toBe(undefined)
  expect(world.books.place).toEqual({ nodeIndex: 2, epoch: EPOCH + 1n, priceVersion: 4 })
})
