/** The delegation is what a wallet shows and signs. */
import {
  decodeDelegation,
  delegationDigestOf,
  DeliveryAcknowledgementError,
  encodeDelegation,
  isDelegationSigned,
} from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'
import { accountKeyOf, CHAIN_ID, delegationOf, signDelegation } from './support/world.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('the digest is what an Ethereum wallet computes for the typed data', () => {
  // Made with viem's hashTypedData: domain {name 'Selvedge', version '1', chainId 7}, the message below.
  const fields = {
    account: new Uint8Array(20).fill(0x11),
    sessionKey: new Uint8Array(32).fill(0x22),
    spendCap: 1_000_000n,
    notAfterEpoch: 900n,
    nonce: 2n ** 64n - 1n,
    services: [0, 5, 4_294_967_295],
  }
  expect(hex(delegationDigestOf(7, fields))).toBe('cc1a6bdb4b34da39ed75ce10e48293adfa0a07c83849eed8b30995c300f1ba2e')
  expect(hex(delegationDigestOf(8, { ...fields, services: [] }))).toBe('3f65d5bf0ae51a7b72cfec314d4d8ef3575d5f50e87a948404ebea55129a65c1')
})

test.each([0, 1, 32])('with %i services it has 142 bytes and 4 for each', (count) => {
  const delegation = delegationOf(1, { services: Array.from({ length: count }, (_, index) => 2 * index) })
  const bytes = encodeDelegation(delegation)
  expect(bytes.length).toBe(142 + 4 * count)
  expect(decodeDelegation(bytes)).toEqual(delegation)
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeDelegation(bytes.slice(0, length))).toThrow(DeliveryAcknowledgementError)
  expect(() => decodeDelegation(Uint8Array.of(...bytes, 0))).toThrow(DeliveryAcknowledgementError)
})

test('every bit flipped is malformed, or not signed by that account, and what is accepted is canonical', () => {
  const bytes = encodeDelegation(delegationOf(1, { services: [3, 4] }))
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    try {
      const decoded = decodeDelegation(flipped)
      expect(encodeDelegation(decoded)).toEqual(flipped)
      expect(isDelegationSigned(CHAIN_ID, decoded)).toBe(false)
    } catch (error) {
      expect(error).toBeInstanceOf(DeliveryAcknowledgementError)
    }
  }
})

test('it holds on one chain', () => {
  const delegation = delegationOf(1)
  expect(isDelegationSigned(CHAIN_ID, delegation)).toBe(true)
  expect(isDelegationSigned(CHAIN_ID + 1, delegation)).toBe(false)
  expect(isDelegationSigned(CHAIN_ID, signDelegation(delegation, accountKeyOf(2)))).toBe(false)
})

test('services that repeat or descend, 33 of them, and a v above 1 are refused', () => {
  const plain = delegationOf(1)
  for (const services of [[1, 1], [2, 1], Array.from({ length: 33 }, (_, index) => index)]) {
    expect(() => encodeDelegation({ ...plain, services })).toThrow(DeliveryAcknowledgementError)
  }
  expect(() => encodeDelegation({ ...plain, signature: new Uint8Array(65).fill(2) })).toThrow('v of the signature')
  expect(() => encodeDelegation({ ...plain, notAfterEpoch: 2n ** 32n })).toThrow('notAfterEpoch')
})
