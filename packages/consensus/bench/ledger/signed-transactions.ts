/**
 * Signed transactions of the bench, 512 bytes as the opaque ones: id 16 · number u64 · body 356 · v and three zeros 4 · key 64 · signature 64.
 *
 * The signature covers the body. Id and number are stamped onto it when a transaction leaves, so that no generator signs during a window;
 * whoever checks one does all that it takes each time: nothing about a body, a key or a signature is remembered.
 */
import { createKeyPair, isEd25519Signature } from '@selvedge/crypto/ed25519'
import { addressOf, keccak256, recoverAddress, secp256k1PublicKeyOf, signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { createHash, randomFillSync } from 'node:crypto'
import { ID_BYTES, TRANSACTION_BYTES } from './transactions.ts'

const BODY_OFFSET = ID_BYTES + 8
const V_OFFSET = 380
const KEY_OFFSET = 384
const SIGNATURE_OFFSET = 448
const KEYS = 64
const TEMPLATES = 512

/** What validators check. An account's key is its address, as Ethereum has it: recovered from the Keccak-256 of the body. */
export const SIGNATURES = ['ed25519', 'secp256k1'] as const
export type SignatureKind = (typeof SIGNATURES)[number]

export const CHECKS: Readonly<Record<SignatureKind, (transaction: Uint8Array) => boolean>> = {
  ed25519(transaction) {
    const key = transaction.subarray(KEY_OFFSET, KEY_OFFSET + 32)
    return isEd25519Signature(transaction.subarray(SIGNATURE_OFFSET), transaction.subarray(BODY_OFFSET, V_OFFSET), key)
  },
  secp256k1(transaction) {
    const digest = keccak256(transaction.subarray(BODY_OFFSET, V_OFFSET))
    const sender = recoverAddress(digest, transaction.subarray(SIGNATURE_OFFSET), transaction[V_OFFSET] ?? 0)
    return sender?.every((byte, i) => byte === transaction[KEY_OFFSET + i]) === true
  },
}

const SIGN: Readonly<Record<SignatureKind, (transaction: Uint8Array, seed: Uint8Array) => void>> = {
  ed25519(transaction, seed) {
    const keys = createKeyPair(seed)
    transaction.set(keys.publicKey, KEY_OFFSET)
    transaction.set(keys.sign(transaction.subarray(BODY_OFFSET, V_OFFSET)), SIGNATURE_OFFSET)
  },
  secp256k1(transaction, seed) {
    const { signature, v } = signSecp256k1(keccak256(transaction.subarray(BODY_OFFSET, V_OFFSET)), seed)
    transaction[V_OFFSET] = v
    transaction.set(addressOf(secp256k1PublicKeyOf(seed)), KEY_OFFSET)
    transaction.set(signature, SIGNATURE_OFFSET)
  },
}

/** Well-signed ones without id and number, by 64 keys, end to end. */
export function signedTemplates(kind: SignatureKind): Uint8Array {
  const bytes = new Uint8Array(TEMPLATES * TRANSACTION_BYTES)
  for (let i = 0; i < TEMPLATES; i++) {
    const transaction = bytes.subarray(i * TRANSACTION_BYTES, (i + 1) * TRANSACTION_BYTES)
    randomFillSync(transaction, BODY_OFFSET, V_OFFSET - BODY_OFFSET)
    SIGN[kind](
      transaction,
      createHash('sha256')
        .update(`bench key ${i % KEYS}`)
        .digest(),
    )
  }
  return bytes
}

/** µs that one check takes on one thread now, the least of several parts of a second: what the machine can do, apart from all else. */
export function checkMicros(kind: SignatureKind): number {
  const templates = signedTemplates(kind)
  const partMs = 250
  let best = Number.POSITIVE_INFINITY
  for (let part = 0; part < 4; part++) {
    const started = performance.now()
    let done = 0
    for (; performance.now() - started < partMs; done++) {
      const at = (done % TEMPLATES) * TRANSACTION_BYTES
      if (!CHECKS[kind](templates.subarray(at, at + TRANSACTION_BYTES))) throw new Error(`a signature of the bench is not good: ${kind}`)
    }
    best = Math.min(best, ((performance.now() - started) * 1000) / done)
  }
  return best
}
