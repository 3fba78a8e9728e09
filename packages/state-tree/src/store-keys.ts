/**
 * Under which keys the tree stores what. `0 ‖ depth u8 ‖ prefix`: the group whose top stands at `depth` (a multiple of `GROUP_LEVELS`),
 * `prefix` being the first `depth` bits of every key below, spare bits zero. `1 ‖ version u32 big endian ‖ depth ‖ prefix`: that group as
 * it was when `version` was retained (history.ts). `2`: what is retained.
 */
const GROUP = 0
const OLD_GROUP = 1
export const RETAINED_KEY: Uint8Array = new Uint8Array([2])

/** The key of the group at `depth` above the key hash whose words begin at `at`. */
export function groupKey(words: Int32Array, at: number, depth: number): Uint8Array {
  const bytes = (depth + 7) >>> 3
  const key = new Uint8Array(2 + bytes)
  key[0] = GROUP
  key[1] = depth
  for (let i = 0; i < bytes; i++) key[2 + i] = words[at + (i >>> 2)]! >>> (24 - (i & 3) * 8)
  if (depth & 7) key[1 + bytes] = key[1 + bytes]! & (0xff << (8 - (depth & 7)))
  return key
}

/** The key under which the group of `key` is kept for `version`. */
export function oldGroupKey(key: Uint8Array, version: number): Uint8Array {
  const old = new Uint8Array(key.length + 4)
  old[0] = OLD_GROUP
  new DataView(old.buffer).setUint32(1, version)
  old.set(key.subarray(1), 5)
  return old
}

/** Bit `depth` of the key hash whose words begin at `at`: 0 or 1, the most significant of byte 0 first. */
export function bitAt(words: Int32Array, at: number, depth: number): number {
  return (words[at + (depth >>> 5)]! >>> (31 - (depth & 31))) & 1
}
