export const KIB: number = 2 ** 10
export const MIB: number = 2 ** 20
export const ROOT_BYTES: number = 32

/** log2 of chunks in a group: 16 KiB groups (verified-streaming.md §1.5), the form every outboard here has. */
export const CHUNK_GROUP_LOG: number = 4

/** Content up to this size lives in a pack record, beyond it in a file of its own. Below it a file costs more than its bytes. */
export const INLINE_BYTES_MAX: number = 256 * KIB
/** An IPLD block is the smallest thing that can be checked, so it is bounded everywhere (ipfs.md §1.3). */
export const BLOCK_BYTES_MAX: number = 2 * MIB
/** A skeleton up to this size is kept in its pack record, a larger one in a file. */
export const INLINE_SKELETON_BYTES_MAX: number = MIB
/** A pack is closed and a new one begun when it has reached this size, of a store without a quota. */
export const PACK_BYTES_MAX: number = 64 * MIB
/** Of one with a quota: one in so many of its bytes, so that what is dead in a pack is little beside it. */
export const PACKS_A_QUOTA = 16
/** No pack is smaller than this by a quota. */
export const PACK_BYTES_MIN: number = MIB
/** Packs are compacted while one in so many of their bytes is dead, and no less than a pack's worth: then two bytes at most are copied for one that is won; more where a quota leaves no room to wait for so much. */
export const DEAD_SHARE = 3
/** So many records of a pack that is compacted are looked at, and so many bytes of them written, before others have their turn. */
export const COMPACT_RECORDS = 512
export const COMPACT_BYTES: number = MIB
/** A pack that the disk refused to read is left alone for so long: each try may cost a bad disk many seconds, and the fault may have been a passing one. */
export const LEFT_ALONE_MS = 600_000
/** Most bytes that one group commit writes before it syncs. */
export const GROUP_BYTES_MAX: number = 8 * MIB
/** How long records that nobody waits for may wait for others, to share their sync and their index transaction. */
export const LINGER_MS: number = 20
/** So many of them, or so many bytes, wait for no more. */
export const LINGER_RECORDS: number = 32
export const LINGER_BYTES: number = 512 * KIB
/** Of a tree that arrives: what the disk has not taken yet, beside the file that is arriving, before the next block waits. */
export const TREE_PENDING_BYTES_MAX: number = MIB
/** And no more records than these: of files of a few bytes, and of nodes that stand in their links, there is nothing else to count. */
export const TREE_PENDING_RECORDS_MAX = 4_096
/** Blocks of a tree that the disk has taken and that stay in memory for who reads along. */
export const TREE_RECENT_BYTES: number = 2 * MIB
/** A file of a tree that is kept in memory while it arrives has no more blocks, nor more bytes of them. */
export const TREE_HELD_BLOCKS_MAX = 1_024
export const TREE_HELD_BYTES_MAX: number = 512 * KIB
/** Large files of one tree whose last sync is waited for at once. */
export const TREE_COMMITS_MAX = 8
/** Writes to a large file are gathered to this size. */
export const WRITE_BYTES: number = MIB
/** A large file is synced in the background every so often, so that the last sync has little left to do. */
export const SYNC_BYTES: number = 16 * MIB
/** Keys of the index are bounded by LMDB; a CID or multihash longer than this is refused. */
export const CID_BYTES_MAX: number = 256
/** Index operations in one transaction while a large skeleton is applied. */
export const INDEX_BATCH_OPS: number = 4_096
export const FORMAT_TEXT = 'selvedge-blockstore 2\n'
/** Without records of what was moved; becomes the other when it is opened. */
export const FORMAT_TEXT_BEFORE = 'selvedge-blockstore 1\n'
