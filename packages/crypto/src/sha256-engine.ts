/** SHA-256 in JavaScript, for places without a synchronous native one. */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

export const hashBytes = (bytes: Uint8Array): Uint8Array => nobleSha256(bytes)
export const createHash = (): { update(bytes: Uint8Array): unknown; digest(): Uint8Array } => nobleSha256.create()
