import { createKeyPair } from '@selvedge/crypto/ed25519'
import type { Payer } from '@selvedge/delivery-acknowledgement/client'
import type { SessionPayer } from '@selvedge/handshake'
import { decodeNoiseRecord, encodeNoiseRecord, isNoiseRecordSigned, noiseRecordSigningBytes } from '@selvedge/ledger-types'
import { expect, expectTypeOf, test } from 'vitest'

test('a payer fits the session that the client opens', () => {
  expectTypeOf<Payer>().toExtend<SessionPayer>()
})

test('the key of a node that a page is told holds for one chain and one node', () => {
  const node = createKeyPair(),
    other = createKeyPair()
  const unsigned = { nodeKey: node.publicKey, x25519: new Uint8Array(32).fill(9), notAfterEpoch: 7 }
  const told = encodeNoiseRecord({ ...unsigned, signature: node.sign(noiseRecordSigningBytes(5, unsigned)) })
  const record = decodeNoiseRecord(told)
  expect(isNoiseRecordSigned(5, record)).toBe(true)
  expect(isNoiseRecordSigned(6, record)).toBe(false)
  expect(isNoiseRecordSigned(5, { ...record, nodeKey: other.publicKey })).toBe(false)
})
