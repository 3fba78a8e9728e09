/**
 * Signatures that cost a fraction of a microsecond: two lanes of FNV-1a over key and message. Whoever wants to can forge them, and nothing
 * here does: liars sign with their own keys, and what they break on purpose they break by flipping bits. So what is tested is the protocol.
 */
import { compareBytes } from '../../src/wire/bytes.ts'

const PRIME = 0x0100_0193

/** 64 bytes, or 96 for checkpoints. */
export function cheapSign(message: Uint8Array, key: Uint8Array, length: 64 | 96 = 64): Uint8Array {
  let a = 0x811c_9dc5
  let b = 0x9e37_79b9
  for (let at = 0; at < 32; at++) {
    a = Math.imul(a ^ key[at]!, PRIME)
    b = Math.imul(b ^ key[31 - at]!, PRIME)
  }
  for (let at = 0; at < message.length; at++) {
    const byte = message[at]!
    a = Math.imul(a ^ byte, PRIME)
    b = Math.imul(b ^ (byte + 1), PRIME)
  }
  const signature = new Uint8Array(length)
  for (let word = 0; word < length / 4; word += 2) {
    store(signature, 4 * word, a ^ word)
    store(signature, 4 * word + 4, b ^ (a >>> 13))
  }
  return signature
}

export function isCheaplySigned(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  return (signature.length === 64 || signature.length === 96) && compareBytes(signature, cheapSign(message, key, signature.length)) === 0
}

function store(bytes: Uint8Array, offset: number, word: number): void {
  bytes[offset] = word
  bytes[offset + 1] = word >>> 8
  bytes[offset + 2] = word >>> 16
  bytes[offset + 3] = word >>> 24
}
