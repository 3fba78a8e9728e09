/**
 * One direction of a Noise channel: each message is sealed under the next nonce, and before message 2^20·i the key is replaced by the one
 * that it makes of itself (Noise, section 4.2, REKEY), while the nonce goes on.
 *
 * Nonces are given in the order of the calls, so that several messages may be under way at once; their promises may settle in any order.
 */
import { NoiseError } from './noise-errors.ts'
import { NOISE_MESSAGE_BYTES_MAX, NOISE_TAG_BYTES, type Aead, type NoiseEngine } from './noise-rules.ts'

export const REKEY_MESSAGES: number = 2 ** 20
export const NONCE_BYTES = 12
const KEY_BYTES = 32
const EMPTY = new Uint8Array(0)
const REKEY_NONCE = 2n ** 64n - 1n

/** Seals or opens the messages of one direction, in order. */
export interface NoiseCipher {
  /** `plain` (at most 65,519 bytes, borrowed until the promise settles) and 16 bytes more. @throws {NoiseError} `NOISE_BAD_LENGTH` */
  encrypt(plain: Uint8Array): Promise<Uint8Array>
  /** @throws {NoiseError} `NOISE_REFUSED`: not the message that comes next. The channel is then to be ended. */
  decrypt(sealed: Uint8Array): Promise<Uint8Array>
}

/** @param count - messages of this direction that came before. */
export function createNoiseCipher(engine: NoiseEngine, key: Uint8Array, count = 0): NoiseCipher {
  let aead = engine.createAead(key)
  let next = count

  function take(): { readonly aead: Promise<Aead>; readonly nonce: Uint8Array } {
    if (next > 0 && next % REKEY_MESSAGES === 0) aead = aead.then(async (old) => await rekeyed(engine, old))
    return { aead, nonce: nonceOf(BigInt(next++)) }
  }

  return {
    async encrypt(plain) {
      if (plain.length > NOISE_MESSAGE_BYTES_MAX - NOISE_TAG_BYTES)
        throw new NoiseError(
          'NOISE_BAD_LENGTH',
          `a Noise message holds ${NOISE_MESSAGE_BYTES_MAX - NOISE_TAG_BYTES} bytes, not ${plain.length}`,
        )
      const place = take()
      return await (await place.aead).seal(place.nonce, EMPTY, plain)
    },
    async decrypt(sealed) {
      const place = take()
      if (sealed.length < NOISE_TAG_BYTES || sealed.length > NOISE_MESSAGE_BYTES_MAX)
        throw noiseRefused(`a message of ${sealed.length} bytes`)
      const plain = await (await place.aead).open(place.nonce, EMPTY, sealed)
      if (plain === undefined) throw noiseRefused('a message that is not the next one of this channel')
      return plain
    },
  }
}

export function noiseRefused(what: string): NoiseError {
  return new NoiseError('NOISE_REFUSED', `the other side sent ${what}`)
}

/** AESGCM in Noise: 32 zero bits, then the counter big endian. */
export function nonceOf(counter: bigint): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES)
  new DataView(nonce.buffer).setBigUint64(4, counter, false)
  return nonce
}

async function rekeyed(engine: NoiseEngine, aead: Aead): Promise<Aead> {
  const sealed = await aead.seal(nonceOf(REKEY_NONCE), EMPTY, new Uint8Array(KEY_BYTES))
  return await engine.createAead(sealed.subarray(0, KEY_BYTES))
}
