/**
 * The handshake of pattern NK, both sides (Noise Protocol Framework, revision 34, sections 5 and 7.4):
 *
 *   <- s        the initiator knows the responder's static key
 *   -> e, es
 *   <- e, ee
 */
import { NoiseError } from './noise-errors.ts'
import { createNoiseCipher, noiseRefused, nonceOf, type NoiseCipher } from './noise-cipher.ts'
import { noiseKeysOf } from './noise-hkdf.ts'
import { NOISE_MESSAGE_BYTES_MAX, NOISE_TAG_BYTES, X25519_BYTES, type Aead, type NoiseEngine } from './noise-rules.ts'
import { sha256 } from './sha256.ts'

export interface NoiseHandshake {
  /** The next message, when it is this side's turn. @throws {NoiseError} `NOISE_OUT_OF_TURN`, `NOISE_REFUSED` (the other's key is of low order) */
  write(payload?: Uint8Array): Promise<Uint8Array>
  /** Takes the other side's next message; returns its payload. @throws {NoiseError} `NOISE_REFUSED`, `NOISE_OUT_OF_TURN` */
  read(message: Uint8Array): Promise<Uint8Array>
  /** After both messages, once: the ciphers and the handshake's hash (32 bytes), the same at both ends. @throws {NoiseError} `NOISE_OUT_OF_TURN` */
  split(): NoiseChannel
}

export interface NoiseChannel {
  readonly send: NoiseCipher
  readonly receive: NoiseCipher
  readonly hash: Uint8Array
}

export interface NoiseOptions {
  /** What both sides must agree on before they have said a word. */
  readonly prologue: Uint8Array
  /** 32 bytes, for tests only: used twice, it gives both channels away. @default fresh random bytes */
  readonly ephemeralSecret?: Uint8Array
}

const NAME = new TextEncoder().encode('Noise_NK_25519_AESGCM_SHA256') // below 32 bytes, so it is padded and not hashed (section 5.2)
const EMPTY = new Uint8Array(0)
const FIRST_NONCE = nonceOf(0n)

/** Both sides: what differs is whose turn it is, and which of the two secrets the first message is agreed with. */
export class NkHandshake implements NoiseHandshake {
  readonly #engine: NoiseEngine
  readonly #staticKey: Uint8Array
  /** The responder's. */
  readonly #staticSecret: Uint8Array | undefined
  readonly #ephemeral: Uint8Array
  #theirs: Uint8Array = EMPTY
  #hash: Uint8Array
  #chainingKey: Uint8Array
  /** Messages begun and messages done: a failed one leaves the first ahead for ever. */
  #begun = 0
  #done = 0

  /** @param staticSecret - of the responder; the initiator has none. */
  constructor(engine: NoiseEngine, options: NoiseOptions, staticKey: Uint8Array, staticSecret: Uint8Array | undefined) {
    const { prologue, ephemeralSecret } = options
    if (ephemeralSecret !== undefined) checkWidth('ephemeralSecret', ephemeralSecret)
    this.#engine = engine
    this.#staticKey = staticKey
    this.#staticSecret = staticSecret && new Uint8Array(staticSecret) // the caller may overwrite his, and `slice` of a Buffer is a view
    this.#ephemeral = ephemeralSecret ? new Uint8Array(ephemeralSecret) : crypto.getRandomValues(new Uint8Array(X25519_BYTES))
    this.#chainingKey = new Uint8Array(32)
    this.#chainingKey.set(NAME)
    this.#hash = this.#chainingKey
    this.#mixHash(prologue)
    this.#mixHash(staticKey)
  }

  async write(payload: Uint8Array = EMPTY): Promise<Uint8Array> {
    this.#begin(this.#staticSecret === undefined ? 0 : 1)
    if (payload.length > NOISE_MESSAGE_BYTES_MAX - X25519_BYTES - NOISE_TAG_BYTES)
      throw new NoiseError('NOISE_BAD_LENGTH', `a payload of ${payload.length} bytes does not fit a Noise message`)
    const mine = this.#engine.publicKeyOf(this.#ephemeral)
    this.#mixHash(mine)
    const aead = await this.#agree(this.#ephemeral, this.#staticSecret === undefined ? this.#staticKey : this.#theirs)
    const sealed = await aead.seal(FIRST_NONCE, this.#hash, payload)
    this.#mixHash(sealed)
    const message = new Uint8Array(X25519_BYTES + sealed.length)
    message.set(mine)
    message.set(sealed, X25519_BYTES)
    this.#done++
    return message
  }

  async read(message: Uint8Array): Promise<Uint8Array> {
    this.#begin(this.#staticSecret === undefined ? 1 : 0)
    if (message.length < X25519_BYTES + NOISE_TAG_BYTES || message.length > NOISE_MESSAGE_BYTES_MAX)
      throw noiseRefused(`a handshake message of ${message.length} bytes`)
    const own = new Uint8Array(message)
    this.#theirs = own.subarray(0, X25519_BYTES)
    const sealed = own.subarray(X25519_BYTES)
    this.#mixHash(this.#theirs)
    const aead = await this.#agree(this.#staticSecret ?? this.#ephemeral, this.#theirs)
    const payload = await aead.open(FIRST_NONCE, this.#hash, sealed)
    if (payload === undefined) throw noiseRefused('a handshake message for another key, another prologue, or changed on its way')
    this.#mixHash(sealed)
    this.#done++
    return payload
  }

  split(): NoiseChannel {
    this.#begin(2)
    const [first, second] = noiseKeysOf(this.#chainingKey, EMPTY)
    this.#ephemeral.fill(0)
    this.#chainingKey.fill(0)
    const [send, receive] = [first, second].map((key) => createNoiseCipher(this.#engine, key)) as [NoiseCipher, NoiseCipher]
    const hash = this.#hash.slice()
    return this.#staticSecret === undefined ? { send, receive, hash } : { send: receive, receive: send, hash }
  }

  /** Goes on to step 0 or 1 (the messages) or 2 (the split), each of which there is once. */
  #begin(step: number): void {
    if (this.#begun !== step || this.#done !== step)
      throw new NoiseError('NOISE_OUT_OF_TURN', 'the handshake has another next step, or has failed')
    this.#begun++
  }

  async #agree(secret: Uint8Array, publicKey: Uint8Array): Promise<Aead> {
    const shared = this.#engine.sharedSecretOf(secret, publicKey)
    if (shared === undefined) throw noiseRefused('an X25519 key of low order')
    const [chainingKey, key] = noiseKeysOf(this.#chainingKey, shared)
    this.#chainingKey = chainingKey
    const aead = await this.#engine.createAead(key)
    shared.fill(0)
    key.fill(0)
    return aead
  }

  #mixHash(bytes: Uint8Array): void {
    const both = new Uint8Array(this.#hash.length + bytes.length)
    both.set(this.#hash)
    both.set(bytes, this.#hash.length)
    this.#hash = sha256(both)
  }
}

export function checkWidth(what: string, bytes: Uint8Array): void {
  if (bytes.length !== X25519_BYTES) throw new NoiseError('NOISE_BAD_LENGTH', `${what} must be ${X25519_BYTES} bytes, got ${bytes.length}`)
}
