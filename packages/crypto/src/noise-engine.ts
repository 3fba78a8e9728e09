/** The portable engine of Noise: noble's X25519, and the AES-256-GCM of WebCrypto, which a page has over https and on localhost only. */
import { x25519 } from '@noble/curves/ed25519.js'
import { NOISE_TAG_BYTES, type NoiseEngine } from './noise-rules.ts'

/** WebCrypto's types want a buffer that is not shared, which no type here says. */
const source = (bytes: Uint8Array): BufferSource => bytes as BufferSource

export const portableEngine: NoiseEngine = {
  name: 'portable',
  publicKeyOf: (secret) => x25519.getPublicKey(secret),
  sharedSecretOf(secret, publicKey) {
    try {
      return x25519.getSharedSecret(secret, publicKey)
    } catch {
      return undefined // noble throws for a point of low order, and for nothing else of 32 bytes
    }
  },
  async createAead(key) {
    const { subtle } = crypto
    const imported = await subtle.importKey('raw', source(key), 'AES-GCM', false, ['encrypt', 'decrypt'])
    const algorithm = (iv: Uint8Array, associated: Uint8Array): AesGcmParams => {
      return { name: 'AES-GCM', iv: source(iv), additionalData: source(associated), tagLength: 8 * NOISE_TAG_BYTES }
    }
    return {
      seal: async (nonce, associated, plain) => new Uint8Array(await subtle.encrypt(algorithm(nonce, associated), imported, source(plain))),
      async open(nonce, associated, sealed) {
        try {
          return new Uint8Array(await subtle.decrypt(algorithm(nonce, associated), imported, source(sealed)))
        } catch {
          return undefined // an OperationError without a word: the tag is wrong
        }
      },
    }
  },
}

export const engine: NoiseEngine = portableEngine
