import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HandshakeError } from '../src/errors.ts'
import * as frames from '../src/frames.ts'
import * as greeting from '../src/greeting.ts'

const u32 = fc.nat(2 ** 32 - 1)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const fixed = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const metadata = fc.uint8Array({ maxLength: 2_000 })

test.each([
  ['OPEN', fc.record({ serviceId: u32, initialCredit: u32, metadata }), frames.encodeOpen, frames.decodeOpen],
  ['ACCEPT', fc.record({ initialCredit: u32, metadata }), frames.encodeAccept, frames.decodeAccept],
  ['CREDIT', u32.filter((bytes) => bytes > 0), frames.encodeCredit, frames.decodeCredit],
  [
    'RESET',
    fc.record({ code: fc.nat(65_535), offset: u64, reason: fc.string({ unit: 'grapheme', maxLength: 20 }) }),
    frames.encodeReset,
    frames.decodeReset,
  ],
  [
    'GOAWAY',
    fc.record({ code: fc.nat(65_535), retryAfterMs: u32, nodes: fc.array(u32, { maxLength: 255 }) }),
    frames.encodeGoaway,
    frames.decodeGoaway,
  ],
] as [string, fc.Arbitrary<unknown>, (body: unknown) => Uint8Array, (bytes: Uint8Array) => unknown][])(
  '%s decodes to what was encoded, also inside a larger buffer',
  (_, arbitrary, encode, decode) => {
    fc.assert(
      fc.property(arbitrary, (body) => {
        const bytes = encode(body)
        const padded = new Uint8Array(bytes.length + 7)
        padded.set(bytes, 3)
        expect(decode(padded.subarray(3, 3 + bytes.length))).toEqual(body)
      }),
    )
  },
)

const hello = fc
  .record({
    chainId: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    nodeKey: fixed(32),
    clientKey: fixed(32),
    rand: fixed(16),
    kind: fc.constantFrom('guest', 'delegation', 'resume', 'join'),
    size: fc.integer({ min: 142, max: 270 }),
  })
  .map(
    ({ size, ...rest }) =>
      ({ ...rest, bracket: new Uint8Array({ guest: 0, delegation: size, resume: 48, join: 48 }[rest.kind]).fill(9) }) as greeting.Hello,
  )
const welcome = fc.record({
  nodeIndex: u32,
  epoch: fc.bigInt(0n, 2n ** 32n - 2n),
  priceVersion: u32,
  laneNonce: u64,
  rand: fixed(16),
  sessionId: fixed(16),
  window: u32,
  maxLanes: fc.nat(65_535),
  connection: fc.nat(255),
  nodeTimeMs: u64,
  resumeToken: fixed(32),
})

test('HELLO and WELCOME decode to what was encoded', () => {
  const signature = new Uint8Array(64).fill(8)
  fc.assert(
    fc.property(hello, welcome, (one, other) => {
      expect(greeting.decodeHello(concat(greeting.encodeHello(one), signature))).toEqual({ hello: one, signature })
      expect(greeting.decodeWelcome(concat(greeting.encodeWelcome(other), signature))).toEqual({ welcome: other, signature })
    }),
  )
})

test('the sizes are those of the specification', () => {
  const base = { chainId: 1, nodeKey: new Uint8Array(32), clientKey: new Uint8Array(32), rand: new Uint8Array(16) }
  const sizes = (['guest', 'delegation', 'resume', 'join'] as const).map((kind) => {
    return (
      64 +
      greeting.encodeHello({ ...base, kind, bracket: new Uint8Array({ guest: 0, delegation: 270, resume: 48, join: 48 }[kind]) }).length
    )
  })
  expect(sizes).toEqual([151, 423, 199, 199])
  expect(frames.WELCOME_BODY_BYTES).toBe(169)
})

test('whatever is decoded is encoded to the same bytes again', () => {
  const codecs: [(bytes: Uint8Array) => unknown, (body: never) => Uint8Array, number][] = [
    // CREDIT has no tail: verifyHeader holds its length
    [frames.decodeOpen, frames.encodeOpen, 10],
    [frames.decodeAccept, frames.encodeAccept, 6],
    [frames.decodeReset, frames.encodeReset, 10],
    [frames.decodeGoaway, frames.encodeGoaway, 7],
  ]
  let accepted = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...codecs),
      fc.uint8Array({ maxLength: 30 }),
      fc.boolean(),
      ([decode, encode, fixedBytes], tail, isZero) => {
        const bytes = new Uint8Array(fixedBytes + tail.length)
        bytes.set(tail, fixedBytes)
        if (isZero)
          bytes[fixedBytes - 2] = tail.length // makes OPEN, ACCEPT right
        else bytes[fixedBytes - 1] = tail.length >> 2 // and GOAWAY
        const body = attempt(() => decode(bytes))
        accepted += body === undefined ? 0 : 1
        expect(body === undefined ? bytes : encode(body as never)).toEqual(bytes)
      },
    ),
    { numRuns: 2_000 },
  )
  expect(accepted).toBeGreaterThan(300)
})

describe('a reason', () => {
  test('is cut at a character so that it takes at most 256 bytes', () => {
    const body = frames.encodeReset({ code: 1, offset: 0n, reason: `${'a'.repeat(255)}é` })
    expect(body).toHaveLength(10 + 255)
    expect(frames.decodeReset(body).reason).toBe('a'.repeat(255))
  })

  test.each([[0xff], [0xc3], [0xed, 0xa0, 0x80]])('that is not UTF-8 is refused: %o', (...bytes) => {
    const body = Uint8Array.from([...new Uint8Array(10), ...bytes])
    expect(() => frames.decodeReset(body)).toThrow(expect.objectContaining({ code: 'HANDSHAKE_PROTOCOL', laneCode: 1 }))
  })
})

/** type, flags, lane, shortest body, longest body: what a header may say (sessions.md §3). */
const HEADERS: [number, number, 'session' | 'lane', number, number][] = [
  [0x01, 0, 'session', 2, 512],
  [0x02, 0, 'session', 169, 169],
  [0x03, 0, 'lane', 10, 65_536],
  [0x04, 0, 'lane', 6, 65_536],
  [0x05, 0, 'lane', 1, 65_536],
  [0x05, 1, 'lane', 0, 65_536],
  [0x06, 0, 'lane', 4, 4],
  [0x06, 0, 'session', 4, 4],
  [0x07, 0, 'lane', 10, 266],
  [0x08, 0, 'session', 237, 2_787],
  [0x08, 1, 'session', 46, 46],
  [0x09, 0, 'session', 30, 65_530],
  [0x0a, 0, 'session', 8, 8],
  [0x0a, 1, 'session', 8, 8],
  [0x0b, 0, 'session', 9, 9],
  [0x0b, 1, 'session', 48, 48],
  [0x0c, 0, 'session', 7, 1_027],
  [0x0d, 0, 'session', 29, 2_069],
  [0x0e, 0, 'session', 11, 8_955],
  [0x0f, 0, 'session', 4, 4],
  [0x0f, 1, 'session', 4, 4],
  [0x10, 0, 'session', 20, 20],
]

test('exactly the headers of the table are taken, every type, flags, lane and length around the bounds', () => {
  const lengths = [
    ...new Set([0, ...HEADERS.flatMap(([, , , low, high]) => [low - 1, low, low + 1, high - 1, high, high + 1]), 2 ** 31, 2 ** 32 - 1]),
  ].filter((n) => n >= 0)
  const wrong: string[] = []
  for (let type = 0; type < 256; type++) {
    for (const flags of [0, 1, 2, 3, 128, 255]) {
      for (const lane of [0, 1, 65_535]) {
        for (const length of lengths) {
          const expected = HEADERS.some(([t, f, place, low, high]) => {
            return t === type && f === flags && (place === 'lane') === lane > 0 && length >= low && length <= high
          })
          const header = { type, flags, lane, length }
          const answer = attempt(() => frames.verifyHeader(header) ?? true) ?? false
          if (answer !== expected) wrong.push(JSON.stringify(header))
        }
      }
    }
  }
  expect(wrong).toEqual([])
})

/** The value, or undefined when a protocol error was thrown; anything else that is thrown goes through. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof HandshakeError && error.code === 'HANDSHAKE_PROTOCOL') return undefined
    throw error
  }
}

/** A plain array: `slice` of a Buffer would be a view. */
function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
