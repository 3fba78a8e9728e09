/** Sharing: nothing is lost, nothing is made, nobody is a whole unit off. */
import { shareOut } from '@selvedge/delivery-acknowledgement'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const numRuns = Number(process.env.RUNS ?? 300)
const seed = Number(process.env.SEED ?? 1)
const anyAmount = fc.bigInt(0n, 2n ** 64n - 1n)

test('the parts sum to the whole and each is within one of its due', () => {
  fc.assert(
    fc.property(anyAmount, fc.array(anyAmount, { maxLength: 64 }), (total, weights) => {
      const parts = shareOut(total, weights)
      const sum = weights.reduce((all, weight) => all + weight, 0n)
      expect(parts.reduce((all, part) => all + part, 0n)).toBe(sum === 0n ? 0n : total)
      parts.forEach((part, index) => {
        const due = sum === 0n ? 0n : (total * weights[index]!) / sum
        expect(part - due === 0n || part - due === 1n || part - due === -1n).toBe(true)
      })
    }),
    { numRuns, seed },
  )
})

test('a weight of zero gets nothing', () => {
  expect(shareOut(10n, [0n, 1n, 0n, 2n, 0n])).toEqual([0n, 3n, 0n, 7n, 0n])
  expect(shareOut(10n, [0n, 0n])).toEqual([0n, 0n])
})
