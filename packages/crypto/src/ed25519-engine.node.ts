/**
 * The native Ed25519 engines: libsodium where the optional package `sodium-native` is installed (it ships prebuilt, nothing is compiled),
 * else Node's own OpenSSL at about half the speed. Both recompute `R` without cofactor and compare bytes.
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { createRequire } from 'node:module'
import type * as noble from '@noble/curves/ed25519.js'
import { CryptoError } from './errors.ts'
import type { Ed25519Engine } from './ed25519-rules.ts'
import { checkedEngine } from './ed25519-self-test.ts'

/** The part of sodium-native that is used. Its verify accepts signatures longer than 64 bytes: lengths are checked before. */
interface Sodium {
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** On the curve, canonical, in the main subgroup, not of small order. */
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean
}

const require = createRequire(import.meta.url)

/** DER of a PKCS #8 Ed25519 private key, up to the seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')

export const nodeEngine: Ed25519Engine = {
  name: 'node',
  publicKeyOf(seed) {
    const { x } = createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' })
    if (x === undefined) throw new CryptoError('CRYPTO_SELF_TEST', 'node:crypto exported an Ed25519 key without x')
    return new Uint8Array(Buffer.from(x, 'base64url'))
  },
  createSigner(seed) {
    const key = privateKeyOf(seed)
    return (message) => new Uint8Array(sign(null, message, key))
  },
  isEqual(signature, message, publicKey) {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64url(publicKey) }, format: 'jwk' })
    return verify(null, message, key, signature)
  },
  /** OpenSSL has no such question, so noble answers it. Keys are checked once, when they are registered: it is loaded then. */
  isPrimeOrder(publicKey) {
    const { ed25519 } = require('@noble/curves/ed25519.js') as typeof noble
    try {
      return ed25519.Point.fromBytes(publicKey).isTorsionFree()
    } catch {
      return false // noble throws for 32 bytes that are no point of the curve
    }
  },
}

/** The engines of this machine, the preferred one first. */
export const engines: readonly Ed25519Engine[] = [...sodiumEngines(), nodeEngine]

/** The first of them, once it has passed the self-test. @throws {CryptoError} `CRYPTO_SELF_TEST` */
export const chooseEngine = (): Ed25519Engine => checkedEngine(engines[0]!)

function privateKeyOf(seed: Uint8Array): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

function sodiumEngines(): Ed25519Engine[] {
  let sodium: Sodium
  try {
    sodium = require('sodium-native') as Sodium
  } catch {
    return [] // not installed, or no prebuilt file for this platform: OpenSSL serves
  }
  return [
    {
      name: 'sodium',
      publicKeyOf: (seed) => nodeEngine.publicKeyOf(seed),
      createSigner(seed, publicKey) {
        const secretKey = Buffer.concat([seed, publicKey])
        return (message) => {
          const signature = Buffer.alloc(64)
          sodium.crypto_sign_detached(signature, message, secretKey)
          return new Uint8Array(signature.buffer, signature.byteOffset, 64)
        }
      },
      isEqual: (signature, message, publicKey) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
      isPrimeOrder: (publicKey) => sodium.crypto_core_ed25519_is_valid_point(publicKey),
    },
  ]
}
