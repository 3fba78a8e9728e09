/** The content service: by CID or BLAKE3 root, ranges, HEAD, conditional requests, and what is asked for once is not kept. */
export { type CdnOptions, createCdn } from './cdn.ts'
