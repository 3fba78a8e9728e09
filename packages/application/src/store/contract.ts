/**
 * What the state machine needs of a database: ordered bytes by space, one atomic write, and a view that stands still.
 *
 * Spaces 1 to 26 are the tables of the state (state.md); what lies above is this node's own: the tree's nodes, blocks, receipts, indexes.
 * Only what the tables hold is the same on every node.
 */

/** One byte before every key. */
export type Space = number

/** Spaces that are no part of the state. 255 is a database's own, for the version of its layout: what stands here, and under it, is that layout. */
export const SPACES = {
  tree: 64,
  /** height u64 → block record */
  blocks: 65,
  /** blockDigest 32 → height u64 */
  blockDigests: 66,
  /** height u64 → transactions, one after another */
  bodies: 67,
  /** height u64 → receipts, one after another */
  receipts: 68,
  /** transaction id 32 → height u64 · index u32 */
  transactionIds: 69,
  /** last event's seq u64 of a block → height u64 */
  eventBlocks: 70,
  /** epoch u64 → membership view */
  views: 71,
  /** name → what this node alone knows */
  local: 72,
  /** height u64 → certificate of that block */
  certificates: 73,
  /** closed epoch u64 → heights of its first and last block */
  epochs: 74,
  /** final height u64 · table u8 · key → the row as it was at that height: 0, or 1 · value */
  rowsBefore: 75,
  /** epoch u64 → what leads from its committee to the next */
  epochProofs: 76,
  /** SHA-256(table ‖ key) 32 · height u64 → the row before that block: 0, or 1 · value (an archive's, as the next three) */
  rowsPast: 77,
  /** height u64 → SHA-256(table ‖ key) of each row that the block changed */
  changedRows: 78,
  /** length u8 · key of a group of the tree · height u64 of a window's beginning → the group as it was then */
  groupsPast: 79,
  /** height u64 of a window's beginning → 1 */
  pastWindows: 80,
} as const

/** A change of one key. `value` undefined deletes. */
export interface Write {
  readonly space: Space
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

export interface StoreReader {
  /** A view, valid until the next call: decode at once or copy. */
  get(space: Space, key: Uint8Array): Uint8Array | undefined
  /**
   * Rows with `from` <= key, and key < `to` when given, ascending by bytes. Keys and values are the receiver's own.
   * The iterator must be run to its end or returned (a `for` loop does either).
   */
  range(space: Space, from: Uint8Array, to?: Uint8Array): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
}

/** Stands still while blocks are committed. `close` it: an open one keeps old pages alive. */
export interface StoreSnapshot extends StoreReader {
  close(): void
}

export interface KeyValueStore extends StoreReader {
  /** All of `writes` or none of them, seen by every read from now on; durable when it returns, or later where the store says so. No key twice. */
  commit(writes: readonly Write[]): void
  openSnapshot(): StoreSnapshot
}
