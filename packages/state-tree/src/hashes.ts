/**
 * The hashes of the tree. A leaf is `tag1(H(keyHash ‖ valueHash))`, a branch `tag0(H(left ‖ right))`, nothing is 32 zero bytes; a tag is
 * the most significant bit of byte 0, set or cleared. So every hash is over one pair of hashes, and a leaf never passes for a branch.
 */
import { StateTreeError } from './errors.ts'
import { hashPair, sha256 } from './sha256.ts'

/**
 * Where an entry stands in the tree: `SHA-256(tableId ‖ key)`, 32 bytes.
 * @param tableId - 0 to 255: equal keys of different tables never meet.
 * @throws {StateTreeError} `STATE_TREE_ARGUMENT` for a `tableId` that is no byte.
 */
export function keyHash(tableId: number, key: Uint8Array): Uint8Array {
  if ((tableId & 0xff) !== tableId) throw new StateTreeError('STATE_TREE_ARGUMENT', `a table id is 0 to 255, got ${tableId}`)
  return sha256(key, tableId)
}

/** What the tree holds of a value: its SHA-256, 32 bytes. */
export function valueHash(value: Uint8Array): Uint8Array {
  return sha256(value)
}

/** The hash of a branch, from the hashes of two nodes. */
export function hashBranch(lefts: Int32Array, left: number, rights: Int32Array, right: number, target: Int32Array, out: number): void {
  hashPair(lefts, left, rights, right, target, out)
  target[out] = target[out]! & 0x7fffffff
}

/** The hash of a leaf, from its key hash and its value hash. */
export function hashLeaf(words: Int32Array, key: number, value: number, target: Int32Array, out: number): void {
  hashPair(words, key, words, value, target, out)
  target[out] = target[out]! | 0x80000000
}
