/** The content service: by CID or BLAKE3 root, ranges, HEAD, conditional requests, pins; what is asked for often stays, what once was leaves first. */
export { type CdnOptions, createCdn } from './cdn.ts'
export { PIN_SHARE, pinChunksOf } from './pin-order.ts'
