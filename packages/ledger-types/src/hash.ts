/** Hashes over one tag byte and fixed parts. The list of tags is `LEDGER_TAGS` of crypto. */
import { sha256 } from '@selvedge/crypto/sha256'
import { ByteWriter } from './bytes.ts'

/** 32 bytes. */
export type Digest = Uint8Array
export const DIGEST_BYTES = 32
export const ZERO_DIGEST: Digest = new Uint8Array(DIGEST_BYTES)

/** `H(tag ‖ parts)`. */
export function hashTagged(tag: number, ...parts: readonly Uint8Array[]): Digest {
  const out = new ByteWriter(1 + parts.reduce((size, part) => size + part.length, 0)).u8(tag)
  for (const part of parts) out.raw(part)
  return sha256(out.finish())
}
