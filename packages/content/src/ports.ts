/** What the serving end needs of others. Structural: the node's fetcher fits, and so does anything else with these shapes. */
import type { CID } from 'multiformats/cid'

export interface AbortOptions {
  readonly signal?: AbortSignal
}

/** Bytes of the flat file: `end` is exclusive, absent means to the end. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/** Random access: exactly `length` bytes, or it throws. */
export interface ReadAt {
  readonly size: number
  readAt(offset: number, length: number): Uint8Array | Promise<Uint8Array>
  /** Fills all of `target`, or throws. Where it is there, much content is read into the same memory again and again. */
  readonly readInto?: ((offset: number, target: Uint8Array) => void | Promise<void>) | undefined
}

/** A complete blob, open for reading. */
export interface StoredBlob {
  readonly root: Uint8Array
  readonly size: number
  readonly data: ReadAt | Uint8Array
  /** Pre-order, chunk groups of 16 KiB. */
  readonly outboard: ReadAt | Uint8Array
  close(): Promise<void>
}

/** The blocks of an entity, or of everything below it, that are here or on their way. */
export interface OpenedEntity {
  /** True: everything is in the store. False: still arriving; `get` waits for a block, and rejects when the fetch fails. */
  readonly complete: boolean
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  readonly size: number | undefined
  readonly root: Uint8Array | undefined
  /** Blocks are views, which stay as they are. */
  readonly blocks: { get(cid: CID, options?: AbortOptions): Promise<Uint8Array> }
  close(): Promise<void>
}

export interface ContentSourcePort {
  /** Undefined where the root is not to be had. */
  openRoot(root: Uint8Array, options?: AbortOptions): Promise<StoredBlob | undefined>
  /** Rejects where the CID is not to be had. */
  openCid(cid: CID, options?: AbortOptions & { readonly ranges?: readonly ByteRange[] }): Promise<OpenedEntity>
  /** As `openCid`, with the blocks of everything below. A source without it answers requests of scope `all` with 501. */
  openTree?(cid: CID, options?: AbortOptions): Promise<OpenedEntity>
}
