/** Numbers of the BLAKE3 tree and of its encodings; sections are those of the format description in the README. */

/** A chunk, the leaf of a BLAKE3 tree. */
export const CHUNK_BYTES = 1024
/** A hash or chaining value. */
export const HASH_BYTES = 32
/** A parent in an encoding or outboard: left and right chaining value. */
export const PAIR_BYTES = 64
/** u64le content size at the head of an encoding. */
export const HEADER_BYTES = 8
/** 16 KiB groups: the size that iroh uses, and the best trade of overhead against granularity measured here. */
export const CHUNK_GROUP_LOG_DEFAULT = 4
/** 1 MiB groups. Also bounds what a decoder holds: one group. */
export const CHUNK_GROUP_LOG_MAX = 10
/** Chunks in a blob of 2^53-1 bytes are fewer than 2^43: no path is longer, and a walk holds at most one sibling a level. */
export const WALK_SLOTS = 48
