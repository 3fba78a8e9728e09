import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ALL_CHUNKS,
  checkAddress,
  checkSpans,
  type ChunkSpan,
  decodeHandle,
  decodeServiceAnswer,
  encodeHandle,
  encodeServiceAnswer,
  type Handle,
  SdkError,
} from '../src/index.ts'

const OPEN = Number.POSITIVE_INFINITY
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

const ROOT: Handle = {
  address: { kind: 'root', bytes: new Uint8Array(32).fill(0xda) },
  ranges: [
    { start: 1, end: 3 },
    { start: 9, end: OPEN },
  ],
  scope: 'entity',
  priceClass: 'table',
}
const PIN: Handle = { ...ROOT, priceClass: 'pin' }
const TREE: Handle = {
  address: { kind: 'cid', bytes: bytesOf(`01 70 12 20 ${'ab'.repeat(32)}`) },
  ranges: ALL_CHUNKS,
  scope: 'all',
  priceClass: 'table',
}

describe('the bytes of a handle and of an answer', () => {
  test('are written out', () => {
    const spans = '0200 0100000000000000 0300000000000000 0900000000000000 ffffffffffffffff'
    expect(encodeHandle(ROOT)).toEqual(bytesOf(`00 00 00 00 2000 ${'da'.repeat(32)} ${spans}`))
    expect(encodeHandle(TREE)).toEqual(bytesOf(`01 01 00 00 2400 01701220 ${'ab'.repeat(32)} 0100 0000000000000000 ffffffffffffffff`))
    expect(encodeHandle(PIN)).toEqual(bytesOf(`00 00 01 00 2000 ${'da'.repeat(32)} ${spans}`))
    expect(encodeServiceAnswer({ status: 404 })).toEqual(bytesOf('9401'))
    expect(hexOf(encodeServiceAnswer({ handle: TREE }))).toBe(`0000${hexOf(encodeHandle(TREE))}`)
  })

  test('are decoded again, into what owns its bytes', () => {
    for (const answer of [{ handle: ROOT }, { handle: PIN }, { handle: TREE }, { status: 304 }, { status: 599 }]) {
      const bytes = encodeServiceAnswer(answer)
      const decoded = decodeServiceAnswer(bytes)
      bytes.fill(0xff)
      expect(decoded).toEqual(answer)
    }
  })
})

describe('hostile bytes', () => {
  const samples = [encodeServiceAnswer({ handle: ROOT }), encodeServiceAnswer({ handle: TREE }), encodeServiceAnswer({ status: 404 })]

  test.each(samples)('an answer with any byte changed is refused, or is the one encoding of what it means: %#', (bytes) => {
    let refused = 0
    for (let place = 0; place < bytes.length; place++) {
      for (let value = 0; value < 256; value++) {
        const changed = bytes.slice()
        changed[place] = value
        refused += checkBijection(changed) ? 0 : 1
      }
    }
    expect(refused).toBeGreaterThan(100)
  })

  test.each(samples)('an answer cut or grown anywhere is refused: %#', (bytes) => {
    for (let length = 0; length < bytes.length; length++) expect(() => decodeServiceAnswer(bytes.subarray(0, length))).toThrow(SdkError)
    expect(() => decodeServiceAnswer(Uint8Array.of(...bytes, 0))).toThrow(SdkError)
  })

  test('random bytes throw SdkError and nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void checkBijection(bytes)))
  })

  test('a length is not believed before it is checked', () => {
    const claims = [
      `00000000 2000 ${'da'.repeat(32)} ffff`,
      `01000000 ffff ${'da'.repeat(32)} 0000`,
      `00000000 2000 ${'da'.repeat(32)} 0104`,
    ]
    for (const hex of claims) expect(() => decodeHandle(bytesOf(hex))).toThrow(SdkError)
  })
})

describe('what has no encoding', () => {
  test.each<readonly [string, ChunkSpan[]]>([
    [
      'touch',
      [
        { start: 0, end: 2 },
        { start: 2, end: 3 },
      ],
    ],
    [
      'fall',
      [
        { start: 5, end: 6 },
        { start: 1, end: 2 },
      ],
    ],
    ['are empty', [{ start: 5, end: 5 }]],
    ['end before they start', [{ start: 5, end: 4 }]],
    [
      'follow one that is open',
      [
        { start: 5, end: OPEN },
        { start: OPEN, end: OPEN },
      ],
    ],
    ['begin below 0', [{ start: -1, end: 4 }]],
    ['are not whole', [{ start: 0.5, end: 4 }]],
    ['go beyond 2^53', [{ start: 2 ** 53, end: OPEN }]],
    ['are too many', Array.from({ length: 1025 }, (_, i) => ({ start: i * 2, end: i * 2 + 1 }))],
  ])('spans that %s', (_, spans) => {
    expect(() => checkSpans(spans)).toThrow(SdkError)
    expect(() => encodeHandle({ ...ROOT, ranges: spans })).toThrow(SdkError)
  })

  test('spans that are none, one open, or the last chunk only, have one', () => {
    for (const ranges of [
      [],
      ALL_CHUNKS,
      [{ start: OPEN, end: OPEN }],
      [
        { start: 3, end: 4 },
        { start: OPEN, end: OPEN },
      ],
    ]) {
      expect(decodeHandle(encodeHandle({ ...ROOT, ranges })).ranges).toEqual(ranges)
    }
  })

  test.each([
    ['a CIDv0', `1220${'ab'.repeat(32)}`],
    ['a long varint', `01 d500 12 20 ${'ab'.repeat(32)}`],
    ['a varint of ten bytes', `01 ${'80'.repeat(9)}01 12 20 ${'ab'.repeat(32)}`],
    ['a digest that is cut', `01 55 12 20 ${'ab'.repeat(31)}`],
    ['bytes behind it', `01 55 12 20 ${'ab'.repeat(33)}`],
    ['no digest length', '01 55 12'],
    ['nothing', ''],
  ])('a CID that is %s', (_, hex) => {
    expect(() => checkAddress({ kind: 'cid', bytes: bytesOf(hex) })).toThrow(SdkError)
  })

  test('an address of another size, or of no kind', () => {
    expect(() => checkAddress({ kind: 'root', bytes: new Uint8Array(31) })).toThrow(/32 bytes/)
    expect(() => checkAddress({ kind: 'url' as 'root', bytes: new Uint8Array(32) })).toThrow(/not a url/)
    expect(() => checkAddress({ kind: 'root', bytes: 'da' as unknown as Uint8Array })).toThrow(/Uint8Array/)
    const long = Uint8Array.of(1, 0x55, 0, 0xfd, 0x0f, ...new Uint8Array(2045)) // an identity CID of 2,050 bytes
    expect(() => checkAddress({ kind: 'cid', bytes: long })).toThrow(/at most 2048/)
  })

  test('everything below a root, or in ranges', () => {
    expect(() => encodeHandle({ ...ROOT, ranges: ALL_CHUNKS, scope: 'all' })).toThrow(SdkError)
    expect(() => encodeHandle({ ...TREE, ranges: ROOT.ranges })).toThrow(SdkError)
    expect(() => encodeHandle({ ...TREE, priceClass: 'pin' })).toThrow(/one file/)
  })

  test.each([0, 200, 206, 301, 399, 600, 404.5, Number.NaN, undefined])('the status %s', (status) => {
    expect(() => encodeServiceAnswer({ status: status as number })).toThrow(SdkError)
  })

  test('a price class that no ledger settles, and an answer that is none', () => {
    expect(() => encodeHandle({ ...ROOT, priceClass: 'free' as 'table' })).toThrow(/price class/)
    for (const answer of [undefined, null, 404, 'ok']) expect(() => encodeServiceAnswer(answer as never)).toThrow(SdkError)
  })
})

/** True where `bytes` are accepted; then they must be what the encoder writes. Any other error than SdkError fails. */
function checkBijection(bytes: Uint8Array): boolean {
  let again: Uint8Array
  try {
    again = encodeServiceAnswer(decodeServiceAnswer(bytes))
  } catch (error) {
    if (!(error instanceof SdkError)) throw error
    return false
  }
  if (hexOf(again) !== hexOf(bytes)) throw new Error(`${hexOf(bytes)} was accepted and means ${hexOf(again)}`)
  return true
}
