/** The two hashes of Noise's key schedule over SHA-256: HMAC (RFC 2104) and the HKDF of Noise, section 4.3, with two outputs. */
import { createSha256 } from './sha256.ts'

const BLOCK_BYTES = 64

/** 32 bytes. `key` is at most a block (64 bytes) long: all of Noise's are. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const inner = createSha256().update(padded(key, 0x36))
  for (const part of parts) inner.update(part)
  return createSha256().update(padded(key, 0x5c)).update(inner.digest()).digest()
}

/** Two keys of 32 bytes from the chaining key and what was agreed on. */
export function noiseKeysOf(chainingKey: Uint8Array, material: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const secret = hmacSha256(chainingKey, material)
  const first = hmacSha256(secret, Uint8Array.of(1))
  const second = hmacSha256(secret, first, Uint8Array.of(2))
  secret.fill(0)
  return [first, second]
}

function padded(key: Uint8Array, mask: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(mask)
  for (let i = 0; i < key.length; i++) block[i] = key[i]! ^ mask
  return block
}
