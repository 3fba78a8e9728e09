/** Numbers of the BLAKE3 specification (spec §1.0) and the places of the kernel's static memory. */

export const CHUNK_BYTES = 1024
export const BLOCK_BYTES = 64
export const CV_BYTES = 32

export const CHUNK_START = 1
export const CHUNK_END = 2
export const PARENT = 4
export const ROOT = 8
export const KEYED_HASH = 16
export const DERIVE_KEY_CONTEXT = 32
export const DERIVE_KEY_MATERIAL = 64

// Static memory, in bytes from its start. Every address is a multiple of 16, so that vector loads are aligned.
/** The IV as a key: what unkeyed hashing starts from. */
export const IV_AT = 0
/** The key of the keyed or derive-key call that is running. */
export const KEY_AT = 32
/** One 64-byte pair of chaining values, or the input of an output block. */
export const PAIR_AT = 64
/** Where a single result goes, 64 bytes of output at most. */
export const OUT_AT = 128
/** Chaining values of up to `CVS_MAX` chunks, then slack for idle lanes. */
export const CVS_AT = 1024
export const CVS_MAX = 1024
/** Input is staged here, behind `CVS_AT + CVS_MAX * CV_BYTES + 1024`, `STAGE_BYTES` at a time; then slack that idle lanes read. */
export const STAGE_AT = 34_816
export const STAGE_BYTES = 65_536
export const MEMORY_BYTES = 131_072

// Tables stand last: a bundler puts numbers where they are used only as long as nothing else came before them.
/** The key of an unkeyed hash, and the third row of every state. */
export const IV: readonly number[] = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]
/** Message word order of round r + 1, in terms of that of round r. */
export const PERMUTATION: readonly number[] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
