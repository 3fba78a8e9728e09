/** The native engine of Noise: X25519 and AES-256-GCM of node:crypto, that is OpenSSL. */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto'
import { NOISE_TAG_BYTES, type NoiseEngine } from './noise-rules.ts'

const AES = 'aes-256-gcm'
/** DER of a PKCS #8 X25519 private key up to the secret, and of a public key up to its bytes (RFC 8410). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')

export const nodeEngine: NoiseEngine = {
  name: 'node',
  publicKeyOf(secret) {
    const der = createPublicKey(privateKeyOf(secret)).export({ format: 'der', type: 'spki' })
    return new Uint8Array(der.subarray(SPKI_PREFIX.length))
  },
  sharedSecretOf(secret, publicKey) {
    const privateKey = privateKeyOf(secret)
    const theirs = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    try {
      return new Uint8Array(diffieHellman({ privateKey, publicKey: theirs }))
    } catch {
      return undefined // OpenSSL refuses a shared secret of zeros, and nothing else of 32 bytes
    }
  },
  // Async like WebCrypto's, though nothing waits here: a message of 64 KiB is sealed in less time than a thread would take to be told of it.
  async createAead(key) {
    const secret = createSecretKey(key)
    const authTagLength = NOISE_TAG_BYTES
    return {
      async seal(nonce, associated, plain) {
        const cipher = createCipheriv(AES, secret, nonce, { authTagLength }).setAAD(associated)
        const out = new Uint8Array(plain.length + authTagLength)
        out.set(cipher.update(plain))
        cipher.final() // GCM is a stream: nothing is left
        out.set(cipher.getAuthTag(), plain.length)
        return out
      },
      async open(nonce, associated, sealed) {
        const end = sealed.length - authTagLength
        const cipher = createDecipheriv(AES, secret, nonce, { authTagLength }).setAAD(associated).setAuthTag(sealed.subarray(end))
        const plain = cipher.update(sealed.subarray(0, end))
        try {
          cipher.final()
        } catch {
          return undefined // the tag is wrong
        }
        return new Uint8Array(plain.buffer, plain.byteOffset, plain.length)
      },
    }
  },
}

export const engine: NoiseEngine = nodeEngine

function privateKeyOf(secret: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, secret]), format: 'der', type: 'pkcs8' })
}
