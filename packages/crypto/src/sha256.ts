/** SHA-256, synchronous: Node's own where there is one, JavaScript elsewhere. It hashes all that is signed, chained or used as an id. */
import { createHash, hashBytes } from '#sha256-engine'
import { CryptoError } from './errors.ts'

export const SHA256_BYTES = 32

/**
 * The 32-byte SHA-256 of `bytes`.
 * @example sha256(new TextEncoder().encode('abc'))
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hashBytes(bytes)
}

/** Hashes what comes in pieces. `digest` ends it: the next call of either method throws. */
export interface Sha256 {
  update(bytes: Uint8Array): this
  /** 32 bytes. */
  digest(): Uint8Array
}

/**
 * Makes an incremental SHA-256.
 * @throws {CryptoError} `CRYPTO_FINISHED` from either method after `digest`.
 */
export function createSha256(): Sha256 {
  const hash = createHash()
  let finished = false
  const assertRunning = (): void => {
    if (finished) throw new CryptoError('CRYPTO_FINISHED', 'this SHA-256 has given its digest')
  }
  return {
    update(bytes) {
      assertRunning()
      hash.update(bytes)
      return this
    },
    digest() {
      assertRunning()
      finished = true
      return hash.digest()
    },
  }
}
