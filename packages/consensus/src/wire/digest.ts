/** Hashes and signing bytes over one tag byte and fixed parts (the list of tags: `LEDGER_TAGS` of crypto/transcript). */
import { createSha256, sha256 } from '@selvedge/crypto/sha256'
import { ByteWriter } from './bytes.ts'
import type { Digest } from './types.ts'

/** Above this an incremental hash is cheaper than the copy. */
const COPY_BYTES_MAX = 4_096
/** What is hashed in one piece is put together here: it is read at once and kept by nobody. */
const scratch = new Uint8Array(5 + COPY_BYTES_MAX)

/** Place of a header, vote or block. */
export interface Slot {
  readonly epoch: number
  readonly round: number
  readonly author: number
}

/** `H(tag ‖ chainId u32? ‖ bytes)`; without `chainId` the field is not there. */
export function hashTagged(tag: number, chainId: number | undefined, bytes: Uint8Array): Digest {
  const head = chainId === undefined ? Uint8Array.of(tag) : new ByteWriter(5).u8(tag).u32(chainId).finish()
  if (bytes.length > COPY_BYTES_MAX) return createSha256().update(head).update(bytes).digest()
  scratch.set(head)
  scratch.set(bytes, head.length)
  return sha256(scratch.subarray(0, head.length + bytes.length))
}

/** `H(tag ‖ chainId ‖ epoch ‖ round ‖ author ‖ restHash)`: evidence needs the 32 bytes of the rest, not the rest. */
export function slotDigest(tag: number, chainId: number, { epoch, round, author }: Slot, restHash: Digest): Digest {
  return sha256(new ByteWriter(55).u8(tag).u32(chainId).u64(epoch).u64(round).u16(author).digest(restHash).finish())
}

/** `tag ‖ digest`, 33 bytes. */
export function taggedBytes(tag: number, digest: Digest): Uint8Array {
  return new ByteWriter(33).u8(tag).digest(digest).finish()
}
