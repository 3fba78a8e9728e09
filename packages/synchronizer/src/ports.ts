/** What this package needs of others, as narrow types. */
import type { ArchivedBlock, Digest, SnapshotEntry } from '@selvedge/ledger-types'
import type { ChunkRanges, RandomAccess, SinkStore } from '@selvedge/verified-streaming'

export interface Asking {
  readonly signal?: AbortSignal | undefined
}

/**
 * Somebody to learn from, who is trusted in nothing: every answer is checked against what is pinned. Each call may fail or stall; an
 * abort of `signal` ends it.
 */
export interface SyncSource {
  /** For errors and progress: who it was. */
  readonly name: string
  /** What leads from the committee of `epoch` to the next (`encodeEpochProof`), or `undefined` while that epoch is not over there. */
  epochProof(epoch: number, asking: Asking): Promise<Uint8Array | undefined>
  /** A block certificate of `epoch` that names a snapshot, or `undefined` while there is none. */
  snapshotCertificate(epoch: number, asking: Asking): Promise<Uint8Array | undefined>
  /** Chunks of the snapshot with that BLAKE3 root, as a slice in chunk groups of 16 KiB (verified-streaming's `encodeRanges`). */
  snapshotSlice(root: Digest, ranges: ChunkRanges, asking: Asking): AsyncIterable<Uint8Array>
  /**
   * Encoded archived blocks, ascending from height `from`, and on with each new one for as long as it is read.
   * @throws {SynchronizerError} `SYNCHRONIZER_TOO_OLD` where the next is not kept any more.
   */
  blocks(from: number, asking: Asking): AsyncIterable<Uint8Array>
  /**
   * Brings a transaction: whether it was taken into the order there, or by somebody it was passed on to, `hops` times at most. Of a
   * source that takes none there is none.
   */
  takeTransaction?(transaction: Uint8Array, hops: number, asking: Asking): Promise<boolean>
}

/** Where a state goes that is taken over; of the application. */
export interface StateImporter {
  /** Rows in the order of the snapshot. */
  add(rows: readonly SnapshotEntry[]): void | Promise<void>
  /** All rows are there: rebuild the tree and make it durable. Throws when its root is not `stateRoot`. */
  finish(expected: { readonly height: number; readonly stateRoot: Digest }): void | Promise<void>
}

/** Where the bytes of a snapshot lie while they arrive, and what is known of them. */
export interface SnapshotCache {
  readonly store: SinkStore
  /** What `saveState` was given last, if anything. */
  loadState(): Promise<Uint8Array | undefined>
  /** Replaces it in one step. */
  saveState(state: Uint8Array): Promise<void>
}

/** What executes blocks; of the application. */
export interface BlockExecutor {
  /** Gives the state root after the block. */
  execute(block: ArchivedBlock, height: number): Digest | Promise<Digest>
}

/** Where a server keeps snapshots: files by name, written once. */
export interface SnapshotFiles {
  /** A new file; there is no file of that name before `finish` has made it durable. */
  create(name: string): Promise<SnapshotFile>
  /** For reading, until `close`. */
  open(name: string): Promise<{ readonly data: RandomAccess; close(): Promise<void> }>
  list(): Promise<readonly string[]>
  remove(name: string): Promise<void>
}

export interface SnapshotFile {
  write(bytes: Uint8Array): Promise<void>
  finish(): Promise<void>
  /** Throws away what was written; legal after a failure, not after `finish`. */
  abort(): Promise<void>
}

/** Two ends of a byte stream: a socket, a WebSocket, a lane. */
export interface Connection {
  readonly incoming: AsyncIterable<Uint8Array>
  /** Settles when the other side may be sent more. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends both directions at once; may be called twice. */
  close(): void
}
