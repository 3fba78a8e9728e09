/** Multicodec codes (https://github.com/multiformats/multicodec) of the codecs that are walked. */
export const RAW = 0x55
export const DAG_PB = 0x70
export const DAG_CBOR = 0x71
export const DAG_JSON = 0x0129

/** Multihash codes of the hash functions that are allowed (ipfs.md §1.3). */
export const IDENTITY = 0x00
export const SHA2_256 = 0x12
export const SHA2_512 = 0x13
export const SHA3_256 = 0x16
export const KECCAK_256 = 0x1b
export const BLAKE3 = 0x1e
export const BLAKE2B_256 = 0xb220
/** murmur3-x64-64: orders the entries of a sharded directory, secures nothing. */
export const MURMUR3_X64_64 = 0x22

/** A truncated digest is forgeable, so shorter ones are refused (ipfs.md §1.3). */
export const DIGEST_BYTES_MIN = 32
/** Room for a CID beside the block inside a CAR section (ipfs.md §1.2). */
export const SECTION_OVERHEAD_BYTES = 128
/** Inline blocks that a CAR may hold, though nobody asks for them, beyond those of the DAG and one for each other block. */
export const INLINE_AHEAD_MAX = 1_024
