/**
 * What validators say to one another, as values. Layouts, digests and signing bytes stand beside each codec in this folder.
 *
 * u64 fields that are counted or compared (epoch, round, index, times) are `number`: their decoders refuse 2^53 and above.
 * Authorities are u16 places in the committee, sorted by Ed25519 key. Digests are 32 bytes, SHA-256.
 *
 * Source: docs/protocol/consensus-types.md §3.
 */

/** Place in one epoch's committee. */
export type Authority = number
/** 32 bytes. */
export type Digest = Uint8Array

export interface Batch {
  readonly epoch: number
  readonly author: Authority
  readonly worker: number
  /** Counts from 0 for each (epoch, author, worker); only makes equal contents differ. */
  readonly seq: number
  readonly createdAtMs: number
  readonly transactions: readonly Uint8Array[]
}

export interface PayloadEntry {
  readonly digest: Digest
  readonly worker: number
  /** Length of the encoded batch. */
  readonly bytes: number
}

/** A certificate of the round before, by its author and digest. */
export interface Parent {
  readonly author: Authority
  readonly digest: Digest
}

export interface Header {
  readonly epoch: number
  readonly round: number
  readonly author: Authority
  readonly createdAtMs: number
  /** Sorted by digest, unique. */
  readonly payload: readonly PayloadEntry[]
  /** Sorted by author, unique. */
  readonly parents: readonly Parent[]
  /** Encoded system transactions, `kind u8 ‖ body`, at most 4 KiB in all. */
  readonly systemTransactions: readonly Uint8Array[]
}

export interface SignedHeader {
  readonly header: Header
  /** 64 bytes over `0x11 ‖ headerDigest`. */
  readonly signature: Uint8Array
}

export interface Vote {
  readonly epoch: number
  readonly round: number
  /** Author of the header. */
  readonly author: Authority
  readonly headerDigest: Digest
  readonly voter: Authority
  /** 64 bytes over `0x12 ‖ epoch ‖ round ‖ author ‖ headerDigest`. */
  readonly signature: Uint8Array
}

export interface Certificate {
  readonly header: Header
  readonly headerSignature: Uint8Array
  /** Ascending. On the wire a bitmap. */
  readonly signers: readonly Authority[]
  /** 64 bytes each, in the order of `signers`. */
  readonly signatures: readonly Uint8Array[]
}

export interface Ancestor {
  readonly round: number
  readonly author: Authority
  readonly digest: Digest
}

/** The vertex of the uncertified mode (Mysticeti-C). */
export interface Block {
  readonly epoch: number
  readonly round: number
  readonly author: Authority
  readonly createdAtMs: number
  /** The first is the author's own previous block; one an author. */
  readonly ancestors: readonly Ancestor[]
  readonly transactions: readonly Uint8Array[]
  readonly systemTransactions: readonly Uint8Array[]
}

export interface SignedBlock {
  readonly block: Block
  /** 64 bytes over `0x13 ‖ blockDigest`. */
  readonly signature: Uint8Array
}

export interface SubDag {
  readonly index: number
  readonly epoch: number
  readonly leader: Ancestor
  /** Certificate or block digests in commit order. */
  readonly vertices: readonly Digest[]
  readonly timestampMs: number
  readonly previousDigest: Digest
  readonly scheduleVersion: number
}

export interface Member {
  /** Ed25519, 32 bytes; members stand in the order of these bytes. */
  readonly key: Uint8Array
  /** BLS12-381 min-pk, 48 bytes. */
  readonly blsKey: Uint8Array
  /** Whole tokens, at least 1; all together at most 2^53. */
  readonly stake: number
  /** u32: place in the node registry. */
  readonly nodeIndex: number
}
