/**
 * All values of the tree over one chunk group, level by level: level 0 holds the chunks' values, each level above the
 * parents of neighbouring pairs, with an odd last one carried up unchanged. That pairing is exactly the left-balanced tree,
 * so the two children of a node lie side by side, 64 bytes, as an encoding wants them.
 *
 * Memory is held once and used again for the next group.
 */
import { CHUNK_BYTES, HASH_BYTES, PAIR_BYTES } from './constants.ts'
import { parentCvs, subtreeCvs } from './kernel/index.ts'

export class GroupTree {
  readonly #levels: Uint8Array[] = []
  #start = 0

  /** @param chunkGroupLog - of the largest group it is to hold. */
  constructor(chunkGroupLog: number) {
    for (let level = 0; level <= chunkGroupLog; level++) this.#levels.push(new Uint8Array(HASH_BYTES * 2 ** (chunkGroupLog - level)))
  }

  /** Computes the tree over `input[start, end)`, whose first chunk is `startChunk` of the blob. */
  compute(input: Uint8Array, start: number, end: number, startChunk: number): void {
    this.#start = startChunk
    let count = Math.max(1, Math.ceil((end - start) / CHUNK_BYTES))
    subtreeCvs(input, start, end, startChunk, 0, this.#levels[0]!, 0)
    for (let level = 0; count > 1; level++) {
      const below = this.#levels[level]!
      const above = this.#levels[level + 1]!
      parentCvs(below, 0, count >>> 1, above, 0)
      if (count % 2 === 1) above.set(below.subarray((count - 1) * HASH_BYTES, count * HASH_BYTES), ((count - 1) / 2) * HASH_BYTES)
      count = Math.ceil(count / 2)
    }
  }

  /** Left and right value, 64 bytes, of the node over `count` > 1 chunks from chunk `start`. A view. */
  pair(start: number, count: number): Uint8Array {
    const level = 31 - Math.clz32(count - 1) // of the children
    const at = ((start - this.#start) / 2 ** level) * HASH_BYTES
    return this.#levels[level]!.subarray(at, at + 2 * HASH_BYTES)
  }

  /** Whether `item[at]` begins with that pair. */
  hasPair(start: number, count: number, item: Uint8Array, at: number): boolean {
    const level = 31 - Math.clz32(count - 1)
    const values = this.#levels[level]!
    const from = ((start - this.#start) / 2 ** level) * HASH_BYTES
    for (let i = 0; i < PAIR_BYTES; i++) if (values[from + i] !== item[at + i]) return false
    return true
  }
}
