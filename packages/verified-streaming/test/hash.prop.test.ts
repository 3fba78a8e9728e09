import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VerifyError } from '../src/errors.ts'
import { hash } from '../src/hash.ts'
import { createHasher } from '../src/hasher.ts'
import { compiled } from '../src/kernel/select.ts'
import { toHex } from './blake3-cases.ts'
import { referenceHash } from './reference/blake3.ts'

const RUNS = Number(process.env.RUNS ?? 60)
const SEED = Number(process.env.SEED ?? 20_261_123)

const CHUNK = 1024
const edges = [0, 1, CHUNK, 2 * CHUNK, 4 * CHUNK, 5 * CHUNK, 8 * CHUNK, 16 * CHUNK, 17 * CHUNK, 20 * CHUNK, 32 * CHUNK, 64 * CHUNK]
const lengths = fc.oneof(
  fc.nat(3000),
  fc.tuple(fc.constantFrom(...edges), fc.integer({ min: -65, max: 65 })).map(([edge, by]) => Math.max(0, edge + by)),
)
const modes = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((key) => ({ key })),
  fc.string({ unit: 'binary', maxLength: 40 }).map((context) => ({ context })),
)
const outputs = fc.oneof({ weight: 3, arbitrary: fc.constant(32) }, fc.integer({ min: 1, max: 200 }))

/** A view of `length` bytes that begins anywhere in a larger buffer. */
function viewOf(length: number, seed: number): Uint8Array {
  const whole = Uint8Array.from({ length: length + 24 }, (_, i) => (i * (seed | 1) + (i >> 7) * 31 + seed) & 255)
  return whole.subarray(seed % 17, (seed % 17) + length)
}

// Must be the first test of the file: its first bytes meet the portable engine, its last the compiled one.
test('a hasher that outlives the change of engines, and one that was begun before it', () => {
  expect(compiled).toBeUndefined()
  const bytes = viewOf(120_000, 5)
  const long = createHasher().update(bytes.subarray(0, 30_000))
  const short = createHasher({ context: 'x' }).update(bytes.subarray(0, 10))
  expect(compiled).toBeUndefined()
  long.update(bytes.subarray(30_000))
  expect(toHex(long.digest())).toBe(toHex(referenceHash(bytes)))
  expect(compiled).toBeDefined()
  expect(toHex(short.digest())).toBe(toHex(referenceHash(bytes.subarray(0, 10), { context: 'x' })))
})

test(`hash equals the reference for any input, mode and output length, seed ${SEED}`, () => {
  fc.assert(
    fc.property(lengths, fc.nat(255), modes, outputs, (length, seed, mode, outputBytes) => {
      const bytes = viewOf(length, seed)
      const before = bytes.slice()
      expect(toHex(hash(bytes, { ...mode, outputBytes }))).toBe(toHex(referenceHash(bytes, mode, outputBytes)))
      expect(bytes).toEqual(before)
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

test(`a hasher equals the reference however its input is cut, looked at midway and interleaved, seed ${SEED}`, () => {
  fc.assert(
    fc.property(lengths, fc.nat(255), modes, outputs, fc.array(lengths, { maxLength: 6 }), (length, seed, mode, outputBytes, cuts) => {
      const bytes = viewOf(length, seed)
      const hasher = createHasher(mode)
      const other = createHasher({ key: new Uint8Array(32) })
      const ends = [...cuts.map((cut) => cut % (length + 1)), length].sort((a, b) => a - b)
      let at = 0
      for (const end of ends) {
        hasher.update(bytes.subarray(at, end))
        other.update(bytes.subarray(at, end))
        at = end
      }
      const middle = ends[ends.length >> 1]!
      expect(toHex(hasher.digest(outputBytes))).toBe(toHex(referenceHash(bytes, mode, outputBytes)))
      hasher.reset().update(bytes.subarray(0, middle))
      expect(toHex(hasher.digest())).toBe(toHex(referenceHash(bytes.subarray(0, middle), mode)))
      hasher.update(bytes.subarray(middle))
      expect(toHex(hasher.digest(outputBytes))).toBe(toHex(referenceHash(bytes, mode, outputBytes)))
      expect(toHex(other.digest())).toBe(toHex(referenceHash(bytes, { key: new Uint8Array(32) })))
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

test('large inputs: several of the largest subtrees, in one call and in many', () => {
  const bytes = viewOf(2 * 2 ** 20 + 12_345, 3)
  const expected = toHex(referenceHash(bytes))
  expect(toHex(hash(bytes))).toBe(expected)
  for (const step of [2 ** 20, 2 ** 20 + 1, 300_000]) {
    const hasher = createHasher()
    for (let at = 0; at < bytes.length; at += step) hasher.update(bytes.subarray(at, at + step))
    expect(toHex(hasher.digest())).toBe(expected)
  }
})

test('inputs in shared memory and in other one-byte arrays', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5000)).fill(7)
  expect(toHex(hash(shared))).toBe(toHex(hash(new Uint8Array(5000).fill(7))))
  expect(toHex(hash(shared.subarray(0, 100)))).toBe(toHex(hash(new Uint8Array(100).fill(7))))
})

test('a result is the caller’s own: later hashes leave it alone', () => {
  const first = hash(new Uint8Array(1))
  const before = first.slice()
  hash(new Uint8Array(2))
  expect(first).toEqual(before)
  expect(first.buffer.byteLength).toBe(32)
})

test('a key is copied: changing it later changes nothing', () => {
  const key = new Uint8Array(32).fill(9)
  const hasher = createHasher({ key })
  key.fill(0)
  expect(toHex(hasher.digest())).toBe(toHex(referenceHash(new Uint8Array(0), { key: new Uint8Array(32).fill(9) })))
})

describe('wrong arguments are refused with a code', () => {
  const cases: [string, () => unknown][] = [
    ['short key', () => hash(new Uint8Array(1), { key: new Uint8Array(31) })],
    ['long key', () => createHasher({ key: new Uint8Array(33) })],
    ['key and context', () => createHasher({ key: new Uint8Array(32), context: 'a' })],
    ['no output', () => hash(new Uint8Array(1), { outputBytes: 0 })],
    ['a fraction of output', () => createHasher().digest(1.5)],
    ['a string', () => hash('abc' as unknown as Uint8Array)],
    ['an ArrayBuffer', () => hash(new ArrayBuffer(8) as unknown as Uint8Array)],
    ['words', () => createHasher().update(new Uint32Array(8) as unknown as Uint8Array)],
    ['nothing', () => hash(undefined as unknown as Uint8Array)],
  ]
  test.each(cases)('%s', (_, call) => {
    expect(call).toThrow(VerifyError)
    expect(call).toThrow(expect.objectContaining({ code: 'VERIFY_BAD_ARGUMENT' }))
  })
})
