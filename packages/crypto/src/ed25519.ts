/**
 * Ed25519 with one meaning everywhere: libsodium's rule (see ed25519-rules.ts), whichever engine does the arithmetic.
 *
 * A native engine is tried, before it is first used, on cases on which libraries are known to disagree; one that differs is never used.
 */
import { chooseEngine } from '#ed25519-engine'
import { isAdmissible, isAdmissibleKey, SEED_BYTES, type Ed25519Engine } from './ed25519-rules.ts'
import { CryptoError } from './errors.ts'

export { PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES } from './ed25519-rules.ts'

/** A private key and what goes with it. `seed` is the secret: 32 bytes, RFC 8032. */
export interface KeyPair {
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
  /** Deterministic signature of `message`, 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/**
 * Makes a key pair from a 32-byte seed, or from 32 fresh random bytes.
 * @throws {CryptoError} `CRYPTO_BAD_LENGTH`
 */
export function createKeyPair(seed: Uint8Array = crypto.getRandomValues(new Uint8Array(SEED_BYTES))): KeyPair {
  if (seed.length !== SEED_BYTES) throw new CryptoError('CRYPTO_BAD_LENGTH', `seed must be ${SEED_BYTES} bytes, got ${seed.length}`)
  const own = new Uint8Array(seed) // the caller may overwrite his, and `slice` of a Buffer is a view
  const publicKey = engine().publicKeyOf(own)
  return { seed: own, publicKey, sign: engine().createSigner(own, publicKey) }
}

/**
 * Throws unless `signature` (64 bytes) is one of `publicKey` (32 bytes) over `message`.
 * @throws {CryptoError} `CRYPTO_BAD_SIGNATURE`
 * @example verifyEd25519(keys.sign(message), message, keys.publicKey)
 */
export function verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): void {
  if (!isEd25519Signature(signature, message, publicKey)) {
    throw new CryptoError('CRYPTO_BAD_SIGNATURE', `no valid Ed25519 signature over these ${message.length} bytes by this key`)
  }
}

/** Whether `signature` is one of `publicKey` over `message`. Any other length is `false`, never an error. Not constant in time. */
export function isEd25519Signature(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  return isAdmissible(signature, publicKey) && engine().isEqual(signature, message, publicKey)
}

/**
 * Whether `publicKey` is the canonical encoding of a point of the prime-order subgroup: to be asked once, when a key is registered. A
 * signature under another key can be good or bad as the message happens to be.
 */
export function isPrimeOrderKey(publicKey: Uint8Array): boolean {
  return isAdmissibleKey(publicKey) && engine().isPrimeOrder(publicKey)
}

let chosen: Ed25519Engine | undefined

function engine(): Ed25519Engine {
  return (chosen ??= chooseEngine())
}
