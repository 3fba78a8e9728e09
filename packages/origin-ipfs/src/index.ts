/**
 * Content from trustless IPFS gateways, verified block by block as it streams.
 *
 * @packageDocumentation
 */
export { type Attempt, OriginError, type OriginErrorCode, type OriginErrorDetails } from './errors.ts'
export { createIpfsOrigin, type IpfsFetchOptions, type IpfsOrigin, type IpfsOriginComponents } from './ipfs-origin.ts'
export type { IpfsOriginOptions, Timeouts } from './options.ts'
export type { FetchAnswer, FetchInit, FetchPort } from './ports.ts'
