/** Bodies of the four node transactions: one encoding each, nothing else accepted, no length believed. */
import {
  type ClaimAnswer,
  decodeClaimAnswer,
  decodeClaimCommit,
  decodeClaimDebits,
  decodeDisputeAnswer,
  DeliveryAcknowledgementError,
  encodeClaimAnswer,
  encodeClaimCommit,
  encodeClaimDebits,
  encodeDisputeAnswer,
  encodeOpening,
} from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { claimOf, delegationOf, evidenceOf, seedOf } from './support/world.ts'

const evidence = [0, 1, 2, 3, 4].map((session) =>
  evidenceOf({ client: 1 + (session >> 1), serviceId: 0, session, bytes: 10n ** 6n, tickIndex: session }),
)
const claim = claimOf(evidence)
const answer: ClaimAnswer = { epoch: 5n, nodeIndex: 2, first: 3, openings: [claim.open(0), claim.open(4)] }

const bodies: readonly (readonly [string, Uint8Array, (body: Uint8Array) => unknown, (value: never) => Uint8Array])[] = [
  [
    'ClaimCommit',
    encodeClaimCommit({ epoch: 5n, nodeIndex: 2, root: claim.tree.root, total: claim.tree.total, count: 5, debitsDigest: seedOf(4) }),
    decodeClaimCommit,
    encodeClaimCommit,
  ],
  [
    'ClaimDebits',
    encodeClaimDebits({ epoch: 5n, nodeIndex: 2, part: 1, parts: 3, bytes: Uint8Array.of(1, 2, 3) }),
    decodeClaimDebits,
    encodeClaimDebits,
  ],
  ['ClaimAnswer', encodeClaimAnswer(answer), decodeClaimAnswer, encodeClaimAnswer],
  ['DisputeAnswer', encodeDisputeAnswer({ ...answer, clientIndex: 1, serviceId: 0 }), decodeDisputeAnswer, encodeDisputeAnswer],
]

test.each(bodies)('%s round-trips, and no truncation or longer body is one', (_, body, decode, encode) => {
  expect(encode(decode(body) as never)).toEqual(body)
  for (let length = 0; length < body.length; length++) expect(() => decode(body.slice(0, length))).toThrow(DeliveryAcknowledgementError)
  expect(() => decode(Uint8Array.of(...body, 0))).toThrow(DeliveryAcknowledgementError)
})

test.each(bodies)('%s with any byte changed is refused, or encodes to those bytes', (_, body, decode, encode) => {
  for (let at = 0; at < body.length; at++) {
    for (const change of [1, 0x80, 0xff]) {
      const bent = body.slice()
      bent[at]! ^= change
      try {
        expect(encode(decode(bent) as never)).toEqual(bent)
      } catch (error) {
        expect(error).toBeInstanceOf(DeliveryAcknowledgementError)
      }
    }
  }
})

test('an opening of 17 levels is 1,547 bytes with a delegation of 142', () => {
  const [step] = claim.tree.prove(0)
  const opening = { ...claim.open(0), delegation: delegationOf(1), path: Array.from({ length: 17 }, () => step!) }
  expect(encodeOpening(opening).length).toBe(1_547)
})

test('absurd numbers are refused before anything is allocated', () => {
  const body = encodeClaimAnswer(answer)
  const counted = body.slice()
  new DataView(counted.buffer).setUint16(14, 65_535, true)
  expect(() => decodeClaimAnswer(counted)).toThrow('beyond a u16')
  new DataView(counted.buffer).setUint16(14, 60_000, true)
  expect(() => decodeClaimAnswer(counted)).toThrow('needs')
  const debits = bodies[1]![1].slice()
  new DataView(debits.buffer).setUint32(16, 2 ** 32 - 1, true)
  expect(() => decodeClaimDebits(debits)).toThrow('1 to 61440 bytes')
})

test('no points, a part beyond its parts, an empty part and a path of 33 steps are refused', () => {
  expect(() => encodeClaimAnswer({ ...answer, openings: [] })).toThrow('are none')
  const part = { epoch: 5n, nodeIndex: 2, part: 0, parts: 1, bytes: Uint8Array.of(1) }
  expect(() => encodeClaimDebits({ ...part, part: 1 })).toThrow('part 1 of 1')
  expect(() => encodeClaimDebits({ ...part, bytes: new Uint8Array(0) })).toThrow('1 to 61440 bytes')
  expect(() => encodeClaimDebits({ ...part, bytes: new Uint8Array(61_441) })).toThrow('1 to 61440 bytes')
  const [step] = claim.tree.prove(0)
  expect(() => encodeOpening({ ...claim.open(0), path: Array.from({ length: 33 }, () => step!) })).toThrow('32 steps')
  expect(() => encodeOpening({ ...claim.open(0), tick: { index: 257, x: seedOf(1) } })).toThrow('at most 256')
  expect(() => encodeOpening({ ...claim.open(0), tick: { index: 0, x: seedOf(1) } })).toThrow('must be zero')
})
