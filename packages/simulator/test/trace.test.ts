import { createHash } from 'node:crypto'
import { createTrace } from '@selvedge/simulator'
import { expect, test } from 'vitest'

const sha256 = (): ReturnType<typeof createHash> => createHash('sha256')

type Entry = readonly [number, number, string, number, number]

function digestOf(entries: readonly Entry[]): string {
  const trace = createTrace({ createHash: sha256 })
  for (const [timeMs, node, kind, size, extra] of entries) trace.record(timeMs, node, kind, size, extra)
  return trace.digest()
}

const entries = Array.from({ length: 6000 }, (_, i): Entry => [i / 3, i % 7, i % 2 === 0 ? 'send' : 'arrive', i * 5, i % 11]) // more than two blocks

test('equal entries give equal digests, and each field of each entry counts', () => {
  const whole = digestOf(entries)
  expect(digestOf(entries)).toBe(whole)
  expect(whole).toMatch(/^[0-9a-f]{64}$/)
  for (const at of [0, 2729, 2730, 5999]) {
    const [timeMs, node, kind, size, extra] = entries[at]!
    for (const changed of [
      [timeMs + 1e-9, node, kind, size, extra],
      [timeMs, node + 1, kind, size, extra],
      [timeMs, node, 'other', size, extra],
      [timeMs, node, kind, size + 1, extra],
      [timeMs, node, kind, size, extra + 1],
    ] as Entry[])
      expect(digestOf(entries.with(at, changed))).not.toBe(whole)
  }
  expect(digestOf(entries.slice(1))).not.toBe(whole)
})

test('a name counts, not only that it is another one', () => {
  expect(digestOf([[1, 0, 'a', 0, 0]])).not.toBe(digestOf([[1, 0, 'b', 0, 0]]))
})

test('a digest can be read in the middle, and changes nothing', () => {
  const trace = createTrace({ createHash: sha256 })
  const digests = entries.slice(0, 10).map(([timeMs, node, kind, size, extra]) => {
    trace.record(timeMs, node, kind, size, extra)
    return trace.digest()
  })
  expect(new Set(digests).size).toBe(10)
  expect(digests.at(-1)).toBe(digestOf(entries.slice(0, 10)))
})

test('without a hash function entries are counted and the last of them shown, but there is no digest', () => {
  const trace = createTrace({ lastMax: 3 })
  for (let i = 0; i < 5; i++) trace.record(i, 0, 'step', i)
  expect([trace.digest(), trace.count, trace.last().map(({ timeMs }) => timeMs)]).toEqual(['', 5, [2, 3, 4]])
  expect(createTrace({ lastMax: 0 }).last()).toEqual([])
  expect(() => createTrace({ lastMax: -1 })).toThrow(expect.objectContaining({ code: 'SIMULATOR_BAD_ARGUMENT' }))
})
