import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hash } from '../src/hash.ts'
import { createHasher } from '../src/hasher.ts'
import { type Blake3Case, CONTEXT, generateCases, inputOf, KEY_TEXT, OUTPUT_BYTES, toHex } from './blake3-cases.ts'

const PUBLISHED = new URL('../../../../shared/vectors/blake3/test_vectors.json', import.meta.url)
const key = new TextEncoder().encode(KEY_TEXT)
const generated = generateCases()

// Pins the reference where there is nothing else to hold it against: the hash of all generated digests, one after the other.
const GENERATED_DIGEST = 'b1a278a777f1ae809cf59a9ace8c5018bf5a950083b9f22cd375fd9780658d1d'

test('the generated digests are the ones this test was written with', () => {
  const all = generated.map((entry) => entry.hash + entry.keyed_hash + entry.derive_key).join('')
  expect(toHex(hash(new TextEncoder().encode(all)))).toBe(GENERATED_DIGEST)
})

const published = existsSync(PUBLISHED) ? [PUBLISHED] : []
if (published.length === 0) console.info('published BLAKE3 vectors are not here: the generated cases stand alone')

test.each(published)('the generated cases are the published ones, entry by entry (%s)', (file) => {
  const {
    key: keyText,
    context_string,
    cases,
  } = JSON.parse(readFileSync(file, 'utf8')) as {
    key: string
    context_string: string
    cases: Blake3Case[]
  }
  expect({ keyText, context_string }).toEqual({ keyText: KEY_TEXT, context_string: CONTEXT })
  expect(generated).toEqual(cases)
})

describe.each(generated)('input of $input_len bytes', (entry) => {
  const input = inputOf(entry.input_len)
  const modes = [
    [{}, entry.hash],
    [{ key }, entry.keyed_hash],
    [{ context: CONTEXT }, entry.derive_key],
  ] as const

  test('hash gives the digest in all modes and output lengths', () => {
    for (const [mode, expected] of modes) {
      for (const outputBytes of [1, 31, 32, 33, 64, 65, OUTPUT_BYTES]) {
        expect(toHex(hash(input, { ...mode, outputBytes }))).toBe(expected.slice(0, 2 * outputBytes))
      }
      expect(toHex(hash(input, mode))).toBe(expected.slice(0, 64))
    }
    expect(toHex(hash(input))).toBe(entry.hash.slice(0, 64))
  })

  test('a hasher gives the digest however the input is cut', () => {
    for (const [mode, expected] of modes) {
      const hasher = createHasher(mode)
      for (const step of [1, 63, 64, 1000, 1024, 16_384, 16_385, 65_536]) {
        if (step === 1 && input.length > 10_000) continue
        hasher.reset()
        for (let at = 0; at < input.length; at += step) hasher.update(input.subarray(at, at + step))
        expect(toHex(hasher.digest(OUTPUT_BYTES))).toBe(expected)
        expect(toHex(hasher.digest())).toBe(expected.slice(0, 64))
      }
    }
  })
})
