/**
 * The hash functions that a CID may name, each as an incremental hash, so that a block is hashed while it arrives.
 *
 * SHA-2 comes from the platform (`#sha2-engine`: node:crypto, else WebCrypto, which hashes whole messages only and answers
 * later: that is why `digest` may return a promise). The rest is `@noble/hashes`. A caller hands in another table to use
 * faster ones, or to allow what is refused by default (sha1, dbl-sha2-256): nothing weak is reachable without that.
 */
import { blake2b } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { keccak_256, sha3_256 } from '@noble/hashes/sha3.js'
import { createSha256, createSha512 } from '#sha2-engine'
import type { HashFunction, HashTable } from './ports.ts'
import { BLAKE2B_256, BLAKE3, KECCAK_256, SHA2_256, SHA2_512, SHA3_256 } from './constants.ts'

/** sha2-256, sha2-512, sha3-256, keccak-256, blake3-256, blake2b-256 (ipfs.md §1.3). */
export const defaultHashes: HashTable = new Map<number, HashFunction>([
  [SHA2_256, { name: 'sha2-256', digestBytes: 32, create: createSha256 }],
  [SHA2_512, { name: 'sha2-512', digestBytes: 64, create: createSha512 }],
  [SHA3_256, { name: 'sha3-256', digestBytes: 32, create: () => sha3_256.create() }],
  [KECCAK_256, { name: 'keccak-256', digestBytes: 32, create: () => keccak_256.create() }],
  [BLAKE3, { name: 'blake3', digestBytes: 32, create: () => blake3.create() }],
  [BLAKE2B_256, { name: 'blake2b-256', digestBytes: 32, create: () => blake2b.create({ dkLen: 32 }) }],
])
