/** The codec, and row 24: an acknowledgement that was changed anywhere is refused, whatever else of it still holds. */
import {
  ACKNOWLEDGEMENT_BYTES,
  ACKNOWLEDGEMENT_PREIMAGE_BYTES,
  type AcknowledgementFault,
  type AcknowledgementFields,
  acknowledgementPreimageOf,
  checkAcknowledgement,
  decodeAcknowledgement,
  DeliveryAcknowledgementError,
  encodeAcknowledgement,
  type EpochRules,
  type Evidence,
} from '@selvedge/delivery-acknowledgement'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { delegationOf, evidenceOf, PRICES, RULES } from './support/world.ts'

const PLAN = { client: 3, serviceId: 1, session: 8, bytes: 5_000_000n }
const good = evidenceOf(PLAN)

const faultOf = (evidence: Evidence, rules: EpochRules = RULES): AcknowledgementFault | undefined => {
  const verdict = checkAcknowledgement(evidence, rules)
  return verdict.isPayable ? undefined : verdict.fault
}
/** The fault of one that was signed with other fields. */
const signedWith = (change: Partial<AcknowledgementFields>): AcknowledgementFault | undefined => faultOf(evidenceOf(PLAN, change))

test('the encoding is 236 bytes of which 172 are signed', () => {
  const bytes = encodeAcknowledgement(good.acknowledgement)
  expect(bytes.length).toBe(ACKNOWLEDGEMENT_BYTES)
  expect(acknowledgementPreimageOf(good.acknowledgement)).toEqual(bytes.slice(0, ACKNOWLEDGEMENT_PREIMAGE_BYTES))
  expect(new TextDecoder().decode(bytes.slice(0, 8))).toBe('SLVDACK1')
  expect(decodeAcknowledgement(bytes)).toEqual(good.acknowledgement)
})

test('fields stand where the page says', () => {
  const view = new DataView(encodeAcknowledgement(good.acknowledgement).buffer)
  const numbers = [view.getUint32(8, true), view.getUint32(48, true), view.getUint32(52, true), view.getUint8(56), view.getUint8(57)]
  expect(numbers).toEqual([7, 2, 1, 0, 0])
  expect([view.getBigUint64(58, true), view.getUint32(66, true), view.getBigUint64(70, true)]).toEqual([5n, 4, 5_000_000n])
  expect([view.getBigUint64(86, true), view.getUint32(94, true), view.getUint32(168, true)]).toEqual([50n, 3, 6])
})

test('the decoder accepts nothing but what the encoder writes', () => {
  fc.assert(
    fc.property(fc.nat(ACKNOWLEDGEMENT_BYTES - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = encodeAcknowledgement(good.acknowledgement)
      bytes[at]! ^= change
      try {
        expect(encodeAcknowledgement(decodeAcknowledgement(bytes))).toEqual(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(DeliveryAcknowledgementError)
      }
    }),
  )
})

test('every truncation and any byte too many is malformed', () => {
  const bytes = encodeAcknowledgement(good.acknowledgement)
  for (let length = 0; length < bytes.length; length++) expect(() => decodeAcknowledgement(bytes.slice(0, length))).toThrow('has 236 bytes')
  expect(() => decodeAcknowledgement(Uint8Array.of(...bytes, 0))).toThrow('has 236 bytes')
})

test.each([
  ['chainId', { chainId: 0 }],
  ['seq', { seq: 0 }],
  ['epoch', { epoch: 2n ** 32n }],
  ['cumBytes', { cumBytes: 2n ** 64n }],
  ['cumPrice', { cumPrice: -1n }],
  ['nodeIndex', { nodeIndex: 2 ** 32 }],
  ['ttfbMs', { ttfbMs: 65_536 }],
  ['goodputKbps', { goodputKbps: 1.5 }],
  ['account', { account: new Uint8Array(19) }],
] as const)('what does not fit into %s is refused, not wrapped', (_, change) => {
  expect(() => acknowledgementPreimageOf({ ...good.acknowledgement, ...change })).toThrow(DeliveryAcknowledgementError)
})

test('a good one pays for its bytes, and for those of the tick behind it', () => {
  expect(checkAcknowledgement(good, RULES)).toEqual({ isPayable: true, amount: 50n, client: { clientIndex: 3, minNonce: 1n } })
  const withTick = evidenceOf({ ...PLAN, tickIndex: 256 })
  expect(checkAcknowledgement(withTick, RULES)).toMatchObject({ isPayable: true, amount: (5_000_000n + 256n * 65_536n) / 100_000n })
})

test('every bit of the 236 bytes, flipped, makes it malformed or unpayable', () => {
  const bytes = encodeAcknowledgement(good.acknowledgement)
  const signed = new Set<string>() // the delegation is the same each time
  let refused = 0
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    let isPayable = false
    try {
      isPayable = checkAcknowledgement({ ...good, acknowledgement: decodeAcknowledgement(flipped) }, RULES, signed).isPayable
    } catch (error) {
      expect(error).toBeInstanceOf(DeliveryAcknowledgementError)
    }
    if (!isPayable) refused += 1
  }
  expect(refused).toBe(8 * ACKNOWLEDGEMENT_BYTES)
})

test('a session replayed into another chain, epoch, node or session is refused though it is signed', () => {
  expect(signedWith({ chainId: 8 })).toBe('chain')
  expect(signedWith({ epoch: 6n, expiryEpoch: 7 })).toBe('epoch')
  expect(signedWith({ expiryEpoch: 7 })).toBe('epoch')
  expect(signedWith({ nodeIndex: 3 })).toBe('node')
  expect(signedWith({ sessionId: new Uint8Array(16) })).toBe('session')
  expect(faultOf({ ...good, session: { ...good.session, laneNonce: 9n } })).toBe('session')
  expect(faultOf({ ...good, session: { ...good.session, clientRand: new Uint8Array(16) } })).toBe('session')
  expect(faultOf({ ...good, session: { ...good.session, nodeRand: new Uint8Array(16) } })).toBe('session')
  expect(faultOf(good, { ...RULES, chainId: 8 })).toBe('chain')
  expect(faultOf(good, { ...RULES, nodeKey: new Uint8Array(32).fill(9) })).toBe('session')
})

test('a price that is not exactly what was delivered is refused', () => {
  expect(signedWith({ cumPrice: 49n })).toBe('price')
  expect(signedWith({ cumPrice: 51n })).toBe('price')
  expect(signedWith({ priceVersion: 2 })).toBe('price-version')
  expect(signedWith({ cumCpuMicros: 1_000_000n })).toBe('price')
  expect(signedWith({ cumCpuMicros: 1_000_000n, cumPrice: 100n })).toBeUndefined()
  expect(signedWith({ cumBytes: 2n ** 64n - 1n, cumCpuMicros: 2n ** 64n - 1n })).toBe('price')
  expect(faultOf(good, { ...RULES, multiplePpmOf: () => 500_000 })).toBe('price')
  expect(faultOf(good, { ...RULES, prices: { ...PRICES, bytePrice: 2n ** 64n } })).toBe('price')
})

test('the ledger knows the service and the client, or nothing is payable', () => {
  expect(faultOf(evidenceOf({ ...PLAN, serviceId: 4 }))).toBe('service')
  expect(faultOf(good, { ...RULES, clientOf: () => undefined })).toBe('client')
})

test('a delegation binds its account, its services, its time, its cap and its nonce', () => {
  const other = delegationOf(4)
  expect(faultOf({ ...good, delegation: other })).toBe('account')
  expect(faultOf({ ...good, delegation: delegationOf(3, { services: [0, 2] }) })).toBe('delegation-service')
  expect(faultOf({ ...good, delegation: delegationOf(3, { services: [0, 1] }) })).toBeUndefined()
  expect(faultOf({ ...good, delegation: delegationOf(3, { notAfterEpoch: 4n }) })).toBe('delegation-expired')
  expect(faultOf({ ...good, delegation: delegationOf(3, { notAfterEpoch: 5n }) })).toBeUndefined()
  expect(faultOf({ ...good, delegation: delegationOf(3, { nonce: 0n }) })).toBe('delegation-revoked')
  expect(faultOf({ ...good, delegation: delegationOf(3, { spendCap: 49n }) })).toBe('spend-cap')
  expect(faultOf({ ...good, delegation: delegationOf(3, { spendCap: 50n }) })).toBeUndefined()
})

test('signatures of another account or session key are refused', () => {
  const bent = { ...good.delegation, spendCap: 10n ** 12n } // not what was signed
  expect(faultOf({ ...good, delegation: bent })).toBe('delegation-signature')
  const acknowledgement = { ...good.acknowledgement, signature: new Uint8Array(64) }
  expect(faultOf({ ...good, acknowledgement })).toBe('signature')
})

test('a tick counts only behind its own anchor, and 256 of them at most', () => {
  const withTick = evidenceOf({ ...PLAN, tickIndex: 7 })
  expect(faultOf({ ...withTick, tick: { ...withTick.tick, index: 8 } })).toBe('tick')
  expect(faultOf({ ...withTick, tick: { index: 7, x: new Uint8Array(32) } })).toBe('tick')
  expect(faultOf({ ...good, tick: { index: 0, x: new Uint8Array(32).fill(1) } })).toBe('tick')
  expect(faultOf({ ...evidenceOf(PLAN, { payAnchor: new Uint8Array(32) }), tick: withTick.tick })).toBe('tick')
  expect(faultOf(evidenceOf({ ...PLAN, tickIndex: 257 }))).toBe('tick')
})

test('a delegation that was found signed is not recovered again, and one that was not is', () => {
  const signed = new Set<string>()
  expect(checkAcknowledgement(good, RULES, signed).isPayable).toBe(true)
  expect(signed.size).toBe(1)
  const bent = { ...good, delegation: { ...good.delegation, spendCap: 10n ** 12n } }
  expect(checkAcknowledgement(bent, RULES, signed)).toEqual({ isPayable: false, fault: 'delegation-signature' })
  expect(checkAcknowledgement(good, RULES, signed).isPayable).toBe(true)
  expect(signed.size).toBe(1)
})
