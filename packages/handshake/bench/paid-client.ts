/** Clients that pay: an account's word for a session key, and a session that signs. */
import { createKeyPair, type KeyPair } from '@selvedge/crypto/ed25519'
import { addressOf, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { type Delegation, delegationDigestOf, encodeDelegation } from '@selvedge/delivery-acknowledgement'
import { createPayer, type Payer } from '@selvedge/delivery-acknowledgement/client'
import { type Carrier, connectSession, type Session } from '@selvedge/handshake'
import { CHAIN_ID } from './paid-books.ts'

export interface BenchAccount {
  readonly delegation: Delegation
  readonly sessionKey: KeyPair
}

/** The account of one client; another index, another account. */
export function accountOf(index: number): BenchAccount {
  const secret = seedOf(7, index)
  const sessionKey = createKeyPair(seedOf(8, index))
  const fields = {
    account: addressOf(secp256k1PublicKeyOf(secret)),
    sessionKey: sessionKey.publicKey,
    spendCap: 10n ** 12n,
    notAfterEpoch: 100n,
    nonce: 1n,
    services: [],
  }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), secret)
  return { delegation: { ...fields, signature: Uint8Array.of(...signature, v) }, sessionKey }
}

function seedOf(fill: number, index: number): Uint8Array {
  const seed = new Uint8Array(32).fill(fill)
  new DataView(seed.buffer).setUint32(0, index)
  return seed
}

export interface PaidSession {
  readonly session: Session
  readonly payer: Payer
}

export interface NodeTarget {
  readonly port: number
  readonly nodeKey: Uint8Array
}

/** @param more - `carrier`: instead of TLS to the port. */
export async function openPaidSession(
  { port, nodeKey }: NodeTarget,
  { delegation, sessionKey }: BenchAccount,
  more: { readonly carrier?: Carrier; readonly resumeTimeoutMs?: number } = {},
): Promise<PaidSession> {
  const payer = createPayer({
    chainId: CHAIN_ID,
    nodeKey,
    delegation,
    sign: (preimage) => sessionKey.sign(preimage),
    capMicroUsd: 10n ** 12n,
    nowMs: () => performance.now(),
  })
  const { carrier, ...rest } = more
  const way = carrier === undefined ? { host: '127.0.0.1', port } : { carrier }
  const paying = { identity: sessionKey, delegation: encodeDelegation(delegation), payer }
  return { session: await connectSession({ ...way, nodeKey, chainId: CHAIN_ID, ...paying, ...rest }), payer }
}
