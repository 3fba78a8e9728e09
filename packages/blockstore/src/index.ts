/**
 * Durable content by BLAKE3 root, with verified ranges straight from the disk, and IPLD blocks by CID rebuilt from it.
 * `kill -9` at any moment leaves each blob whole or absent, and what was acknowledged is there.
 */
export { createBlockstore } from './blockstore.ts'
export type { CompactionEvent } from './compactor.ts'
export { BlockstoreError, type BlockstoreErrorCode } from './errors.ts'
export { createLmdbIndex } from './lmdb-index.ts'
export { createNodeFileSystem } from './node-file-system.ts'
export type { BlockstoreComponents, BlockstoreOptions } from './options.ts'
export type {
  AbortOptions,
  BlockHasher,
  Blockstore,
  CidLike,
  CommitOptions,
  Entity,
  EntityKind,
  FileBlock,
  FileImport,
  FileSystem,
  Index,
  IndexOp,
  OpenFile,
  PutOptions,
  ReadAt,
  StoredBlob,
  Table,
  TreeBlock,
  TreeImport,
} from './ports.ts'
export type { RecoveryEvent } from './recovery.ts'
