import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConsensusError, decodeBatch, decodeBatchInfo } from '@selvedge/consensus'
import { codecs } from './codecs.ts'

const numRuns = Number(process.env.RUNS ?? 60)
const seed = Number(process.env.SEED ?? 1)
const options = { numRuns, seed }

const isRefusal = (run: () => unknown): boolean => {
  try {
    run()
    return false
  } catch (error) {
    if (!(error instanceof ConsensusError)) throw error
    return true
  }
}

describe.each(codecs)(`$name, seed ${seed}`, ({ values, encode, decode }) => {
  test('a value comes back as it was, from anywhere in a larger buffer', () => {
    fc.assert(
      fc.property(values, fc.nat(9), (value, offset) => {
        const bytes = encode(value as never)
        const pool = new Uint8Array(bytes.length + offset + 5).fill(0xa5)
        pool.set(bytes, offset)
        expect(decode(pool.subarray(offset, offset + bytes.length))).toEqual(value)
      }),
      options,
    )
  })

  test('every truncation is refused, and so is every byte that follows', () => {
    fc.assert(
      fc.property(values, fc.nat(255), (value, extra) => {
        const bytes = encode(value as never)
        const longer = new Uint8Array([...bytes, extra])
        const ends = Array.from({ length: bytes.length }, (_, end) => bytes.subarray(0, end)).concat([longer])
        for (const each of ends) expect(isRefusal(() => decode(each)) || isCanonical(decode(each), each)).toBe(true)
      }),
      { ...options, numRuns: Math.ceil(numRuns / 6) },
    )
  })

  test('with any byte changed it is refused, or it is the one encoding of another value', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 255 }), (value, change) => {
        const bytes = encode(value as never).slice()
        for (let i = 0; i < bytes.length; i++) {
          bytes[i]! ^= change
          if (!isRefusal(() => decode(bytes))) expect(isCanonical(decode(bytes), bytes)).toBe(true)
          bytes[i]! ^= change
        }
      }),
      { ...options, numRuns: Math.ceil(numRuns / 6) },
    )
  })

  test('with an absurd number at any place it is refused, or it is the one encoding of another value', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(2 ** 32 - 1, 2 ** 31, 2 ** 22 + 1, 1_001, 0), (value, absurd) => {
        const bytes = encode(value as never)
        for (let i = 0; i + 4 <= bytes.length; i++) {
          const changed = bytes.slice()
          new DataView(changed.buffer).setUint32(i, absurd, true)
          if (!isRefusal(() => decode(changed))) expect(isCanonical(decode(changed), changed)).toBe(true)
        }
      }),
      { ...options, numRuns: Math.ceil(numRuns / 6) },
    )
  })

  test('arbitrary bytes are refused or are the one encoding of something', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        if (!isRefusal(() => decode(bytes))) expect(isCanonical(decode(bytes), bytes)).toBe(true)
      }),
      { ...options, numRuns: numRuns * 10 },
    )
  })

  const isCanonical = (value: unknown, bytes: Uint8Array): boolean => Buffer.compare(encode(value as never), bytes) === 0
})

test(`what walks a batch accepts what decodes one, and counts the same, seed ${seed}`, () => {
  const batches = codecs[0]!
  fc.assert(
    fc.property(batches.values, fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))), (value, edit) => {
      const bytes = batches.encode(value as never).slice()
      if (edit !== null) bytes[edit[0] % bytes.length]! ^= edit[1]
      const isRefused = isRefusal(() => decodeBatch(bytes))
      expect(isRefusal(() => decodeBatchInfo(bytes))).toBe(isRefused)
      if (isRefused) return
      const { transactions, ...head } = decodeBatch(bytes)
      const transactionBytes = transactions.reduce((sum, { length }) => sum + length, 0)
      expect(decodeBatchInfo(bytes)).toEqual({ ...head, transactionCount: transactions.length, transactionBytes })
    }),
    { ...options, numRuns: numRuns * 5 },
  )
})
