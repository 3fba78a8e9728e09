/** What the engines of Noise must do, and the widths of its messages (Noise Protocol Framework, revision 34, sections 3, 12 and 13). */

export const X25519_BYTES = 32
/** Of AES-GCM, at the end of everything sealed. */
export const NOISE_TAG_BYTES = 16
export const NOISE_MESSAGE_BYTES_MAX = 65_535

/** One AES-256-GCM key. Nonces are 12 bytes; what is borrowed is so until the promise settles. */
export interface Aead {
  /** The ciphertext with its tag behind it. */
  seal(nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): Promise<Uint8Array>
  /** The plain bytes; undefined when they are not what this key sealed. `sealed` is at least a tag long. */
  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Promise<Uint8Array | undefined>
}

export interface NoiseEngine {
  readonly name: string
  publicKeyOf(secret: Uint8Array): Uint8Array
  /** Undefined where all contributed nothing: a public key of low order. */
  sharedSecretOf(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  createAead(key: Uint8Array): Promise<Aead>
}
