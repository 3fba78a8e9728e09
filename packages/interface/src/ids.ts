/** A BLAKE3 root: 32 bytes. A string brand, so that two installed versions of this package still fit each other. */
export type Root = Uint8Array & { readonly __type: 'Root' }

/** The part of a CID that our ports need; a `CID` of multiformats fits. Compare by `bytes`, never by identity or `instanceof`. */
export interface Cid {
  readonly version: number
  /** Codec of the block, e.g. 0x70 (dag-pb), 0x55 (raw). */
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
