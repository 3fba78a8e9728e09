/** What this package needs of others, as narrow types; a `CID` of any multiformats version fits. */
export interface CidLike {
  readonly version: number
  readonly code: number
  readonly multihash: { readonly code: number; readonly digest: Uint8Array; readonly bytes: Uint8Array }
  readonly bytes: Uint8Array
  toString(): string
}

/** Bytes of the flat file: `end` is exclusive, absent means "to the end". */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

export type EntityKind = 'file' | 'directory' | 'symlink' | 'other'

/** A block that was checked against its CID; views into the origin's buffers, valid until its next one. */
export interface VerifiedBlockLike {
  readonly cid: CidLike
  readonly block: Uint8Array
  readonly kind: EntityKind | 'shard'
  readonly fileOffset: number
  readonly dataStart: number
  readonly dataEnd: number
  readonly fileSize: number | undefined
  /** Levels below what was asked. */
  readonly depth: number
  /** The first block of a file, a directory, a symlink or anything else. */
  readonly isEntityRoot: boolean
  /** Nothing of what was asked comes after it; asked before the next one comes. */
  readonly isLast?: boolean
}

/** Yields verified blocks, depth-first; ends normally only when everything asked for was yielded. */
export interface OriginPort {
  fetch(
    cid: CidLike,
    options?: { readonly range?: ByteRange; readonly scope?: 'block' | 'entity' | 'all'; readonly signal?: AbortSignal },
  ): AsyncIterable<VerifiedBlockLike>
}

export interface EntityLike {
  readonly kind: EntityKind
  readonly size: number
  readonly root?: Uint8Array
}

export interface FileImportPort {
  add(block: VerifiedBlockLike): Promise<void>
  getBlock(cid: CidLike): Promise<Uint8Array | undefined>
  /** `mayLinger`: nobody waits for it, so it may come a little later, together with others. */
  commit(options?: { readonly mayLinger?: boolean }): Promise<EntityLike>
  abort(): Promise<void>
}

/** Everything below a CID on its way into the store, each entity by itself as it is completed. */
export interface TreeImportPort {
  add(block: VerifiedBlockLike): Promise<void>
  getBlock(cid: CidLike): Promise<Uint8Array | undefined>
  commit(): Promise<void>
  /** Keeps what was completed. */
  abort(): Promise<void>
}

/** The store. `Blob` is what its `open` hands out; the fetcher passes it on. */
export interface StorePort<Blob> {
  open(root: Uint8Array): Promise<Blob | undefined>
  entity(cid: CidLike): Promise<EntityLike | undefined>
  getBlock(cid: CidLike, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array | undefined>
  putBlock(cid: CidLike, bytes: Uint8Array): Promise<void>
  putEntity(entity: { readonly cid: CidLike; readonly kind: EntityKind }): Promise<void>
  importFile(cid: CidLike): FileImportPort
  importTree(cid: CidLike): TreeImportPort
}
