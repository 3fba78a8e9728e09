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
   * The key belongs to the store from now on. The value is a view on what the tree has in memory, and stays as it is until the next `update`:
   * to be copied or committed before that. Keys are at most 38 bytes, values at most 4,320.
   */
  put(key: Uint8Array, value: Uint8Array): void
  /** Deleting what is not there is legal. */
  delete(key: Uint8Array): void
}
