import type { CID } from 'multiformats/cid'

/** What we read of a CID: a `CID` of any multiformats version fits. */
export interface CidLike {
  readonly version: number
  readonly code: number
  readonly multihash: { readonly code: number; readonly digest: Uint8Array; readonly bytes: Uint8Array }
  readonly bytes: Uint8Array
  /** The text form, for messages. */
  toString(): string
}

/** One block of a file as `@selvedge/verified-car` yields it; already checked against its CID. */
export interface FileBlock {
  readonly cid: CidLike
  readonly block: Uint8Array
  readonly kind: string
  readonly fileOffset: number
  readonly dataStart: number
  readonly dataEnd: number
  readonly fileSize: number | undefined
}

/** Random access to bytes: exactly `length` of them, or it throws. */
export interface ReadAt {
  readonly size: number
  readAt(offset: number, length: number): Uint8Array | Promise<Uint8Array>
  /** Fills all of `target`, or throws: for who reads much into the same memory. Where it throws or is not waited for, anything may be written there yet. */
  readonly readInto?: ((offset: number, target: Uint8Array) => void | Promise<void>) | undefined
}

export interface AbortOptions {
  readonly signal?: AbortSignal
}

export interface PutOptions extends AbortOptions {
  readonly onProgress?: (progress: { readonly bytes: number }) => void
}

/** A complete blob, open for reading until `close`; a delete meanwhile does not disturb it. */
export interface StoredBlob {
  readonly root: Uint8Array
  readonly size: number
  readonly data: ReadAt
  /** Pre-order, chunk groups of 16 KiB, no length prefix. */
  readonly outboard: ReadAt | Uint8Array
  close(): Promise<void>
}

export type EntityKind = 'file' | 'directory' | 'symlink' | 'other'

export interface Entity {
  readonly cid: CID
  readonly kind: EntityKind
  /** Flat bytes of a file; 0 for anything else. */
  readonly size: number
  /** Of a file: the BLAKE3 root of its flat bytes. */
  readonly root?: Uint8Array
}

export interface CommitOptions {
  /** Nobody waits for it: it may take up to 20 ms longer, to share a sync with what else comes in that time. @default false */
  readonly mayLinger?: boolean
}

export interface FileImport {
  /** Takes one block; resolves when the disk has kept pace. The block is borrowed until then. */
  add(block: FileBlock): Promise<void>
  /** A block that has arrived, checked before it leaves; undefined while it has not. After `commit`, the store's `getBlock`. */
  getBlock(cid: CidLike): Promise<Uint8Array | undefined>
  /** Durable when it resolves. */
  commit(options?: CommitOptions): Promise<Entity>
  /** Leaves nothing. Does nothing after `commit`. */
  abort(): Promise<void>
}

/** One block of a whole DAG as `@selvedge/verified-car` yields it in scope `all`. */
export interface TreeBlock extends FileBlock {
  /** Levels below the root of the DAG. */
  readonly depth: number
  /** The first block of a file, a directory, a symlink or anything else. */
  readonly isEntityRoot: boolean
}

/** Everything below a CID while its verified blocks arrive, depth-first, repeats included. */
export interface TreeImport {
  /** Takes one block; resolves when the disk has kept pace. The block is borrowed until then. */
  add(block: TreeBlock): Promise<void>
  /** A block that has arrived and that the store's `getBlock` may not find yet; what this does not give is there, or has not arrived. */
  getBlock(cid: CidLike): Promise<Uint8Array | undefined>
  /** All of it is durable when it resolves. */
  commit(): Promise<void>
  /** Leaves what was completed, each entity whole, and nothing of what was not. Does nothing after `commit`. */
  abort(): Promise<void>
}

export interface Blockstore {
  /** Bytes that count against `quotaBytes`: what is here, and what is arriving. 0 before `start` and after `stop`. */
  readonly usedBytes: number
  /** Those of them that are blocks which stand for themselves (`putBlock`, and the nodes of trees). */
  readonly blockBytes: number
  start(): Promise<void>
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  put(source: AsyncIterable<Uint8Array>, options?: PutOptions): Promise<{ readonly root: Uint8Array; readonly size: number }>
  has(root: Uint8Array): Promise<boolean>
  open(root: Uint8Array): Promise<StoredBlob | undefined>
  /** Its bytes count no more when it resolves. On disk those of a small blob come back when its pack is compacted, which a delete may wait for a while for. */
  delete(root: Uint8Array): Promise<boolean>
  /**
   * Forgets blocks that stand for themselves, those that came longest ago first, until `blockBytes` is no more than `bytesMax`; and entities that are
   * no files with them. What is a block of a file as well stays one.
   * @throws the reason of `signal`, or what the disk refused, where more are left for that: what is forgotten by then is.
   */
  forgetBlocks(bytesMax: number, options?: AbortOptions): Promise<void>
  list(): AsyncIterable<{ readonly root: Uint8Array; readonly size: number }>
  getBlock(cid: CidLike, options?: AbortOptions): Promise<Uint8Array | undefined>
  putBlock(cid: CidLike, bytes: Uint8Array, options?: AbortOptions): Promise<void>
  entity(cid: CidLike): Promise<Entity | undefined>
  putEntity(entity: { readonly cid: CidLike; readonly kind: EntityKind }): Promise<void>
  importFile(cid: CidLike, options?: AbortOptions): FileImport
  importTree(cid: CidLike, options?: AbortOptions): TreeImport
}

/** Digest of `bytes` by one multihash code. */
export type BlockHasher = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** The files under one store. Paths are joined with `/`. The tests' disks lose, tear and refuse writes through this port. */
export interface FileSystem {
  makeDirectory(path: string): Promise<void>
  /** Names in a directory, in any order. */
  list(path: string): Promise<string[]>
  /** Size of a file; undefined when there is none. */
  size(path: string): Promise<number | undefined>
  open(path: string, mode: 'read' | 'create' | 'append'): Promise<OpenFile>
  rename(source: string, target: string): Promise<void>
  /** Removing what is not there is no error. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(path: string): Promise<void>
}

export interface OpenFile {
  /** At most `length` bytes: fewer only at the end of the file. Where `target` is given, which is as long, they may be read to its beginning. */
  read(offset: number, length: number, target?: Uint8Array): Promise<Uint8Array>
  /** Writes all parts, one after the other, from `offset`. */
  write(offset: number, parts: readonly Uint8Array[]): Promise<void>
  datasync(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

export type Table = 'blobs' | 'blocks' | 'places' | 'entities' | 'files' | 'roots' | 'meta'

/** `value` absent: remove. */
export interface IndexOp {
  readonly table: Table
  readonly key: Uint8Array
  readonly value?: Uint8Array
}

/**
 * Ordered tables of bytes, a view of the packs that can be lost and made again.
 * After a crash it holds the effect of a prefix of the batches that were applied, each batch whole or not at all, and those before a flush in it.
 */
export interface Index {
  get(table: Table, key: Uint8Array): Uint8Array | undefined
  /** Entries whose key begins with `prefix`, in order of their bytes, at most `limit`, after the key `after`. */
  range(table: Table, prefix: Uint8Array, limit: number, after?: Uint8Array): [key: Uint8Array, value: Uint8Array][]
  /** Visible when it resolves; durable some time later, in order. */
  apply(batch: readonly IndexOp[]): Promise<void>
  /** All that was applied is durable when it resolves. */
  flush(): Promise<void>
  close(): Promise<void>
}
