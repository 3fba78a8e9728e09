import type { Cid } from './ids.ts'
import type { VerifiedBlock } from './verified-block.ts'

export interface AbortOptions {
  readonly signal?: AbortSignal
}

/** Random access to bytes: exactly `length` of them, or it throws. */
export interface ReadAt {
  readonly size: number
  readAt(offset: number, length: number): Uint8Array | Promise<Uint8Array>
}

/** A complete blob, open for reading. Close it. */
export interface StoredBlob {
  readonly root: Uint8Array
  readonly size: number
  readonly data: ReadAt
  /** Pre-order, chunk groups of 16 KiB. */
  readonly outboard: ReadAt | Uint8Array
  close(): Promise<void>
}

export type EntityKind = 'file' | 'directory' | 'symlink' | 'other'

/** What a CID stands for, when all of it is here. */
export interface Entity {
  readonly cid: Cid
  readonly kind: EntityKind
  /** Flat bytes of a file; 0 for anything else. */
  readonly size: number
  /** Of a file: the BLAKE3 root of its flat bytes. */
  readonly root?: Uint8Array
}

export interface PutOptions extends AbortOptions {
  readonly onProgress?: (progress: { readonly bytes: number }) => void
}

export interface Blockstore {
  start(): Promise<void>
  stop(): Promise<void>
  /** Durable when it resolves. */
  put(source: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<{ readonly root: Uint8Array; readonly size: number }>
  has(root: Uint8Array): Promise<boolean>
  open(root: Uint8Array): Promise<StoredBlob | undefined>
  /** Also forgets the entities whose bytes these are. Resolves with whether there was such a blob. */
  delete(root: Uint8Array): Promise<boolean>
  list(): AsyncIterable<{ readonly root: Uint8Array; readonly size: number }>
  /** Checked against the CID before it leaves. */
  getBlock(cid: Cid, options?: AbortOptions): Promise<Uint8Array | undefined>
  /** Checked against the CID before it is kept; durable when it resolves. */
  putBlock(cid: Cid, bytes: Uint8Array, options?: AbortOptions): Promise<void>
  entity(cid: Cid): Promise<Entity | undefined>
  /** Of a directory, symlink or other entity whose own blocks were all put. */
  putEntity(entity: { readonly cid: Cid; readonly kind: EntityKind }): Promise<void>
  importFile(cid: Cid, options?: AbortOptions): FileImport
  importTree(cid: Cid, options?: AbortOptions): TreeImport
}

/** Everything below a CID while its verified blocks arrive, depth-first: each file and directory becomes an entity of its own. */
export interface TreeImport {
  add(block: VerifiedBlock): Promise<void>
  /** A block that has arrived; undefined while it has not. */
  getBlock(cid: Cid): Promise<Uint8Array | undefined>
  /** All of it is durable when it resolves. */
  commit(): Promise<void>
  /** Leaves what was completed, and nothing else. */
  abort(): Promise<void>
}

/** A UnixFS file while its verified blocks arrive, depth-first. */
export interface FileImport {
  add(block: VerifiedBlock): Promise<void>
  /** A block that has arrived, checked before it leaves; undefined while it has not. */
  getBlock(cid: Cid): Promise<Uint8Array | undefined>
  /** Durable when it resolves. */
  commit(): Promise<Entity>
  abort(): Promise<void>
}
