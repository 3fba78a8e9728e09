/**
 * Joining a ledger late without trusting whoever helps: snapshots made and served, a joiner that takes one over from several sources, blocks
 * followed to the head and on. `/net` has the socket, `/folder` the files.
 */
export { createRemoteSource, type RemoteSourceOptions, serveConnection, type ServeOptions } from './connection.ts'
export * from './constants.ts'
export * from './errors.ts'
export { type FollowedBlock, followBlocks, type FollowOptions, type FollowParts, type Position } from './follow.ts'
export { decodeRequest, encodeRequest, type SyncRequest } from './frames.ts'
export { type ChainArchive, createLocalSource } from './local-source.ts'
export { createJoiner, type Joined, type Joiner, type JoinerComponents, type JoinerOptions, type JoinProgress } from './joiner.ts'
export { createMemoryFiles } from './memory-files.ts'
export type * from './ports.ts'
export { createSnapshotServer, type SnapshotServer, type SnapshotServerOptions, type StoredSnapshot } from './snapshot-server.ts'
export { SourceBook, type SourceBookOptions, type SourceFault } from './source-book.ts'
export type { EpochStart } from './trust.ts'
