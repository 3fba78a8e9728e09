/** Emission: the cap, its shares, boost, and what delegators get. */
import {
  boostOf,
  emissionOf,
  shareEmission,
  slashForFalseClaim,
  slashForSilence,
  splitNodeReward,
} from '@selvedge/delivery-acknowledgement'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const CAP = {
  yearSupply: 10n ** 15n,
  maxInflationPpm: 100_000n,
  epochsPerYear: 365n,
  burnPpm: 100_000n,
  kappaPpm: 120_000n,
  price: 1_000_000n,
}
const SHARES = { nodesPpm: 800_000n, servicesPpm: 200_000n, protocolPpm: 0n }

test('emission is worth κ of the burn, and never more than the year allows', () => {
  expect(emissionOf(10n ** 9n, CAP)).toBe(12_000_000n) // 1.2 % of fees
  expect(emissionOf(10n ** 9n, { ...CAP, price: 4_000_000n })).toBe(3_000_000n)
  expect(emissionOf(10n ** 18n, CAP)).toBe(10n ** 14n / 365n)
  expect(emissionOf(83n, CAP)).toBe(0n) // 0.996 µ
  expect(emissionOf(84n, CAP)).toBe(1n)
})

test('a longer lock boosts more, up to the most', () => {
  expect(boostOf(10n, 0n, 4_000_000n, 1_460n)).toBe(1_000_000n)
  expect(boostOf(10n, 740n, 4_000_000n, 1_460n)).toBe(2_500_000n)
  expect(boostOf(10n, 1_470n, 4_000_000n, 1_460n)).toBe(4_000_000n)
  expect(boostOf(10n, 5_000n, 4_000_000n, 1_460n)).toBe(4_000_000n)
})

test('nodes share by boosted revenue, services by revenue, and the protocol has what rounding leaves', () => {
  const nodes = [
    { nodeIndex: 1, revenue: 100n, boostPpm: 4_000_000n },
    { nodeIndex: 4, revenue: 200n, boostPpm: 1_000_000n },
  ]
  const services = [
    { serviceId: 0, revenue: 150n },
    { serviceId: 3, revenue: 150n },
  ]
  expect(shareEmission(1_001n, SHARES, nodes, services)).toEqual({
    total: 1_001n,
    nodes: [
      { nodeIndex: 1, part: 533n },
      { nodeIndex: 4, part: 266n },
    ],
    services: [
      { serviceId: 0, part: 100n },
      { serviceId: 3, part: 100n },
    ],
    protocol: 2n,
  })
  expect(shareEmission(1_000n, SHARES, [], []).total).toBe(0n)
})

test('a node’s part goes to its owner and its delegators, and no shares can ask for more than they were given', () => {
  const anyU64 = fc.bigInt(0n, 2n ** 64n - 1n)
  const anyPool = fc.record({
    commissionPpm: fc.bigInt(0n, 1_000_000n),
    stake: anyU64,
    delegated: anyU64,
    shares: fc.bigInt(0n, 2n ** 90n),
  })
  fc.assert(
    fc.property(anyU64, anyPool, fc.array(fc.nat(100), { maxLength: 5 }), (part, pool, weights) => {
      const { owner, delegators, perShare } = splitNodeReward(part, pool)
      expect(owner + delegators).toBe(part)
      expect(owner >= (part * pool.commissionPpm) / 1_000_000n && delegators >= 0n).toBe(true)
      const whole = BigInt(weights.reduce((sum, weight) => sum + weight, 0))
      if (whole === 0n) return
      const asked = weights.map((weight) => (((pool.shares * BigInt(weight)) / whole) * perShare) >> 64n)
      expect(asked.reduce((sum, each) => sum + each, 0n) <= delegators).toBe(true)
    }),
  )
})

test('delegators share by what they gave, after the owner’s commission', () => {
  const pool = { commissionPpm: 100_000n, stake: 3_000n, delegated: 1_000n, shares: 1_000n }
  expect(splitNodeReward(1_000n, pool)).toMatchObject({ owner: 775n, delegators: 225n })
  expect(splitNodeReward(1_000n, { ...pool, delegated: 0n, shares: 0n })).toEqual({ owner: 1_000n, delegators: 0n, perShare: 0n })
  expect(splitNodeReward(1_000n, { ...pool, delegated: 0n })).toEqual({ owner: 1_000n, delegators: 0n, perShare: 0n })
})

test('a false claim costs ten times itself, silence a hundredth, both rounded up at the lowest price', () => {
  expect(slashForFalseClaim(1_000n, 1_000_000n)).toBe(10_000n)
  expect(slashForFalseClaim(1_000n, 3_000_000n)).toBe(3_334n)
  expect(slashForSilence(1_000n, 1_000_000n)).toBe(10n)
  expect(slashForSilence(1n, 1_000_000n)).toBe(1n)
})
