/** Signatures to be checked, and what the thread that asks answers to each by itself. */
import { createKeyPair, isEd25519Signature } from '../src/ed25519.ts'
import { recoverAddress, signSecp256k1 } from '../src/secp256k1.ts'
import type { Ed25519Item, RecoveryItem } from '../src/verify-batch.ts'

const keys = [1, 2, 3].map((byte) => createKeyPair(new Uint8Array(32).fill(byte)))

/** A good one, over `message` or over 4 bytes that no other index has. */
export function signed(index: number, message: Uint8Array = new Uint8Array(Uint32Array.of(index).buffer)): Ed25519Item {
  const { sign, publicKey } = keys[index % keys.length]!
  return { signature: sign(message), message, publicKey }
}

export const spoilt = (item: Ed25519Item): Ed25519Item => ({ ...item, signature: item.signature.with(40, item.signature[40]! ^ 1) })

export const manySigned = (count: number): Ed25519Item[] => Array.from({ length: count }, (_, index) => signed(index))

/** By the account of `index`, over a digest that no other index has. */
export function signedByAccount(index: number): RecoveryItem {
  const digest = new Uint8Array(32)
  digest.set(Uint32Array.of(index))
  return { digest, ...signSecp256k1(digest, new Uint8Array(32).fill(1 + (index % 5))) }
}

export const answerTo = ({ signature, message, publicKey }: Ed25519Item): boolean => isEd25519Signature(signature, message, publicKey)

export const accountOf = ({ digest, signature, v }: RecoveryItem): Uint8Array | undefined => recoverAddress(digest, signature, v)
