/** What makes every secp256k1 engine agree: the ranges of r and s, decided here from bytes alone. */

/** What an engine does. Lengths and ranges were checked. */
export interface Secp256k1Engine {
  readonly name: 'native' | 'portable'
  /** Uncompressed key without its first byte: `x ‖ y`, 64 bytes. `undefined` for a secret key that is zero or not below the order. */
  publicKeyOf(secretKey: Uint8Array): Uint8Array | undefined
  /** Deterministic (RFC 6979), low `s`. `r ‖ s` 64 bytes, `v` 0 to 3. */
  sign(digest: Uint8Array, secretKey: Uint8Array): { readonly signature: Uint8Array; readonly recovery: number }
  /** `x ‖ y`, 64 bytes; `undefined` when no key gives this signature. */
  recover(digest: Uint8Array, signature: Uint8Array, recovery: 0 | 1): Uint8Array | undefined
}

export const SECP256K1_SECRET_KEY_BYTES = 32
export const SECP256K1_PUBLIC_KEY_BYTES = 64
export const SECP256K1_SIGNATURE_BYTES = 64
export const ACCOUNT_BYTES = 20

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
/** Order n of the group, and the largest low s, which is floor(n / 2); big endian. */
const GROUP_ORDER = bytesOf('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
const LOW_S_MAX = bytesOf('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

/** Whether 0 < r < n and 0 < s <= n / 2: of the two signatures that are each other's negation one is taken, so that none can be turned over. */
export function isAdmissibleSignature(signature: Uint8Array): boolean {
  if (signature.length !== SECP256K1_SIGNATURE_BYTES || isZero(signature, 0) || isZero(signature, 32)) return false
  return compareAt(signature, 0, GROUP_ORDER) < 0 && compareAt(signature, 32, LOW_S_MAX) <= 0
}

function isZero(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 32; i++) if (bytes[offset + i] !== 0) return false
  return true
}

function compareAt(bytes: Uint8Array, offset: number, limit: Uint8Array): number {
  for (let i = 0; i < 32; i++) {
    const difference = bytes[offset + i]! - limit[i]!
    if (difference !== 0) return difference
  }
  return 0
}
