import type { CID } from 'multiformats/cid'

/** Where blocks come from: a store, another package's façade over one, a map in a test. */
export interface BlockPort {
  /**
   * The block that `cid` names. Writers trust that its hash was checked (a store checks once, when it puts or reads);
   * `verifyBlocks` checks it. It throws when it cannot, and what it throws passes through unchanged.
   */
  get(cid: CID, options?: { signal?: AbortSignal }): Promise<Uint8Array>
}
