/**
 * SHA-2 where there is no node:crypto. WebCrypto hashes whole messages, five times as fast as JavaScript does, so parts are
 * held (they are views on bytes that the caller holds anyway) and joined once; pages that are no secure context have no
 * WebCrypto, and take the portable functions.
 */
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { IncrementalHash } from './ports.ts'

export function createSha256(): IncrementalHash {
  return globalThis.crypto?.subtle === undefined ? sha256.create() : new SubtleHash('SHA-256')
}

export function createSha512(): IncrementalHash {
  return globalThis.crypto?.subtle === undefined ? sha512.create() : new SubtleHash('SHA-512')
}

class SubtleHash implements IncrementalHash {
  readonly #algorithm: string
  readonly #parts: Uint8Array[] = []
  #length = 0
  constructor(algorithm: string) {
    this.#algorithm = algorithm
  }
  update(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }
  async digest(): Promise<Uint8Array> {
    const message = new Uint8Array(this.#length)
    let offset = 0
    for (const part of this.#parts) {
      message.set(part, offset)
      offset += part.length
    }
    return new Uint8Array(await globalThis.crypto.subtle.digest(this.#algorithm, message))
  }
}
