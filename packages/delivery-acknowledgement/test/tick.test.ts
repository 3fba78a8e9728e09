/** Chains of ticks, and the price they are paid at. */
import { createTickChain, DeliveryAcknowledgementError, isTick, previousTick, priceOf } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { seedOf } from './support/world.ts'

test('each element hashes to the one before it, from any place of a long chain', () => {
  const chain = createTickChain(seedOf(1))
  expect(chain.length).toBe(65_536)
  for (const index of [0, 1, 254, 255, 256, 257, 40_000, 65_534]) expect(previousTick(chain.at(index + 1))).toEqual(chain.at(index))
  expect(chain.at(65_535)).toEqual(seedOf(1))
})

test('a chain gives its elements in any order, and as often as it is asked', () => {
  const chain = createTickChain(seedOf(1), 700)
  const plain = [seedOf(1)]
  while (plain.length < 700) plain.unshift(previousTick(plain[0]!))
  for (const index of [0, 699, 300, 301, 44, 443, 444, 187, 188, 300, 0]) expect(chain.at(index)).toEqual(plain[index])
})

test('a secret that is wiped once the chain is made leaves the chain as it is, a Buffer too', () => {
  for (const secret of [seedOf(1), Buffer.from(seedOf(1))]) {
    const chain = createTickChain(secret, 3)
    secret.fill(0)
    expect([0, 1, 2].map((index) => chain.at(index))).toEqual([previousTick(previousTick(seedOf(1))), previousTick(seedOf(1)), seedOf(1)])
  }
})

test('a tick is good at its own distance from the anchor only', () => {
  const chain = createTickChain(seedOf(2), 400)
  expect(isTick(chain.at(5), { index: 9, x: chain.at(14) })).toBe(true)
  expect(isTick(chain.at(5), { index: 8, x: chain.at(14) })).toBe(false)
  expect(isTick(chain.at(5), { index: 256, x: chain.at(261) })).toBe(true)
  expect(isTick(chain.at(5), { index: 257, x: chain.at(262) })).toBe(false)
  expect(isTick(chain.at(5), { index: 0, x: new Uint8Array(32) })).toBe(true)
  expect(isTick(chain.at(5), { index: 0, x: chain.at(5) })).toBe(false)
})

test('an element of another chain is none of this one, and an anchor of zeros has none', () => {
  const [chain, other] = [createTickChain(seedOf(2), 20), createTickChain(seedOf(3), 20)]
  expect(isTick(chain.at(0), { index: 3, x: other.at(3) })).toBe(false)
  expect(isTick(new Uint8Array(32), { index: 1, x: chain.at(1) })).toBe(false)
})

test('an element of another width is none', () => {
  const chain = createTickChain(seedOf(2), 20)
  for (const x of [chain.at(3).subarray(1), Uint8Array.of(...chain.at(3), 0), new Uint8Array(0)]) {
    expect(isTick(chain.at(0), { index: 3, x })).toBe(false)
    expect(() => previousTick(x)).toThrow(DeliveryAcknowledgementError)
  }
})

test('a chain refuses another width of secret, and has no element beyond its ends', () => {
  expect(() => createTickChain(new Uint8Array(31))).toThrow(DeliveryAcknowledgementError)
  expect(() => createTickChain(seedOf(1), 10).at(10)).toThrow('no element 10')
  expect(() => createTickChain(seedOf(1), 10).at(-1)).toThrow('no element -1')
})

test('a gigabyte at 10 costs a cent, rounded down once, and what no u64 holds has no price', () => {
  const table = { priceVersion: 1, bytePrice: 10n, cpuPrice: 50n }
  expect(priceOf(10n ** 9n, 0n, table, 1_000_000)).toBe(10_000n)
  expect(priceOf(3_600n * 10n ** 6n, 0n, table, 500_000)).toBe(18_000n)
  expect(priceOf(0n, 3_600n * 10n ** 6n, table, 1_000_000)).toBe(180_000n)
  expect(priceOf(99_999n, 0n, table, 1_000_000)).toBe(0n)
  expect(priceOf(99_999n, 20_001n, table, 1_000_000)).toBe(2n) // 0.99999 and 1.00005 together
  expect(priceOf(2n ** 64n - 1n, 0n, { ...table, bytePrice: 10n ** 6n }, 1_000_000)).toBe(2n ** 64n - 1n)
  expect(priceOf(2n ** 64n - 1n, 10n ** 6n, { ...table, bytePrice: 10n ** 6n }, 1_000_000)).toBeUndefined()
})
