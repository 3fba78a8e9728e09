/** Numbers of the tree; the README's "Format" has them in words. */

/** Length of a hash: keys, values, nodes and the root are all 32 bytes. */
export const HASH_BYTES = 32
/** A hash as 32-bit words. */
export const HASH_WORDS = 8
/** Key hash and value hash of a leaf as 32-bit words. */
export const LEAF_WORDS = 16
/** Bits of a key hash, so the deepest place a leaf can have. */
export const DEPTH_MAX = 256
/** Levels of the tree that one stored value holds. */
export const GROUP_LEVELS = 5
/** What a tree keeps in memory between calls unless told: 128 MiB, a tree of half a million keys. */
export const MEMORY_BYTES_MAX: number = 128 * 2 ** 20
/** A proof of 256 siblings that ends at another leaf: 2 + 32 + 256 · 32 + 1 + 64. */
export const PROOF_BYTES_MAX = 8_291
/** Kept roots at the same time: bounds the records that one write may cost. */
export const RETAINED_MAX = 16
