/**
 * Noise_NK_25519_AESGCM_SHA256 (Noise Protocol Framework, revision 34, sections 5, 7.4 and 12): an encrypted channel to whoever holds a known
 * X25519 key. Two messages, then one cipher for each direction.
 *
 * The responder is proven by the second message; the initiator is not proven at all. A prologue that differs, a key that is another's or a
 * flipped bit makes the next `read` refuse. Published vectors of cacophony and snow hold it where they are present.
 */
import { engine } from '#noise-engine'
import { checkWidth, NkHandshake, type NoiseHandshake, type NoiseOptions } from './noise-handshake.ts'

export { NoiseError, type NoiseErrorCode } from './noise-errors.ts'
export type { NoiseCipher } from './noise-cipher.ts'
export type { NoiseChannel, NoiseHandshake } from './noise-handshake.ts'
export { NOISE_MESSAGE_BYTES_MAX, NOISE_TAG_BYTES, X25519_BYTES } from './noise-rules.ts'

export interface NoiseInitiatorOptions extends NoiseOptions {
  /** The responder's X25519 key, 32 bytes. */
  readonly remoteStatic: Uint8Array
}

export interface NoiseResponderOptions extends NoiseOptions {
  /** 32 secret bytes. */
  readonly staticSecret: Uint8Array
  /** Its public key, from `x25519KeyOf`, so that a node derives it once. With another key no handshake comes to an end. @default derived */
  readonly staticKey?: Uint8Array
}

/** The public key of a 32-byte X25519 secret. @throws {NoiseError} `NOISE_BAD_LENGTH` */
export function x25519KeyOf(secret: Uint8Array): Uint8Array {
  checkWidth('an X25519 secret', secret)
  return engine.publicKeyOf(secret)
}

/**
 * The side that knows the other's key and speaks first. @throws {NoiseError} `NOISE_BAD_LENGTH`
 * @example
 * const handshake = createNoiseInitiator({ prologue, remoteStatic })
 * send(await handshake.write())
 * await handshake.read(await receive())
 * const { send: cipher, hash } = handshake.split()
 */
export function createNoiseInitiator(options: NoiseInitiatorOptions): NoiseHandshake {
  checkWidth('remoteStatic', options.remoteStatic)
  return new NkHandshake(engine, options, new Uint8Array(options.remoteStatic), undefined)
}

/** The side whose key is known. @throws {NoiseError} `NOISE_BAD_LENGTH` */
export function createNoiseResponder(options: NoiseResponderOptions): NoiseHandshake {
  const { staticSecret, staticKey } = options
  checkWidth('staticSecret', staticSecret)
  if (staticKey !== undefined) checkWidth('staticKey', staticKey)
  return new NkHandshake(engine, options, staticKey ? new Uint8Array(staticKey) : engine.publicKeyOf(staticSecret), staticSecret)
}
