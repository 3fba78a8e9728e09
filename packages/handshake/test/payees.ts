/** Accounts that pay, each with a session key and its word for it. */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { type Delegation, delegationDigestOf } from '@selvedge/delivery-acknowledgement'
import { CHAIN } from './cores.ts'

export interface Payee {
  readonly account: Uint8Array
  readonly sessionKey: KeyPair
  readonly delegation: Delegation
}
const payees = new Map<number, Payee>()
/** An account with a delegation that allows everything; the same each time, for signing is what costs. */
export function payeeOf(client: number): Payee {
  const known = payees.get(client)
  if (known !== undefined) return known
  const secret = new Uint8Array(32).fill(100 + client)
  const account = addressOf(secp256k1PublicKeyOf(secret))
  const sessionKey = createKeyPair(new Uint8Array(32).fill(50 + client))
  const fields = { account, sessionKey: sessionKey.publicKey, spendCap: 2n ** 62n, notAfterEpoch: 1_000n, nonce: 1n, services: [] }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN, fields), secret)
  const payee = { account, sessionKey, delegation: { ...fields, signature: Uint8Array.of(...signature, v) } }
  payees.set(client, payee)
  return payee
}
