/**
 * Where the tree keeps its nodes: a few levels of it under one key. All three are synchronous, so that the transaction that holds the
 * caller's rows can hold the tree as well: both are there after a crash, or neither.
 *
 * The tree sees what it wrote: `get` after `put` gives the new value, also before the caller's transaction is committed. Where writes are
 * collected first and committed later, either look there first or commit before the next call of the tree.
 */
export interface NodeStore {
  /** The value under `key`, if any. May be a view that is valid until the next call. */
  get(key: Uint8Array): Uint8Array | undefined
  /**
   * Both belong to the store from now on. Keys are at most 38 bytes, values at most 4,320; a value is a part of a larger buffer, so who keeps
   * it in memory for long copies it.
   */
  put(key: Uint8Array, value: Uint8Array): void
  /** Deleting what is not there is legal. */
  delete(key: Uint8Array): void
}
