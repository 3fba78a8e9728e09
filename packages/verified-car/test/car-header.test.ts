// Goal: our own reader of a CAR's header believes what dag-cbor believes of it.
// Method: dag-cbor writes headers of all kinds, and each byte of them is changed; wherever dag-cbor reads a map, we read the same version.
import { decode as decodeDagCbor, encode as encodeDagCbor } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, test } from 'vitest'
import { versionIn } from '../src/car-header.ts'

const CID_OF_NONE = CID.createV1(0x55, createDigest(0x12, new Uint8Array(32).fill(9)))
const HEADERS: readonly Record<string, unknown>[] = [
  { roots: [CID_OF_NONE], version: 1 },
  { roots: [CID_OF_NONE, CID_OF_NONE], version: 2 },
  { roots: [], version: 1, more: { a: [1, -1, 1.5, null, true, 'text', Uint8Array.of(1, 2), [[[]]]], b: {} } },
  { version: 4_000_000_000, z: 2 ** 40 },
  { roots: [CID_OF_NONE] },
  { 'no version': 1, longer: 'x'.repeat(300) },
  {},
]

/** As dag-cbor reads it: what is no map, or has a version that is no natural number, is no header. */
function expectedOf(bytes: Uint8Array): { readonly version: number | undefined } | 'refused' {
  let value: unknown
  try {
    value = decodeDagCbor(bytes)
  } catch {
    return 'refused'
  }
  const isMap =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && CID.asCID(value) === null
  if (!isMap) return 'refused'
  const { version } = value as { version?: unknown }
  if (version === undefined) return { version: undefined }
  return typeof version === 'number' && version >= 0 ? { version } : 'refused'
}

function readOf(bytes: Uint8Array): { readonly version: number | undefined } | 'refused' {
  try {
    return { version: versionIn(bytes) }
  } catch {
    return 'refused'
  }
}

describe('the version of a header', () => {
  test.each(HEADERS)('is what dag-cbor says it is, also of %j with any byte changed', (header) => {
    const bytes = encodeDagCbor(header)
    expect(readOf(bytes)).toEqual({ version: header.version })
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 2, 8, 32, 128]) {
        const changed = bytes.with(at, bytes[at]! ^ bit)
        const expected = expectedOf(changed)
        const read = readOf(changed)
        // What dag-cbor refuses for its form alone (an order, a long form, a text that is none) is no CAR's business.
        if (expected !== 'refused') expect([at, bit, read]).toEqual([at, bit, expected])
      }
    }
  })

  test('every header that is cut short, or has a byte more, is refused', () => {
    for (const header of HEADERS) {
      const bytes = encodeDagCbor(header)
      for (let length = 0; length < bytes.length; length++) expect(readOf(bytes.subarray(0, length))).toBe('refused')
      expect(readOf(Uint8Array.of(...bytes, 0))).toBe('refused')
    }
  })

  test('a header with two versions, or with one that is no number, is refused', () => {
    const version = [0x67, ...new TextEncoder().encode('version')]
    expect(readOf(Uint8Array.of(0xa2, ...version, 1, ...version, 1))).toBe('refused')
    expect(readOf(Uint8Array.of(0xa1, ...version, 0x61, 0x31))).toBe('refused')
    expect(readOf(Uint8Array.of(0xa1, ...version, 0x20))).toBe('refused')
    expect(readOf(Uint8Array.of(0xa1, 0x01, 0x01))).toBe('refused')
  })
})
