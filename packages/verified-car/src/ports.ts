import type { CID } from 'multiformats/cid'

/** Where blocks come from: a store, another package's façade over one, a map in a test. */
export interface BlockPort {
  /**
   * The block that `cid` names. Writers trust that its hash was checked (a store checks once, when it puts or reads);
   * `verifyBlocks` checks it. It throws when it cannot, and what it throws passes through unchanged.
   */
  get(cid: CID, options?: { signal?: AbortSignal }): Promise<Uint8Array>
}

export interface IncrementalHash {
  /** `bytes` stay as they are until `digest` has answered: an engine may keep them. */
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array | Promise<Uint8Array>
}

export interface HashFunction {
  readonly name: string
  /** Length of a whole digest. A CID may name a prefix of it of at least 32 bytes (or all, where it is shorter). */
  readonly digestBytes: number
  create(): IncrementalHash
}

/** Multihash code → function. What is not in the table is refused before anything is fetched. */
export type HashTable = ReadonlyMap<number, HashFunction>
