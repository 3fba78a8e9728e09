import type { EntityKind, StoredBlob } from './blockstore.ts'
import type { ByteRange, Cid } from './ids.ts'

export interface OpenOptions {
  readonly signal?: AbortSignal
}

/** An entity that is here or on its way. Close it. */
export interface OpenedEntity {
  /** True: everything is in the store. False: still arriving. */
  readonly complete: boolean
  readonly kind: EntityKind
  readonly size: number | undefined
  readonly root: Uint8Array | undefined
  /** While it arrives, `get` waits for the block, and rejects with the origin's error when the fetch fails. */
  readonly blocks: { get(cid: Cid, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array> }
  close(): Promise<void>
}

/** Where a serving end takes content from. */
export interface ContentSource {
  openRoot(root: Uint8Array, options?: OpenOptions): Promise<StoredBlob | undefined>
  openCid(cid: Cid, options?: OpenOptions & { readonly ranges?: readonly ByteRange[] }): Promise<OpenedEntity>
  /** As `openCid`, with the blocks of everything below. */
  openTree(cid: Cid, options?: OpenOptions): Promise<OpenedEntity>
}
