/** What a node serves an account for in one epoch is also the most that it loses of it: taken, left, and rounded off. */
import { expect, test } from 'vitest'
import { bytesUnpaid, priceOf } from '../src/price.ts'
import { createWorld, GROUP, groups, Link, MIB, nextEpoch, refusalOf, RICH, silentLink, type World } from './support/paid-link.ts'
import { delegationOf, EPOCH, PRICES } from './support/world.ts'

/** A float of 2 µUSD is worth so many bytes. */
const FLOAT_BYTES = 200_000

function poorWorld(): World {
  const world = createWorld()
  world.means = (account) => ({ ...RICH, free: 80n, clientIndex: account.length })
  return world
}

test('one that takes, leaves and comes again gets what the node serves it for in an epoch, and no byte more', () => {
  const world = poorWorld()
  const take = (): [number, number | undefined] => {
    let taken = 0
    let refused: number | undefined
    for (let round = 0; round < 100 && refused === undefined; round++) {
      let left: number | undefined
      const code = refusalOf(() => {
        const link = silentLink(world)
        link.open(1, groups(400))
        for (const lane of link.lanes.values()) while (link.pump(lane));
        taken += link.sentBytes
        left = link.left
        link.close(undefined)
      })
      refused = code ?? left
    }
    return [taken, refused]
  }
  const first = take()
  expect(first[1]).toBe(13)
  expect(first[0]).toBeLessThanOrEqual(FLOAT_BYTES)
  expect(first[0]).toBeGreaterThan(FLOAT_BYTES - 2 * GROUP)
  nextEpoch(world)
  expect(take()[0]).toBeLessThanOrEqual(FLOAT_BYTES)
})

test('sessions that pay less than a micro-dollar each are not served without bound, one after the other or all at once', () => {
  const SHORT = 99_999
  for (const isAtOnce of [false, true]) {
    const world = poorWorld()
    const links: Link[] = []
    let refused: number | undefined
    for (let round = 0; round < 60 && refused === undefined; round++) {
      refused = refusalOf(() => {
        const link = new Link(world, 1)
        links.push(link)
        link.open(1, [SHORT])
        link.settle()
        if (isAtOnce) return
        link.payer.finish()
        link.settle()
        link.close(undefined)
      })
      refused ??= links.at(-1)?.left
    }
    expect(refused).toBe(13)
    const sent = links.reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    expect([sent, links.reduce((sum, { ackedBytes }) => sum + ackedBytes, 0)]).toEqual([2 * SHORT, 2 * SHORT])
    expect([world.store.all(EPOCH), world.books.losses]).toEqual([[], { writtenOffBytes: 0n, defaults: 0 }]) // nothing to claim, nothing kept
  }
})

test('what is rounded off is no debt: a rich account has as many short sessions as it likes', () => {
  const world = createWorld()
  for (let round = 0; round < 300; round++) {
    const link = new Link(world, 1)
    link.open(1, [99_999])
    link.settle()
    expect([link.left, link.ackedBytes]).toEqual([undefined, 99_999])
    link.close(undefined)
  }
})

test('what is rounded off is worth less than a micro-dollar at the table’s price, also of a service that costs a thousandth of it', () => {
  for (const multiplePpm of [1_000_000, 500_000, 1_000, 1, 0]) {
    for (let bytes = 0n; bytes < 10n ** 12n; bytes = bytes * 3n + 7n) {
      const amount = priceOf(bytes, 0n, PRICES, multiplePpm)!
      const unpaid = bytesUnpaid(bytes, 0n, amount, PRICES, multiplePpm)
      const exact = bytes * 10n * BigInt(multiplePpm) // 10^-12 µUSD
      expect(unpaid * 10_000_000n + amount * 10n ** 12n - exact).toBeGreaterThanOrEqual(0n)
      expect(unpaid * 10_000_000n + amount * 10n ** 12n - exact).toBeLessThan(10_000_000n) // one byte
      expect(unpaid).toBeLessThanOrEqual(100_000n)
    }
  }
})

test('a delegation with a small cap is served beside one that owes more than that', () => {
  const world = createWorld()
  const large = new Link(world, 1)
  large.open(1, groups(400))
  large.settle()
  large.distort = () => []
  large.open(2, groups(62)) // 1 MB, not acknowledged
  large.settle()
  const small = new Link(world, 1, delegationOf(1, { spendCap: 8n }))
  small.open(1, groups(8))
  small.settle()
  expect([small.left, small.isStopped, large.isStopped]).toEqual([undefined, false, false])
  expect(small.ackedBytes).toBe(8 * GROUP)
  small.open(2, groups(400))
  small.settle()
  expect(small.left).toBe(14)
  expect(small.payer.cost.microUsd).toBeLessThanOrEqual(8n)
})

test('two sessions under one delegation have its cap together, also before anything is acknowledged', () => {
  const world = createWorld()
  const delegation = delegationOf(1, { spendCap: 2n })
  const links = [1, 2].map(() => {
    const link = new Link(world, 1, delegation)
    link.distort = () => []
    link.open(1, groups(40))
    link.settle()
    return link
  })
  const [first, second] = links.map(({ sentBytes }) => sentBytes)
  expect(first).toBeGreaterThan(FLOAT_BYTES - 2 * GROUP)
  expect(first! + second!).toBeLessThanOrEqual(FLOAT_BYTES)
})

test('a session that begins to owe while the node is stopped is asked too', () => {
  const world = createWorld()
  const first = silentLink(world)
  first.open(1, [GROUP, 3 * MIB]) // a unit that begins only when nothing is out
  first.settle()
  const second = silentLink(world)
  second.open(1, [GROUP])
  second.settle()
  expect([first.isStopped, second.isStopped, second.sentBytes]).toEqual([true, true, GROUP])
})
