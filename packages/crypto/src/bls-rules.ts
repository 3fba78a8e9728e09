/**
 * What a BLS engine does. Lengths were checked; a parsed key or signature is a point of the curve, of the prime-order subgroup and not
 * the identity, so that engines are left no case to disagree on.
 *
 * Source: draft-irtf-cfrg-bls-signature-05: minimal-pubkey-size, proof-of-possession scheme.
 */
export const BLS_SEED_BYTES = 32
export const BLS_PUBLIC_KEY_BYTES = 48
export const BLS_SIGNATURE_BYTES = 96

/** The ciphersuite, which is also the domain of hashing to the curve. */
export const BLS_CIPHERSUITE = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

/** A point as its engine keeps it; what it is made of is the engine's business. */
export interface BlsKey {
  toBytes(): Uint8Array
}
export interface BlsSignature {
  toBytes(): Uint8Array
}

export interface BlsSigner {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

export interface BlsEngine {
  readonly name: 'blst' | 'portable'
  /** Draft KeyGen with empty key info: `seed` is its IKM, 32 bytes. */
  createSigner(seed: Uint8Array): BlsSigner
  /** 48 bytes → the key, or `undefined` for what is none. */
  parseKey(bytes: Uint8Array): BlsKey | undefined
  /** 96 bytes → the signature, or `undefined` for what is none. */
  parseSignature(bytes: Uint8Array): BlsSignature | undefined
  /** Whether `signature` is that of the sum of `keys` over `message`. `false` when the sum is the identity. */
  isEqual(signature: BlsSignature, message: Uint8Array, keys: readonly BlsKey[]): boolean
  /** The encoded sum of at least one. */
  sum(signatures: readonly BlsSignature[]): Uint8Array
}
