// Goal: the hashes are SHA-256 and nothing else, held against Node's own.
import { createHash } from 'node:crypto'
import { keyHash, valueHash } from '@selvedge/state-tree'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const sha256 = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest())

test('values of every length around the borders of a block hash as they do in Node', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length)
    expect(valueHash(bytes)).toEqual(sha256(bytes))
    expect(keyHash(length & 0xff, bytes)).toEqual(sha256(Uint8Array.of(length & 0xff), bytes))
  }
})

test('any bytes, also a view into a larger buffer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.nat(50), (bytes, from) => {
      expect(valueHash(bytes.subarray(from))).toEqual(sha256(bytes.subarray(from)))
    }),
  )
})

test('equal keys of different tables stand at different places', () => {
  expect(keyHash(1, Uint8Array.of(5))).not.toEqual(keyHash(2, Uint8Array.of(5)))
})
