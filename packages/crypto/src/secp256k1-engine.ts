/** The portable secp256k1 engine: audited curve arithmetic in JavaScript, some twenty times slower than native code. */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Secp256k1Engine } from './secp256k1-rules.ts'

export const portableEngine: Secp256k1Engine = {
  name: 'portable',
  publicKeyOf(secretKey) {
    return secp256k1.utils.isValidSecretKey(secretKey) ? secp256k1.getPublicKey(secretKey, false).slice(1) : undefined
  },
  sign(digest, secretKey) {
    const bytes = secp256k1.sign(digest, secretKey, { prehash: false, lowS: true, format: 'recovered' })
    return { signature: bytes.slice(1), recovery: bytes[0]! }
  },
  recover(digest, signature, recovery) {
    const bytes = new Uint8Array(65)
    bytes[0] = recovery
    bytes.set(signature, 1)
    try {
      return secp256k1.Signature.fromBytes(bytes, 'recovered').recoverPublicKey(digest).toBytes(false).slice(1)
    } catch {
      return undefined // noble throws plain errors where r is the x of no point, or the key would be the identity
    }
  },
}

/** The 32-byte Keccak-256 of `bytes`. */
export const hashKeccak = (bytes: Uint8Array): Uint8Array => keccak_256(bytes)

/** The engines of this machine, the preferred one first. */
export const engines: readonly Secp256k1Engine[] = [portableEngine]
