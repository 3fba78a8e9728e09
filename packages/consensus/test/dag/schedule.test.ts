import { expect, test } from 'vitest'
import { createDraw, permutationOf } from '../../src/dag/draw.ts'
import { LeaderSchedule } from '../../src/dag/leader-schedule.ts'
import { thresholdsOf } from '../../src/dag/quorum.ts'
import { standingOf } from '../../src/dag/reputation.ts'
import { setupOf } from './drawing.ts'

const nobody: ReadonlySet<number> = new Set()

test('thresholds are by stake and exact at 2^53', () => {
  expect(thresholdsOf([1, 1, 1, 1])).toEqual({ total: 4, quorum: 3, validity: 2 })
  expect(thresholdsOf([1, 1, 1, 1, 1])).toEqual({ total: 5, quorum: 4, validity: 2 })
  expect(thresholdsOf([1, 1, 1, 1, 1, 1])).toEqual({ total: 6, quorum: 5, validity: 2 })
  expect(thresholdsOf([2 ** 52, 2 ** 52])).toEqual({ total: 2 ** 53, quorum: 6_004_799_503_160_662, validity: 3_002_399_751_580_331 })
})

test('a draw reads its stream as little endian u64 and refuses what would favour small values', () => {
  const draws = (limit: bigint): bigint[] => {
    const draw = createDraw(new Uint8Array(32))
    return Array.from({ length: 64 }, () => draw.below(limit))
  }
  const whole = draws(2n ** 64n)
  expect(new Set(whole).size).toBe(64)
  expect(draws(10n)).toEqual(whole.map((value) => value % 10n))
  const limit = 2n ** 63n + 1n // almost half of all values are refused
  const kept = whole.filter((value) => value < limit)
  expect(kept.length).toBeLessThan(48)
  expect(draws(limit).slice(0, kept.length)).toEqual(kept)
})

test('a permutation gives everyone one place, the heavy the early ones more often', () => {
  let early = 0
  for (let seed = 0; seed < 400; seed++) {
    const order = permutationOf(Uint8Array.of(seed, seed >> 8), [1, 1, 8, 1])
    expect(order.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3])
    if (order[0] === 2) early += 1
  }
  expect(early / 400).toBeGreaterThan(0.6) // 8/11 = 0.727
  expect(early / 400).toBeLessThan(0.85)
})

test('bad is who has under half of the best score, from the end, up to a third of the stake', () => {
  const ones = [1, 1, 1, 1, 1, 1, 1]
  expect(standingOf([10, 10, 10, 5, 4, 10, 10], ones, nobody)).toEqual({ bad: [4], good: [0] })
  expect(standingOf([10, 4, 3, 2, 10, 10, 10], ones, nobody)).toEqual({ bad: [3, 2], good: [0, 4] })
  expect(standingOf([10, 4, 4, 4, 10, 10, 10], ones, nobody)).toEqual({ bad: [3, 2], good: [0, 4] })
  expect(standingOf([0, 0, 0, 0], [1, 1, 1, 1], nobody)).toEqual({ bad: [], good: [] })
  expect(standingOf([9, 0, 9, 9], [1, 3, 1, 1], nobody)).toEqual({ bad: [], good: [] }) // 3 of 6 is above a third
  expect(standingOf([9, 0, 8, 9], [1, 2, 1, 2], nobody)).toEqual({ bad: [1], good: [0, 3] })
})

test('proven equivocators are bad first and outside the cap, even while nobody has a score', () => {
  expect(standingOf([10, 10, 0, 10], [1, 1, 1, 1], new Set([3]))).toEqual({ bad: [3, 2], good: [0, 1] })
  expect(standingOf([0, 0, 0, 0], [1, 1, 1, 1], new Set([2]))).toEqual({ bad: [2], good: [0] })
  expect(standingOf([0, 0], [1, 1], new Set([0, 1]))).toEqual({ bad: [0, 1], good: [] })
})

test('a bad leader gives way to a good one, never to one that leads the round already', () => {
  const setup = setupOf(7, { leadersPerRound: 3 })
  const standing = { bad: [0, 1], good: [2, 3] }
  const plain = new LeaderSchedule('uncertified', setup, 4, { bad: [], good: [] })
  const changed = new LeaderSchedule('uncertified', setup, 4, standing)
  let substituted = 0
  for (let round = 1; round <= 70; round++) {
    const before = [0, 1, 2].map((rank) => plain.leaderOf(round, rank)!)
    const after = [0, 1, 2].map((rank) => changed.leaderOf(round, rank)!)
    expect(new Set(after).size).toBe(3)
    for (const [rank, leader] of before.entries()) {
      if (!standing.bad.includes(leader)) expect(after[rank]).toBe(leader)
      else if (after[rank] !== leader) {
        substituted += 1
        expect(standing.good).toContain(after[rank])
      } else expect(standing.good.every((good) => after.includes(good))).toBe(true) // none was left
    }
  }
  expect(substituted).toBeGreaterThan(20)
})

test('versions differ in their permutation, and the beacon decides it', () => {
  const orderOf = (version: number, beacon = 2): (number | undefined)[] => {
    const schedule = new LeaderSchedule('certified', setupOf(7, { beacon: new Uint8Array(32).fill(beacon) }), version, {
      bad: [],
      good: [],
    })
    return [2, 4, 6, 8, 10, 12, 14].map((round) => schedule.leaderOf(round, 0))
  }
  expect(orderOf(0).toSorted((a, b) => a! - b!)).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(orderOf(0)).not.toEqual(orderOf(1))
  expect(orderOf(0)).not.toEqual(orderOf(0, 3))
  expect(orderOf(0)).toEqual(orderOf(0))
})
