import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HandshakeError } from '../src/errors.ts'
import * as frames from '../src/payment-frames.ts'

const u16 = fc.integer({ min: 1, max: 65_535 })
const u32 = fc.nat(2 ** 32 - 1)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const epoch = fc.bigInt(0n, 2n ** 32n - 2n)
const fixed = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const ascending = <T>(key: fc.Arbitrary<number>, maxLength: number, make: (number: number, value: bigint) => T): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.tuple(key, u64), { maxLength, selector: ([number]) => number }).map((pairs) => {
    return pairs.sort(([a], [b]) => a - b).map(([number, value]) => make(number, value))
  })

interface Codec {
  readonly name: string
  readonly arbitrary: fc.Arbitrary<unknown>
  readonly encode: (frame: never) => Uint8Array
  readonly decode: (body: Uint8Array) => unknown
  /** What stands before its list, when it has one. */
  readonly fixedBytes?: number
}
const CODECS: readonly Codec[] = [
  {
    name: 'ACK',
    arbitrary: fc.record({
      acknowledgement: fixed(236),
      lanes: ascending(u16, 255, (lane, verifiedOffset) => ({ lane, verifiedOffset })),
    }),
    encode: frames.encodeAck,
    decode: frames.decodeAck,
    fixedBytes: 237,
  },
  {
    name: 'tick',
    arbitrary: fc.record({ epoch, serviceId: u32, index: fc.nat(65_535), preimage: fixed(32) }),
    encode: frames.encodeTick,
    decode: frames.decodeTick,
  },
  {
    name: 'EPOCH',
    arbitrary: fc.record({
      epoch,
      rand: fixed(16),
      priceVersion: u32,
      lanes: ascending(u16, 300, (lane, offset) => ({ lane, offset })),
    }),
    encode: frames.encodeEpoch,
    decode: frames.decodeEpoch,
    fixedBytes: 30,
  },
  {
    name: 'PRICE',
    arbitrary: fc.record({
      priceVersion: u32,
      bytePrice: u64,
      cpuPrice: u64,
      fromEpoch: epoch,
      services: ascending(u32, 255, (serviceId, value) => ({ serviceId, multiplePpm: Number(value % 2n ** 32n) })),
    }),
    encode: frames.encodePrice,
    decode: frames.decodePrice,
    fixedBytes: 29,
  },
  {
    name: 'METER',
    arbitrary: fc.record({ serviceId: u32, epoch, cumCpuMicros: u64 }),
    encode: frames.encodeMeter,
    decode: frames.decodeMeter,
  },
]

describe.each(CODECS)('$name', ({ arbitrary, encode, decode, fixedBytes }) => {
  test('decodes to what was encoded, also inside a larger buffer', () => {
    fc.assert(
      fc.property(arbitrary, (frame) => {
        const body = encode(frame as never)
        const padded = new Uint8Array(body.length + 7)
        padded.set(body, 3)
        const decoded = decode(padded.subarray(3, 3 + body.length))
        padded.fill(0)
        expect(decoded).toEqual(frame)
      }),
    )
  })

  test('with any byte changed is refused, or is the one encoding of what it then says', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, at, change) => {
        const body = encode(frame as never)
        body[at % body.length]! ^= change
        const decoded = attempt(() => decode(body))
        if (decoded !== undefined) expect(encode(decoded as never)).toEqual(body)
      }),
      { numRuns: 1_000 },
    )
  })

  if (fixedBytes === undefined) return
  test('cut anywhere in its list, or longer than it says, is refused', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 20 }), (frame, at, tail) => {
        const body = encode(frame as never)
        const listBytes = body.length - fixedBytes
        if (listBytes > 0) expect(attempt(() => decode(body.slice(0, body.length - 1 - (at % listBytes))))).toBeUndefined()
        expect(attempt(() => decode(Uint8Array.from([...body, ...tail])))).toBeUndefined()
      }),
    )
  })
})

test('WINDOW says its bytes in the body and whether the node is stopped in its flag', () => {
  expect([...frames.encodeWindow({ window: 0x01020304 })]).toEqual([4, 3, 2, 1])
  expect(frames.decodeWindow(Uint8Array.of(4, 3, 2, 1), 0)).toEqual({ window: 0x01020304, isStopped: false })
  expect(frames.decodeWindow(Uint8Array.of(255, 255, 255, 255), 1)).toEqual({ window: 2 ** 32 - 1, isStopped: true })
})

const NONE = new Uint8Array()
const at = (lane: number): { lane: number; verifiedOffset: bigint; offset: bigint } => ({ lane, verifiedOffset: 1n, offset: 1n })
const ack = (...lanes: number[]): Uint8Array => frames.encodeAck({ acknowledgement: new Uint8Array(236), lanes: lanes.map(at) })
const epochOf = (number: bigint, ...lanes: number[]): Uint8Array =>
  frames.encodeEpoch({ epoch: number, rand: NONE, priceVersion: 0, lanes: lanes.map(at) })
const price = (fromEpoch: bigint, ...services: number[]): Uint8Array => {
  const list = services.map((serviceId) => ({ serviceId, multiplePpm: 1 }))
  return frames.encodePrice({ priceVersion: 1, bytePrice: 1n, cpuPrice: 1n, fromEpoch, services: list })
}

test.each([
  ['an ACK of lane 0, which is the session', () => frames.decodeAck(ack(0))],
  ['an ACK that names a lane twice', () => frames.decodeAck(ack(3, 3))],
  ['an ACK whose lanes fall', () => frames.decodeAck(ack(3, 2))],
  ['a tick of epoch 2^32', () => frames.decodeTick(frames.encodeTick({ epoch: 2n ** 32n, serviceId: 0, index: 1, preimage: NONE }))],
  ['an EPOCH of 2^32', () => frames.decodeEpoch(epochOf(2n ** 32n))],
  ['an EPOCH of lane 0', () => frames.decodeEpoch(epochOf(1n, 0))],
  ['an EPOCH whose lanes fall', () => frames.decodeEpoch(epochOf(1n, 7, 6))],
  ['a PRICE from epoch 2^32 on', () => frames.decodePrice(price(2n ** 32n))],
  ['a PRICE that names a service twice', () => frames.decodePrice(price(1n, 0, 0))],
  ['a METER of epoch 2^32', () => frames.decodeMeter(frames.encodeMeter({ serviceId: 0, epoch: 2n ** 32n, cumCpuMicros: 0n }))],
])('%s is refused with 1', (_, decode) => {
  expect(decode).toThrow(expect.objectContaining({ code: 'HANDSHAKE_PROTOCOL', laneCode: 1 }))
})

/** The value, or undefined when code 1 was thrown; anything else that is thrown goes through. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof HandshakeError && error.code === 'HANDSHAKE_PROTOCOL' && error.laneCode === 1) return undefined
    throw error
  }
}
