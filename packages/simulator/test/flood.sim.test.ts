import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { flood } from './flood.ts'

const FIRST = Number(process.env.SEED ?? 1)

test(`a flood reaches every node of 5,000 within a few diameters, and is the same each time, seed ${FIRST}`, () => {
  const once = flood(FIRST, 5_000, () => createHash('sha256'))
  expect([once.reached > 4_995, once.sent, once.lastMs < 3_000]).toEqual([true, once.reached * 8, true])
  expect(flood(FIRST, 5_000, () => createHash('sha256'))).toEqual(once)
  expect(flood(FIRST + 1, 5_000, () => createHash('sha256')).digest).not.toBe(once.digest)
})
