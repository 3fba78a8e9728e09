/** Gets content by one plan: the store first, then the origins; deduplicated, readable while it arrives. */
export { ArrivingBlocks } from './arriving-blocks.ts'
export { CameBlocks } from './came-blocks.ts'
export { FetcherError, type FetcherErrorCode } from './errors.ts'
export { createFetcher, type Fetcher, type FetcherComponents, type FetcherOptions, type Opened, type OpenOptions } from './fetcher.ts'
export type {
  ByteRange,
  CidLike,
  EntityKind,
  EntityLike,
  FileImportPort,
  OriginPort,
  StorePort,
  TreeImportPort,
  VerifiedBlockLike,
} from './ports.ts'
export type { FetchEvent } from './shared-fetch.ts'
