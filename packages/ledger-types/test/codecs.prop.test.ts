// Goal: each value has one encoding, and no bytes make a decoder do anything but give the value whose encoding they are, or throw its error.
// Method: arbitrary values of every codec; their bytes flipped one by one, cut at every place, lengthened, and with absurd lengths put in.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSameBytes, LedgerError } from '../src/index.ts'
import { codecs, type Codec, decodeSnapshot, encodeSnapshot, snapshots } from './values.ts'

const RUNS = Number(process.env.RUNS ?? 60)

/** Whether `input` was accepted; what is accepted must be canonical. */
function isAccepted({ encode, decode, name }: Codec<unknown>, input: Uint8Array): boolean {
  let value: unknown
  try {
    value = decode(input)
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'LEDGER_MALFORMED') return false
    throw error
  }
  if (!isSameBytes(encode(value), input)) throw new Error(`${name}: ${input.length} bytes were accepted that are not canonical`)
  return true
}

describe.each(codecs)('$name', (codec) => {
  test('comes back as it went', () => {
    fc.assert(
      fc.property(codec.values, (value) => {
        const encoded = codec.encode(value)
        expect(codec.decode(encoded)).toEqual(value)
        expect(codec.decode(Buffer.from(encoded))).toEqual(value)
      }),
      { numRuns: RUNS },
    )
  })

  test('owns what it decoded: the input may be written over', () => {
    fc.assert(
      fc.property(codec.values, (value) => {
        for (const encoded of [codec.encode(value).slice(), Buffer.from(codec.encode(value))]) {
          const decoded = codec.decode(encoded)
          encoded.fill(0xee)
          expect(decoded).toEqual(value)
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('has one encoding, whichever byte is flipped', () => {
    fc.assert(
      fc.property(codec.values, fc.integer({ min: 1, max: 255 }), (value, mask) => {
        const encoded = codec.encode(value)
        for (let at = 0; at < encoded.length; at++) isAccepted(codec, encoded.with(at, encoded[at]! ^ mask))
        expect(isAccepted(codec, encoded)).toBe(true)
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    )
  })

  test('has one encoding, wherever it is cut or lengthened', () => {
    fc.assert(
      fc.property(codec.values, fc.uint8Array({ minLength: 1, maxLength: 4 }), (value, more) => {
        const encoded = codec.encode(value)
        for (let size = 0; size < encoded.length; size++) isAccepted(codec, encoded.slice(0, size))
        isAccepted(codec, Uint8Array.of(...encoded, ...more))
        expect(isAccepted(codec, encoded)).toBe(true)
      }),
      { numRuns: Math.ceil(RUNS / 3) },
    )
  })

  test('asks for no memory that an absurd length wants', () => {
    fc.assert(
      fc.property(codec.values, (value) => {
        const encoded = codec.encode(value)
        for (let at = 0; at + 4 <= encoded.length; at++) {
          for (const byte of [0xff, 0x7f]) isAccepted(codec, new Uint8Array(encoded).fill(byte, at, at + 4))
        }
        expect(isAccepted(codec, encoded)).toBe(true)
      }),
      { numRuns: Math.ceil(RUNS / 6) },
    )
  })
})

test('a snapshot reads the same in chunks of any size', () => {
  fc.assert(
    fc.property(snapshots, fc.integer({ min: 1, max: 40 }), (snapshot, chunkBytes) => {
      expect(decodeSnapshot(encodeSnapshot(snapshot), chunkBytes)).toEqual(snapshot)
    }),
    { numRuns: RUNS },
  )
})

test('node transactions without a body, and with another version, are told apart', () => {
  const node = codecs.find(({ name }) => name === 'node transaction')!
  const [sample] = fc.sample(node.values, { numRuns: 1, seed: 1 })
  const encoded = node.encode(sample)
  expect(isAccepted(node, encoded)).toBe(true)
  expect(isAccepted(node, encoded.with(1, 2))).toBe(false)
  expect(isAccepted(node, encoded.slice(0, 82))).toBe(false)
})
