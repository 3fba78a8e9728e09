import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Committee, committeeRoot, createCommittee, type Member } from '@selvedge/consensus'
import { toHex } from '../../src/wire/bytes.ts'

const numRuns = Number(process.env.RUNS ?? 300)
const seed = Number(process.env.SEED ?? 1)
const membersOf = (stakes: readonly number[]): Member[] =>
  stakes.map((stake, place) => ({
    key: new Uint8Array(32).with(0, place >> 8).with(1, place & 255),
    blsKey: new Uint8Array(48).fill(1),
    stake,
    nodeIndex: place,
  }))
const committeeOf = (...stakes: readonly number[]): Committee => createCommittee(membersOf(stakes))

test(`two quorums share more than may be faulty, and a validity set holds an honest member, seed ${seed}`, () => {
  const stakes = fc.oneof(
    fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 }),
    fc.array(fc.integer({ min: 1, max: 2 ** 53 / 8 }), { minLength: 1, maxLength: 8 }),
  )
  fc.assert(
    fc.property(stakes, (all) => {
      const { totalStake, quorum, validity } = committeeOf(...all)
      const [total, q, v] = [BigInt(totalStake), BigInt(quorum), BigInt(validity)]
      const faulty = (total - 1n) / 3n // the most that is below a third
      expect(total).toBe(all.reduce((sum, stake) => sum + BigInt(stake), 0n))
      expect(2n * q - total).toBeGreaterThan(faulty)
      expect(total - faulty).toBeGreaterThanOrEqual(q) // what is honest can be a quorum alone
      expect(v).toBe(faulty + 1n)
      expect(q).toBe((2n * total) / 3n + 1n)
    }),
    { numRuns, seed },
  )
})

test.each([
  [1, 1, 1],
  [2, 2, 1],
  [3, 3, 1],
  [4, 3, 2],
  [5, 4, 2],
  [6, 5, 2],
  [7, 5, 3],
  [10, 7, 4],
])('%i equal members: quorum %i, validity %i', (size, quorum, validity) => {
  expect(committeeOf(...new Array<number>(size).fill(1))).toMatchObject({ size, quorum, validity })
})

test('the largest stake is exact', () => {
  const half = 2 ** 52
  expect(committeeOf(half, half)).toMatchObject({ quorum: Number(2n ** 54n / 3n + 1n), validity: Number((2n ** 53n + 2n) / 3n) })
  expect(() => committeeOf(half, half, 1)).toThrow(expect.objectContaining({ code: 'CONSENSUS_BAD_COMMITTEE' }))
})

test('stake counts each member once, and nobody else', () => {
  const { stakeOf } = committeeOf(1, 10, 100)
  expect([[], [0, 2], [1, 1, 1], [0, 3, 65_535], [2, 1, 0, 2]].map(stakeOf)).toEqual([0, 101, 10, 1, 111])
  expect(stakeOf(new Set([1]))).toBe(10)
})

test.each<readonly [string, Partial<Member>[]]>([
  ['nobody', []],
  ['no stake', [{ stake: 0 }]],
  ['half a token', [{ stake: 1.5 }]],
  ['stake of 2^53', [{ stake: 2 ** 53 }]],
  ['a nodeIndex of 2^32', [{ nodeIndex: 2 ** 32 }]],
  ['keys that descend', [{}, { key: new Uint8Array(32) }]],
  ['a key twice', [{ key: new Uint8Array(32) }, { key: new Uint8Array(32) }]],
])('a committee of %s is refused', (_, parts) => {
  const members = membersOf(parts.map(() => 1)).map((member, i) => ({ ...member, ...parts[i] }))
  expect(() => createCommittee(members)).toThrow(expect.objectContaining({ code: 'CONSENSUS_BAD_COMMITTEE' }))
})

test('keys of another length are refused', () => {
  for (const part of [{ key: new Uint8Array(31) }, { blsKey: new Uint8Array(49) }]) {
    const members = membersOf([1]).map((member) => ({ ...member, ...part }))
    expect(() => createCommittee(members)).toThrow(expect.objectContaining({ code: 'CONSENSUS_BAD_LENGTH' }))
  }
})

test('the root changes with every field of every member', () => {
  const base = membersOf([1, 2, 3])
  const changes: Partial<Member>[] = [
    { key: new Uint8Array(32).fill(1) },
    { blsKey: new Uint8Array(48).fill(2) },
    { stake: 9 },
    { nodeIndex: 9 },
  ]
  const roots = changes.map((change) => toHex(committeeRoot(createCommittee([...base.slice(0, 2), { ...base[2]!, ...change }]))))
  roots.push(toHex(committeeRoot(createCommittee(base))), toHex(committeeRoot(createCommittee(base.slice(0, 2)))))
  expect(new Set(roots).size).toBe(6)
})
