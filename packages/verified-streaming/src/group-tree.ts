/**
 * All values of the tree over some chunk groups, level by level: level 0 holds the groups' values, each level above the
 * parents of neighbouring pairs, with an odd last one carried up unchanged. That pairing is exactly the left-balanced tree,
 * so the two children of a node lie side by side, 64 bytes, as an encoding wants them.
 *
 * Memory is held once and used again for the next subtree.
 */
import { CHUNK_BYTES, HASH_BYTES, PAIR_BYTES } from './constants.ts'
import { parentCvs, subtreeCvs } from './kernel/index.ts'
import { leftCountOf } from './tree.ts'

export class GroupTree {
  readonly #leafLog: number
  readonly #levels: Uint8Array[] = []
  /** First chunk of the subtree that was computed last. */
  start = -1

  /** @param leafLog - size of the groups. @param log - of the largest subtree it is to hold, in chunks. */
  constructor(leafLog: number, log: number) {
    this.#leafLog = leafLog
    for (let level = log - leafLog; level >= 0; level--) this.#levels.push(new Uint8Array(HASH_BYTES * 2 ** level))
  }

  /** Computes the tree over `input[start, end)`, whose first chunk is `startChunk` of the blob. */
  compute(input: Uint8Array, start: number, end: number, startChunk: number): void {
    this.start = startChunk
    let count = subtreeCvs(input, start, end, startChunk, this.#leafLog, this.#levels[0]!, 0)
    for (let level = 0; count > 2; level++) {
      const below = this.#levels[level]!
      const above = this.#levels[level + 1]!
      parentCvs(below, count >> 1, above)
      if (count & 1) above.set(below.subarray((count - 1) * HASH_BYTES, count * HASH_BYTES), (count >> 1) * HASH_BYTES)
      count = (count + 1) >> 1
    }
  }

  /** Left and right value, 64 bytes, of the node over `count` chunks from chunk `start`, more than one group. A view. */
  pair(start: number, count: number): Uint8Array {
    const left = leftCountOf(count)
    const at = ((start - this.start) / left) * HASH_BYTES
    return this.#levels[Math.log2(left) - this.#leafLog]!.subarray(at, at + PAIR_BYTES)
  }

  /** Whether every parent in the encoding at `encoded[at]` of the subtree computed last, of 2^depth groups, has its value. */
  hasParents(encoded: Uint8Array, at: number, depth: number): boolean {
    const groupBytes = CHUNK_BYTES << this.#leafLog
    for (let level = depth; level > 0; level--) {
      const values = this.#levels[level - 1]!
      for (let index = 0; index < 1 << (depth - level); index++) {
        const from = at + placeInPerfect(depth, level, index, groupBytes)
        for (let i = 0; i < PAIR_BYTES; i++) if (values[index * PAIR_BYTES + i] !== encoded[from + i]) return false
      }
    }
    return true
  }
}

/** Where a node (groups are level 0) begins in the encoding of a subtree of 2^depth groups: behind all parents on its left and above. */
export function placeInPerfect(depth: number, level: number, index: number, groupBytes: number): number {
  let parents = (index << level) + depth - level
  for (let rest = index; rest > 0; rest &= rest - 1) parents--
  return parents * PAIR_BYTES + (index << level) * groupBytes
}
