import { expect, test } from 'vitest'
import { createAddressBuckets, networkOf } from '../src/address-buckets.ts'

test('an address has its burst at once and then its rate, apart from all others', () => {
  const buckets = createAddressBuckets({ ratePerSecond: 2, burst: 3 })
  const take = (nowMs: number): boolean => buckets.take('192.0.2.1', nowMs)
  expect([0, 0, 0, 0].map(take)).toEqual([true, true, true, false])
  expect([499, 500, 501].map(take)).toEqual([false, true, false])
  expect([60_000, 60_000, 60_000, 60_000].map(take)).toEqual([true, true, true, false])
  expect(buckets.take('192.0.2.2', 60_000)).toBe(true)
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2aa::1', '20010db8000102'],
  ['2001:db8:1:2bb:1:2:3:4', '20010db8000102'],
  ['2001:db8:1:3aa::1', '20010db8000103'],
  ['2001:DB8::1', '20010db8000000'],
  ['fe80::1%eth0', 'fe800000000000'],
  ['::1', '00000000000000'],
  ['::', '00000000000000'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

test('a clock that stands still or goes back gives no tokens', () => {
  const buckets = createAddressBuckets({ ratePerSecond: 1_000, burst: 1 })
  expect([5_000, 5_000, 4_000].map((nowMs) => buckets.take('a', nowMs))).toEqual([true, false, false])
})

test('the table is bounded: new addresses share one bucket when it is full of emptied ones, and get their own when it is not', () => {
  const buckets = createAddressBuckets({ ratePerSecond: 1, burst: 2, addressesMax: 100 })
  for (let i = 0; i < 100; i++) buckets.take(`a${i}`, 0)
  expect([1, 2, 3].map((i) => buckets.take(`b${i}`, 0))).toEqual([true, true, false])
  expect(buckets.size).toBe(100)
  expect(buckets.take('c', 10_000)).toBe(true)
  expect(buckets.size).toBe(100)
})
