/**
 * The byte checks that make every Ed25519 engine agree.
 *
 * Ed25519 libraries differ on edge cases, and a ledger forks where two of them do. Our one rule is libsodium's: no cofactor, `S` below
 * the group order, the key canonical, neither key nor `R` of small order, and `R` compared as bytes with what is recomputed. All of it
 * but the last is decided here from bytes alone; the engines (libsodium, OpenSSL, noble's curve arithmetic) only do the last step, on
 * which they agree.
 *
 * Source: libsodium `crypto_sign/ed25519/ref10/open.c`; "Taming the many EdDSAs" (2020), section 3 for the small-order encodings.
 */

/** What an engine does. Lengths were checked; `isEqual` decides `S·B − k·A = R` without cofactor, comparing `R` as bytes. */
export interface Ed25519Engine {
  readonly name: 'sodium' | 'node' | 'portable'
  /** `seed` 32 bytes → public key 32 bytes. */
  publicKeyOf(seed: Uint8Array): Uint8Array
  /** A function that signs with `seed`, so that an engine may prepare the key once. */
  createSigner(seed: Uint8Array, publicKey: Uint8Array): (message: Uint8Array) => Uint8Array
  isEqual(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** Whether the key is a point of the curve and of the prime-order subgroup. The encoding was checked. */
  isPrimeOrder(publicKey: Uint8Array): boolean
}

export const PUBLIC_KEY_BYTES = 32
export const SEED_BYTES = 32
export const SIGNATURE_BYTES = 64

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
/** p = 2^255 − 19 and L, the order of the base point; little endian. */
const FIELD_PRIME = bytesOf('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
const GROUP_ORDER = bytesOf('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')
/** y coordinates of the points of order 1, 2, 4 and 8, with the two that have a second encoding at or above p. The sign bit is ignored. */
const SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000', // order 4
  '0100000000000000000000000000000000000000000000000000000000000000', // order 1
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', // order 8
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // order 8
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // order 2
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p, that is 0
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // p + 1, that is 1
].map(bytesOf)

/** Whether the bytes alone leave it open that `signature` is good under `publicKey`. Public data: not constant in time. */
export function isAdmissible(signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false // libsodium's own binding takes longer ones
  return isBelow(signature, 32, GROUP_ORDER, 0xff) && isAdmissibleKey(publicKey) && !isSmallOrder(signature) // looks at R, the first 32 bytes
}

/** Whether 32 bytes may encode a key: canonical, and none of the points of small order. */
export function isAdmissibleKey(publicKey: Uint8Array): boolean {
  return publicKey.length === PUBLIC_KEY_BYTES && isBelow(publicKey, 0, FIELD_PRIME, 0x7f) && !isSmallOrder(publicKey)
}

/** Little endian comparison of 32 bytes at `offset`, the last one masked with `topMask`. */
function isBelow(bytes: Uint8Array, offset: number, limit: Uint8Array, topMask: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const byte = bytes[offset + i]! & (i === 31 ? topMask : 0xff)
    if (byte !== limit[i]!) return byte < limit[i]!
  }
  return false
}

function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_Y.some((y) => {
    for (let i = 0; i < 31; i++) if (point[i] !== y[i]) return false
    return (point[31]! & 0x7f) === y[31]
  })
}
