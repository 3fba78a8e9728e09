import { ChunkRanges } from '@selvedge/verified-streaming'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import {
  ContentError,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type ContentAnswer,
  type ContentRequest,
} from '../src/index.ts'

const CID_TEXT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const EMPTY = new Uint8Array(0)
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const REQUEST: ContentRequest = {
  kind: 'cid',
  address: CID.parse(CID_TEXT).bytes,
  modes: ['car', 'proof'],
  head: false,
  mappingProof: false,
  outboardOnly: false,
  scope: 'entity',
  traceparent: EMPTY,
  ranges: ChunkRanges.all,
}
const TREE_REQUEST: ContentRequest = { ...REQUEST, modes: ['car'], scope: 'all' }
const ROOT_REQUEST: ContentRequest = {
  ...REQUEST,
  kind: 'root',
  address: new Uint8Array(32).fill(0xda),
  modes: ['blake3'],
  head: true,
  traceparent: new TextEncoder().encode('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  ranges: ChunkRanges.fromByteRanges([{ start: 1024, end: 3072 }, { start: 9216 }]),
}
const HELD_REQUEST: ContentRequest = { ...ROOT_REQUEST, head: false, ifNoneMatch: true }
const PIN_REQUEST: ContentRequest = { ...ROOT_REQUEST, head: false, pin: true }
const ANSWER: ContentAnswer = {
  status: 200,
  mode: 'proof',
  size: 126_000_000,
  chunkGroupLog: 0,
  root: new Uint8Array(32).fill(7),
  contentType: 'text/plain; charset=utf-8',
  mappingProof: Uint8Array.of(1, 2, 3),
}
const REFUSAL: ContentAnswer = {
  status: 404,
  mode: undefined,
  size: undefined,
  chunkGroupLog: 0,
  root: undefined,
  contentType: '',
  mappingProof: EMPTY,
}

const NOT_MODIFIED: ContentAnswer = { ...REFUSAL, status: 304 }

describe('the bytes of a request and of an answer', () => {
  test('a request for a CID, written out', () => {
    const cid = '01 55 12 20 c7d00a4890405a0c5001 9836c658f847a6ca67c486461921 2be4 f8100e4bbace'
    const hex = hexOf(encodeRequest(REQUEST))
    expect(hex.slice(0, 6)).toBe('012400') // kind 1, 36 bytes
    expect(hex.slice(6, 14)).toBe(cid.replaceAll(' ', '').slice(0, 8))
    expect(hex.slice(6 + 72)).toBe('03' + '00' + '00' + '0100') // car + proof, no flags, no trace, all chunks
  })

  test('a request for a root with two ranges, written out', () => {
    const expected = `00 2000 ${'da'.repeat(32)} 04 01 37 ${hexOf(ROOT_REQUEST.traceparent)} 03 01 02 06`
    expect(encodeRequest(ROOT_REQUEST)).toEqual(bytesOf(expected)) // chunks 1..3 and 9 to the end
  })

  test('a request for everything below a CID, written out', () => {
    const hex = hexOf(encodeRequest(TREE_REQUEST))
    expect(hex.slice(0, 6 + 72)).toBe(hexOf(encodeRequest(REQUEST)).slice(0, 6 + 72))
    expect(hex.slice(6 + 72)).toBe('01' + '08' + '00' + '0100') // car, everything below, no trace, all chunks
  })

  test('a request of a client that holds the content, written out', () => {
    const asked = hexOf(encodeRequest({ ...ROOT_REQUEST, head: false }))
    expect(hexOf(encodeRequest(HELD_REQUEST))).toBe(`${asked.slice(0, 72)}10${asked.slice(74)}`)
    expect(encodeRequest({ ...HELD_REQUEST, ifNoneMatch: false })).toEqual(encodeRequest({ ...ROOT_REQUEST, head: false }))
  })

  test('a request for a pin, written out', () => {
    const asked = hexOf(encodeRequest({ ...ROOT_REQUEST, head: false }))
    expect(hexOf(encodeRequest(PIN_REQUEST))).toBe(`${asked.slice(0, 72)}20${asked.slice(74)}`)
    expect(encodeRequest({ ...PIN_REQUEST, pin: false })).toEqual(encodeRequest({ ...ROOT_REQUEST, head: false }))
  })

  test('an answer, written out', () => {
    const type = hexOf(new TextEncoder().encode(ANSWER.contentType))
    expect(encodeAnswer(ANSWER)).toEqual(bytesOf(`c800 02 809b820700000000 00 ${'07'.repeat(32)} 19 ${type} 0300 010203`))
    expect(encodeAnswer(NOT_MODIFIED)).toEqual(bytesOf(`3001 00 ${'ff'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`))
    expect(encodeAnswer(REFUSAL)).toEqual(bytesOf(`9401 00 ${'ff'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`))
  })

  test('what is encoded is decoded again', () => {
    for (const request of [REQUEST, ROOT_REQUEST, TREE_REQUEST, HELD_REQUEST, PIN_REQUEST, { ...PIN_REQUEST, head: true }])
      expect(decodeRequest(encodeRequest(request))).toEqual(request)
    for (const answer of [ANSWER, REFUSAL, NOT_MODIFIED]) expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer)
  })

  test('a decoded record owns its bytes, of a Buffer too', () => {
    for (const bytes of [encodeRequest(ROOT_REQUEST), Buffer.from(encodeRequest(ROOT_REQUEST))]) {
      const decoded = decodeRequest(bytes)
      bytes.fill(0xff)
      expect(decoded).toEqual(ROOT_REQUEST)
    }
    for (const bytes of [encodeAnswer(ANSWER), Buffer.from(encodeAnswer(ANSWER))]) {
      const decoded = decodeAnswer(bytes)
      bytes.fill(0xff)
      expect(decoded).toEqual(ANSWER)
    }
  })
})

describe('hostile bytes', () => {
  const codecs: readonly (readonly [string, Uint8Array, (bytes: Uint8Array) => Uint8Array])[] = [
    ['a request by CID', encodeRequest(REQUEST), (bytes) => encodeRequest(decodeRequest(bytes))],
    ['a request by root', encodeRequest(ROOT_REQUEST), (bytes) => encodeRequest(decodeRequest(bytes))],
    ['a request for a tree', encodeRequest(TREE_REQUEST), (bytes) => encodeRequest(decodeRequest(bytes))],
    ['a request for a pin', encodeRequest(PIN_REQUEST), (bytes) => encodeRequest(decodeRequest(bytes))],
    ['an answer', encodeAnswer(ANSWER), (bytes) => encodeAnswer(decodeAnswer(bytes))],
    ['a refusal', encodeAnswer(REFUSAL), (bytes) => encodeAnswer(decodeAnswer(bytes))],
  ]

  test.each(codecs)('%s with any byte changed to anything is refused, or is the one encoding of what it means', (_, bytes, again) => {
    let refused = 0
    for (let place = 0; place < bytes.length; place++) {
      for (let value = 0; value < 256; value++) {
        const changed = bytes.slice()
        changed[place] = value
        refused += checkBijection(changed, again) ? 0 : 1
      }
    }
    expect(refused).toBeGreaterThan(256)
  })

  test.each(codecs)('%s cut anywhere is refused, or is the one encoding of what it means', (_, bytes, again) => {
    for (let length = 0; length < bytes.length; length++) checkBijection(bytes.slice(0, length), again)
    expect(() => again(bytes.slice(0, 5))).toThrow(ContentError)
  })

  test.each(codecs)('%s with bytes behind it is refused', (_, bytes, again) => {
    for (const tail of [[0], [0, 0], [1, 0]]) expect(() => again(Uint8Array.of(...bytes, ...tail))).toThrow(ContentError)
  })

  test('random bytes throw ContentError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        checkBijection(bytes, (each) => encodeRequest(decodeRequest(each)))
        checkBijection(bytes, (each) => encodeAnswer(decodeAnswer(each)))
      }),
    )
  })

  test.each([
    ['an unknown kind', `03 2000 ${'da'.repeat(32)} 04 00 00 01 00`],
    ['a root of 31 bytes', `00 1f00 ${'da'.repeat(31)} 04 00 00 01 00`],
    ['an address length beyond the end', `00 ffff ${'da'.repeat(32)} 04 00 00 01 00`],
    ['no mode', `00 2000 ${'da'.repeat(32)} 00 00 00 01 00`],
    ['an unknown mode', `00 2000 ${'da'.repeat(32)} 14 00 00 01 00`],
    ['an unknown flag', `00 2000 ${'da'.repeat(32)} 04 40 00 01 00`],
    ['a pin of what a client holds', `00 2000 ${'da'.repeat(32)} 04 30 00 01 00`],
    ['a pin of a tree of hashes', `00 2000 ${'da'.repeat(32)} 04 24 00 01 00`],
    ['a pin of a URL', `02 2000 ${'da'.repeat(32)} 01 20 00 01 00`],
    ['a pin of everything below a CID', `01 2400 01551220${'da'.repeat(32)} 01 28 00 01 00`],
    ['everything below a root', `00 2000 ${'da'.repeat(32)} 04 08 00 01 00`],
    ['everything below a URL', `02 2000 ${'da'.repeat(32)} 01 08 00 01 00`],
    ['everything below a CID in ranges', `01 2400 01551220${'da'.repeat(32)} 01 08 00 02 00 05`],
    ['a trace that is not there', `00 2000 ${'da'.repeat(32)} 04 00 ff 01 00`],
    ['no ranges', `00 2000 ${'da'.repeat(32)} 04 00 00`],
    ['a long varint in the ranges', `00 2000 ${'da'.repeat(32)} 04 00 00 01 80 00`],
    ['2^64-1 spans', `00 2000 ${'da'.repeat(32)} 04 00 00 ff ff ff ff ff ff ff ff ff 01`],
    ['a span of 2^63 chunks', `00 2000 ${'da'.repeat(32)} 04 00 00 02 00 80 80 80 80 80 80 80 80 80 01`],
    ['a CIDv0', `01 2200 1220${'da'.repeat(32)} 02 00 00 01 00`],
    ['a CID with a long varint', `01 2500 01 d500 1220${'da'.repeat(32)} 02 00 00 01 00`],
    ['a CID with bytes behind it', `01 2500 01551220${'da'.repeat(32)}00 02 00 00 01 00`],
  ])('a request with %s is refused', (_, hex) => {
    expect(() => decodeRequest(bytesOf(hex))).toThrow(ContentError)
  })

  test.each([
    ['status 99', `6300 02 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`],
    ['two modes', `c800 03 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`],
    ['success without a mode', `c800 00 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`],
    ['a mode where the client holds it', `3001 02 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`],
    ['an error with a mode', `9401 02 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 00 0000`],
    ['a size of 2^63', `c800 02 0000000000000080 00 ${'00'.repeat(32)} 00 0000`],
    ['a size of 2^53', `c800 02 0000000000002000 00 ${'00'.repeat(32)} 00 0000`],
    ['chunk groups of 2 MiB', `c800 04 ${'00'.repeat(8)} 0b ${'00'.repeat(32)} 00 0000`],
    ['a content type that is no UTF-8', `c800 02 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 01 ff 0000`],
    ['a mapping proof that is not there', `c800 02 ${'00'.repeat(8)} 00 ${'00'.repeat(32)} 00 ffff`],
  ])('an answer with %s is refused', (_, hex) => {
    expect(() => decodeAnswer(bytesOf(hex))).toThrow(ContentError)
  })

  test('more than 2 KiB is no request, at either end', () => {
    expect(() => decodeRequest(new Uint8Array(2049))).toThrow(/at most 2048/)
    const many = ChunkRanges.fromBoundaries(Array.from({ length: 2011 }, (_, i) => i * 2))
    expect(() => encodeRequest({ ...REQUEST, ranges: many })).toThrow(/at most 2048/)
  })

  test('the encoder writes nothing that the decoder refuses', () => {
    expect(() => encodeRequest({ ...REQUEST, modes: [] })).toThrow(ContentError)
    expect(() => encodeRequest({ ...REQUEST, kind: 'root' })).toThrow(ContentError)
    expect(() => encodeRequest({ ...ROOT_REQUEST, ranges: ChunkRanges.all, scope: 'all' })).toThrow(/asked of a CID/)
    expect(() => encodeRequest({ ...TREE_REQUEST, ranges: ROOT_REQUEST.ranges })).toThrow(/has no ranges/)
    expect(() => encodeRequest({ ...REQUEST, address: new Uint8Array(36) })).toThrow(ContentError)
    expect(() => encodeRequest({ ...REQUEST, traceparent: new Uint8Array(256) })).toThrow(ContentError)
    expect(() => encodeAnswer({ ...ANSWER, size: 2 ** 53 })).toThrow(ContentError)
    expect(() => encodeAnswer({ ...ANSWER, size: -1 })).toThrow(ContentError)
    expect(() => encodeAnswer({ ...ANSWER, root: new Uint8Array(32) })).toThrow(ContentError)
    expect(() => encodeAnswer({ ...ANSWER, mode: undefined })).toThrow(ContentError)
    expect(() => encodeAnswer({ ...ANSWER, contentType: 'é'.repeat(128) })).toThrow(ContentError)
    expect(() => encodeAnswer({ ...ANSWER, mappingProof: new Uint8Array(65_536) })).toThrow(ContentError)
  })
})

/** True where `bytes` are accepted; then they must be what the encoder writes. Any other error than ContentError fails. */
function checkBijection(bytes: Uint8Array, again: (bytes: Uint8Array) => Uint8Array): boolean {
  let out: Uint8Array
  try {
    out = again(bytes)
  } catch (error) {
    if (!(error instanceof ContentError)) throw error
    return false
  }
  if (hexOf(out) !== hexOf(bytes)) throw new Error(`${hexOf(bytes)} was accepted and means ${hexOf(out)}`)
  return true
}
