/**
 * A batch of changes, laid out for the update: key hash and value hash as words, and an order by key hash in which the later of two
 * changes to one key is the only one left.
 */
import { HASH_BYTES, HASH_WORDS, LEAF_WORDS } from './constants.ts'
import { StateTreeError } from './errors.ts'
import { readWords } from './sha256.ts'

/** One entry set (`valueHash` is 32 bytes) or removed (`null`). Removing what is not there is legal. */
export interface Change {
  readonly keyHash: Uint8Array
  readonly valueHash: Uint8Array | null
}

/** Changes that there is room for from one batch to the next. */
const KEPT = 8_192

export class ChangeList {
  /** Key hash and value hash of change c: 16 words at 16 · c. */
  words: Int32Array = new Int32Array(64 * LEAF_WORDS)
  /** Changes by ascending key hash: `count` of them. */
  order: Uint32Array = new Uint32Array(64)
  count = 0
  #removes = new Uint8Array(64)

  isRemoval(change: number): boolean {
    return this.#removes[change] === 1
  }

  /** Takes changes from `source` until there are `most` or no more; true when there may be more. */
  fill(source: Iterator<Change>, most: number): boolean {
    this.count = 0
    while (this.count < most) {
      const next = source.next()
      if (next.done === true) break
      this.#add(next.value)
    }
    const more = this.count === most
    this.#sort()
    return more
  }

  /** Gives memory back after a large batch. */
  shrink(): void {
    if (this.order.length <= KEPT) return
    this.words = new Int32Array(KEPT * LEAF_WORDS)
    this.order = new Uint32Array(KEPT)
    this.#removes = new Uint8Array(KEPT)
  }

  #add(change: Change): void {
    const { keyHash, valueHash } = change
    assertHash('a key hash', keyHash)
    if (valueHash !== null) assertHash('a value hash', valueHash)
    const index = this.count++
    if (index === this.order.length) this.#grow()
    readWords(keyHash, 0, this.words, index * LEAF_WORDS)
    if (valueHash !== null) readWords(valueHash, 0, this.words, index * LEAF_WORDS + HASH_WORDS)
    this.#removes[index] = valueHash === null ? 1 : 0
  }

  #grow(): void {
    const words: Int32Array = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
    const removes = new Uint8Array(this.#removes.length * 2)
    removes.set(this.#removes)
    this.#removes = removes
    this.order = new Uint32Array(removes.length)
  }

  /** Sorts by first word and place as one number, which a typed array does natively; then the few of equal first words by the rest. */
  #sort(): void {
    const { words, order, count } = this
    const ranks = new Float64Array(count)
    for (let i = 0; i < count; i++) ranks[i] = (words[i * LEAF_WORDS]! >>> 0) * 2 ** 21 + i
    ranks.sort()
    let kept = 0
    for (let i = 0; i < count; i++) {
      const change = ranks[i]! % 2 ** 21
      let at = kept // an insertion sort among equal first words: stable, so the later change of a key follows the earlier
      while (at > 0 && this.#compare(order[at - 1]!, change) > 0) at--
      if (at > 0 && this.#compare(order[at - 1]!, change) === 0) {
        order[at - 1] = change
        continue
      }
      if (at < kept) order.copyWithin(at + 1, at, kept)
      order[at] = change
      kept++
    }
    this.count = kept
  }

  #compare(one: number, other: number): number {
    for (let i = 0; i < HASH_WORDS; i++) {
      const difference = (this.words[one * LEAF_WORDS + i]! >>> 0) - (this.words[other * LEAF_WORDS + i]! >>> 0)
      if (difference !== 0) return difference
    }
    return 0
  }
}

/** @throws {StateTreeError} `STATE_TREE_ARGUMENT` unless `bytes` are 32. */
export function assertHash(what: string, bytes: Uint8Array): void {
  if (bytes.length !== HASH_BYTES) throw new StateTreeError('STATE_TREE_ARGUMENT', `${what} is ${HASH_BYTES} bytes, got ${bytes.length}`)
}
