import { expect, test } from 'vitest'
import { HandshakeError } from '../src/errors.ts'
import { decodeResume, encodeResume, type ResumeBody } from '../src/resume-frame.ts'

const FRAME: ResumeBody = {
  epoch: 5n,
  lanes: [
    { lane: 1, isTaken: true, isEnded: false, received: 70_000, limit: 2_300_000 },
    { lane: 9, isTaken: false, isEnded: false, received: 0, limit: 2_359_296 },
    { lane: 8_191, isTaken: true, isEnded: true, received: 2 ** 40, limit: 2 ** 40 },
  ],
  chains: [
    { epoch: 4n, serviceId: 0, seq: 17 },
    { epoch: 4n, serviceId: 3, seq: 0 },
    { epoch: 5n, serviceId: 0, seq: 1 },
  ],
}
const BYTES = encodeResume(FRAME)
/** With one number of it changed, at its place in the layout. */
const changed = (change: (view: DataView) => void): Uint8Array => {
  const out = BYTES.slice()
  change(new DataView(out.buffer))
  return out
}

test('RESUME has one encoding: 11 bytes, 19 for a lane and 16 for a chain', () => {
  expect(BYTES).toHaveLength(11 + 3 * 19 + 3 * 16)
  expect(decodeResume(BYTES)).toEqual(FRAME)
  const empty = { epoch: 0n, lanes: [], chains: [] }
  expect(decodeResume(encodeResume(empty))).toEqual(empty)
})

test('whatever is accepted encodes to the same bytes, each bit flipped', () => {
  let accepted = 0
  for (let bit = 0; bit < BYTES.length * 8; bit++) {
    const flipped = BYTES.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    let frame: ResumeBody
    try {
      frame = decodeResume(flipped)
    } catch (error) {
      expect((error as HandshakeError).laneCode).toBe(1)
      continue
    }
    expect(encodeResume(frame)).toEqual(flipped)
    accepted++
  }
  expect(accepted).toBeGreaterThan(100)
})

test.each(Array.from({ length: BYTES.length - 11 }, (_, i) => BYTES.subarray(0, 11 + i)).map((bytes) => [bytes.length, bytes] as const))(
  'cut at %i bytes it is refused',
  (_, bytes) => {
    expect(() => decodeResume(bytes)).toThrow(HandshakeError)
  },
)

test.each([
  ['a byte more', Uint8Array.of(...BYTES, 0)],
  ['lane 0', changed((view) => view.setUint16(10, 0, true))],
  ['lanes not ascending', changed((view) => view.setUint16(10 + 19, 1, true))],
  ['another flag', changed((view) => view.setUint8(12, 4))],
  ['more received than granted', changed((view) => view.setBigUint64(13, 2_300_001n, true))],
  ['a limit beyond 2^53', changed((view) => view.setBigUint64(21, 2n ** 53n, true))],
  ['chains not ascending', changed((view) => view.setUint32(10 + 3 * 19 + 1 + 16 + 8, 0, true))],
  ['an epoch beyond 2^32 - 2', changed((view) => view.setBigUint64(0, 2n ** 32n - 1n, true))],
  ['257 lanes', changed((view) => view.setUint16(8, 257, true))],
])('%s is refused with code 1', (_, bytes) => {
  expect(() => decodeResume(bytes)).toThrow(expect.objectContaining({ code: 'HANDSHAKE_PROTOCOL', laneCode: 1 }))
})
