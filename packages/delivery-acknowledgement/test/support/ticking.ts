/** A client that says ticks to the books: a link whose hash chains are known, so that a test can say what the client would not. */
import { createTickChain, type Delegation, priceOf, type TickChain } from '@selvedge/delivery-acknowledgement'
import { createTicks, type TickFrame } from '@selvedge/delivery-acknowledgement/client'
import { expect } from 'vitest'
import { createWorld, GROUP, groups, Link, type World } from './paid-link.ts'
import { EPOCH, PRICES, seedOf } from './world.ts'

export const TICK = 65_536
export const LENGTH = 400
/** Of every link that has one chain. */
export const CHAIN: TickChain = createTickChain(seedOf(900), LENGTH)

export function tickingLink(world: World, delegation?: Delegation): Link {
  let made = 0
  return new Link(world, 1, delegation, 10n ** 12n, createTicks({ secret: () => seedOf(900 + made++), length: LENGTH }))
}

export const tickAt = (index: number, change: Partial<TickFrame> = {}): TickFrame => {
  return { epoch: EPOCH, serviceId: 0, index, preimage: CHAIN.at(Math.min(index, LENGTH - 1)), ...change }
}

/** As the client would say it now, whatever else is under way. @returns the code with which the session ended. */
export function say(link: Link, frame: TickFrame): number | undefined {
  link.sendTick(frame)
  link.deliver(link.toNode)
  return link.left
}

/** So many groups of lane 1 are sent, arrive and are verified one by one; what the client says of them is under way. Nobody is stopped. */
export function verifyGroups(link: Link, count: number): void {
  const lane = link.lanes.get(1)!
  const before = lane.sent / GROUP
  for (let group = 0; group < count; group++) expect(link.pump(lane)).toBe(true)
  link.deliver(link.toClient)
  for (let group = 1; group <= count; group++) link.payer.verified(1, BigInt((before + group) * GROUP))
}

/** A node that is never stopped by its window, as long as it need not be: a few units of each lane, then all that was said of them. */
export function stream(link: Link): void {
  for (let isMoving = true; isMoving; ) {
    isMoving = false
    for (const lane of link.lanes.values()) for (let unit = 0; unit < 6 && link.pump(lane); unit++) isMoving = true
    link.deliver(link.toClient)
    for (const { id, verifiable, acked } of link.lanes.values()) {
      for (let offset = acked; offset <= verifiable; offset += GROUP) link.payer.verified(id, BigInt(offset))
    }
    link.deliver(link.toNode)
  }
}

/** Of one lane: four groups are signed for, and two ticks follow. A full window and more is out behind them. */
export function tickedTwice(world: World = createWorld()): Link {
  const link = tickingLink(world)
  link.open(1, groups(400))
  verifyGroups(link, 12)
  link.deliver(link.toNode)
  expect([link.left, link.acks.length, link.ticks.map(({ index }) => index)]).toEqual([undefined, 1, [1, 2]])
  while (link.pump(link.lanes.get(1)!));
  return link
}

export const SIGNED: number = 4 * GROUP
export const kept = (world: World): { readonly index: number; readonly amount: bigint }[] =>
  world.store.all(world.epoch).map(({ evidence, amount }) => ({ index: evidence.tick.index, amount }))
export const amountOf = (bytes: number): bigint => priceOf(BigInt(bytes), 0n, PRICES, 1_000_000)!
