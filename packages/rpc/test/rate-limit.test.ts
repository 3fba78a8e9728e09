import { expect, test } from 'vitest'
import { prefixOf, RateLimit } from '../src/rate-limit.ts'

test('an address may burst, then goes at its rate; others are not touched', () => {
  const limit = new RateLimit({ requestsPerSecondMax: 10, burstMax: 5 })
  const taken = (address: string, count: number, nowMs: number): number => {
    return Array.from({ length: count }, () => limit.take(address, 1, nowMs)).filter(Boolean).length
  }
  expect([taken('1.2.3.4', 10, 0), taken('1.2.3.5', 10, 0)]).toEqual([5, 5])
  expect([taken('1.2.3.4', 10, 100), taken('1.2.3.4', 10, 350), taken('1.2.3.4', 10, 60_000)]).toEqual([1, 2, 5])
  expect([limit.take('1.2.3.6', 6, 0), limit.take('1.2.3.6', 5, 0)]).toEqual([false, true])
})

test('a clock that stands still or goes back gives nothing', () => {
  const limit = new RateLimit({ requestsPerSecondMax: 10, burstMax: 1 })
  expect([limit.take('a', 1, 1_000), limit.take('a', 1, 0), limit.take('a', 1, 1_000)]).toEqual([true, false, true])
})

test('it remembers a bounded number of addresses, those used last', () => {
  const limit = new RateLimit({ burstMax: 1, requestsPerSecondMax: 1, addressesMax: 100 })
  for (let i = 0; i < 1_000; i++) limit.take(`10.0.${i >> 8}.${i & 255}`, 1, 0)
  expect(limit.size).toBe(100)
  expect(limit.take('10.0.3.231', 1, 0)).toBe(false) // the last one, still known
})

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s counts as %s', (address, prefix) => {
  expect(prefixOf(address)).toBe(prefix)
})
