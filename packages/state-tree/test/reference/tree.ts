/** The tree's rules in the fewest words: a set of entries in, a root out. Slow, and obvious enough to be held against. */
import { createHash } from 'node:crypto'

export interface Entry {
  readonly keyHash: Uint8Array
  readonly valueHash: Uint8Array
}

const sha256 = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

const tagged = (hash: Uint8Array, tag: 0 | 1): Uint8Array => {
  hash[0] = tag === 1 ? hash[0]! | 0x80 : hash[0]! & 0x7f
  return hash
}

export const bit = (key: Uint8Array, depth: number): number => (key[depth >> 3]! >> (7 - (depth & 7))) & 1

/** The root over `entries`, which have different keys that agree in their first `depth` bits. */
export function referenceRoot(entries: readonly Entry[], depth = 0): Uint8Array {
  if (entries.length === 0) return new Uint8Array(32)
  if (entries.length === 1) return tagged(sha256(entries[0]!.keyHash, entries[0]!.valueHash), 1)
  const side = (which: number): Uint8Array =>
    referenceRoot(
      entries.filter(({ keyHash }) => bit(keyHash, depth) === which),
      depth + 1,
    )
  return tagged(sha256(side(0), side(1)), 0)
}
