/**
 * The hash functions that a CID may name, each as an incremental hash, so that a block is hashed while it arrives.
 *
 * SHA-2 comes from the platform (`#sha2-engine`: node:crypto, else WebCrypto, which hashes whole messages only and answers
 * later: that is why `digest` may return a promise). The rest is `@noble/hashes`, which nearly no CID asks for: its code is loaded when one
 * does, so that a page that never meets one does not load it. A caller hands in another table to use
 * faster ones, or to allow what is refused by default (sha1, dbl-sha2-256): nothing weak is reachable without that.
 */
import { createSha256, createSha512 } from '#sha2-engine'
import type { HashFunction, HashTable, IncrementalHash } from './ports.ts'
import { BLAKE2B_256, BLAKE3, KECCAK_256, SHA2_256, SHA2_512, SHA3_256 } from './constants.ts'

/** sha2-256, sha2-512, sha3-256, keccak-256, blake3-256, blake2b-256 (ipfs.md §1.3). Literals only, so that a bundler can leave it out. */
export const defaultHashes: HashTable = /* @__PURE__ */ new Map<number, HashFunction>([
  [SHA2_256, { name: 'sha2-256', digestBytes: 32, create: createSha256 }],
  [SHA2_512, { name: 'sha2-512', digestBytes: 64, create: createSha512 }],
  [
    SHA3_256,
    { name: 'sha3-256', digestBytes: 32, create: () => new LateHash(async () => (await import('@noble/hashes/sha3.js')).sha3_256) },
  ],
  [
    KECCAK_256,
    { name: 'keccak-256', digestBytes: 32, create: () => new LateHash(async () => (await import('@noble/hashes/sha3.js')).keccak_256) },
  ],
  [BLAKE3, { name: 'blake3', digestBytes: 32, create: () => new LateHash(async () => (await import('@noble/hashes/blake3.js')).blake3) }],
  [BLAKE2B_256, { name: 'blake2b-256', digestBytes: 32, create: () => new LateHash(loadBlake2b) }],
])

async function loadBlake2b(): Promise<(message: Uint8Array) => Uint8Array> {
  const { blake2b } = await import('@noble/hashes/blake2.js')
  return (message) => blake2b(message, { dkLen: 32 })
}

/** Its code may not be there yet, so the block's parts are held, as views, until it is. */
class LateHash implements IncrementalHash {
  readonly #load: () => Promise<(message: Uint8Array) => Uint8Array>
  readonly #parts: Uint8Array[] = []

  constructor(load: () => Promise<(message: Uint8Array) => Uint8Array>) {
    this.#load = load
  }

  update(bytes: Uint8Array): void {
    this.#parts.push(bytes)
  }

  async digest(): Promise<Uint8Array> {
    const hash = await this.#load()
    return hash(joined(this.#parts))
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    message.set(part, offset)
    offset += part.length
  }
  return message
}
