// Goal: runs of digests are a set, at some 32 bytes each. Method: against a `Set`, with digests that differ late or hardly at all; then counted.
import { runInNewContext } from 'node:vm'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DigestRuns } from '../src/core/digest-runs.ts'

const RUNS = Number(process.env.RUNS ?? 20)

const hashed = (value: number): string => createHash('sha256').update(`${value}`).digest('hex')
/** Two that follow one another differ in the last byte, or in the first only. */
const close = (value: number): string => (value & 1 ? 'f0' : '0a') + (value >>> 1).toString(16).padStart(62, '0')

test('it holds what was added, and nothing else, wherever it stands', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_000 }), fc.nat(10_000), fc.boolean(), (count, from, isClose) => {
      const keyOf = isClose ? close : hashed
      const digests = new DigestRuns()
      const all = new Set<string>()
      for (let i = 0; i < count; i++) {
        const key = keyOf(from + ((i * 7_919) % 5_003)) // some come again
        digests.add(key)
        all.add(key)
      }
      for (let value = from; value < from + 5_003; value += 17) expect(digests.has(keyOf(value))).toBe(all.has(keyOf(value)))
      expect(digests.has('00'.repeat(32))).toBe(false)
      expect(digests.has('ff'.repeat(32))).toBe(false)
    }),
    { numRuns: RUNS },
  )
})

/** The least of several looks: what was let go is given back by other threads, some turns after the collection that found it. */
async function usedBytes(): Promise<number> {
  const collect = runInNewContext('gc') as () => void
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 4; look++) {
    collect()
    await sleep(10)
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
}

test('a digest costs less than 48 bytes of memory', async () => {
  setFlagsFromString('--expose-gc')
  const digests = new DigestRuns()
  const before = await usedBytes()
  const COUNT = 150_000
  for (let value = 0; value < COUNT; value++) digests.add(hashed(value))
  expect(((await usedBytes()) - before) / COUNT).toBeLessThan(48)
  expect([digests.has(hashed(0)), digests.has(hashed(COUNT - 1)), digests.has(hashed(COUNT))]).toEqual([true, true, false])
})
