/** What a store on disk is made of, and its limits. */
import type { CompactionEvent } from './compactor.ts'
import type { BlockHasher, FileSystem, Index } from './ports.ts'
import type { RecoveryEvent } from './recovery.ts'

export interface BlockstoreComponents {
  /** @default node:fs */
  readonly fileSystem?: FileSystem
  /** Opens the index in a folder of its own. @default LMDB */
  readonly openIndex?: (path: string) => Index
  /** Takes the store for this process and gives back its release. @default a lock file */
  readonly acquireLock?: (path: string) => Promise<() => Promise<void>>
  /** Multihash codes beside sha2-256, sha2-512, sha3-256 and BLAKE3. */
  readonly hashers?: ReadonlyMap<number, BlockHasher>
}

export interface BlockstoreOptions {
  /** Folder of the store; made when it is not there. */
  readonly path: string
  /** Largest blob accepted, in bytes. @default 256 GiB (its outboard, 1 GiB, is in memory while it is written) */
  readonly blobBytesMax?: number
  /**
   * Bytes of what is here and what arrives; more is refused with `BLOCKSTORE_QUOTA`. What packs hold of deleted content comes on top until they are
   * compacted: with what was just deleted, two packs' worth. @default no limit
   */
  readonly quotaBytes?: number
  /** Bytes of a pack, after which a new one begins, and of which no fewer are dead before any is compacted. @default 64 MiB, or a sixteenth of `quotaBytes` down to 1 MiB */
  readonly packBytesMax?: number
  /** Puts and imports at once; more wait. @default 64 */
  readonly writesMax?: number
  /** Puts and imports that wait; more are refused with `BLOCKSTORE_BUSY`. @default 1,024 */
  readonly waitingMax?: number
  /** Files open for reading; more are refused with `BLOCKSTORE_BUSY`. @default 1,024 */
  readonly openFilesMax?: number
  /** Different blocks in one file. @default 1,048,576 (256 GiB in blocks of 256 KiB) */
  readonly blocksPerFileMax?: number
  /** What start() found and did. */
  readonly onRecovery?: (event: RecoveryEvent) => void
  /** Packs that gave back what was dead in them, and what hindered it. */
  readonly onCompaction?: (event: CompactionEvent) => void
}
