/**
 * Nodes in a few typed arrays, named by small integers. A tree of a million keys as objects would cost several hundred bytes a node and a
 * garbage collection at the wrong moment; here a node is 52 bytes, a leaf 64 more, and hashes are read and written where they lie.
 *
 * Node 0 is the empty subtree: its hash is zero and it is never written. Any other node is a leaf (place of its key hash and value hash),
 * a branch (two nodes), or a stub: a branch that is the top of a group which is not in memory, of which only the hash is known.
 */
import { HASH_WORDS } from './constants.ts'

const LEAF = -1
const STUB = -2
/** A leaf's words: key hash, then value hash. */
export const LEAF_WORDS: number = 2 * HASH_WORDS
/** The empty subtree. */
export const EMPTY = 0

export class NodeSlab {
  hashes: Int32Array
  /** Key hash and value hash of the leaf at place p: 16 words at 16 · p. */
  leaves: Int32Array
  lefts: Int32Array
  rights: Int32Array
  /** The update in which the hash of a node last changed. */
  changedAt: Int32Array
  /** Of tops of groups: the call that last came by. Never less than that of a group below. */
  usedAt: Int32Array
  /** Of tops of groups: the generation in which the group was last written (history.ts). */
  generations: Int32Array
  #free: number[] = []
  #next = 1
  #freeLeaves: number[] = []
  #nextLeaf = 0

  constructor(nodes = 64) {
    this.hashes = new Int32Array(nodes * HASH_WORDS)
    this.leaves = new Int32Array((nodes / 2) * LEAF_WORDS)
    this.lefts = new Int32Array(nodes)
    this.rights = new Int32Array(nodes)
    this.changedAt = new Int32Array(nodes)
    this.usedAt = new Int32Array(nodes)
    this.generations = new Int32Array(nodes)
  }

  /** Nodes in use, without the empty one. */
  get count(): number {
    return this.#next - 1 - this.#free.length
  }

  isLeaf(node: number): boolean {
    return this.rights[node] === LEAF && node !== EMPTY
  }

  isStub(node: number): boolean {
    return this.rights[node] === STUB
  }

  /** True of stubs too. */
  isBranch(node: number): boolean {
    return node !== EMPTY && this.rights[node] !== LEAF
  }

  /** Where in `leaves` the 16 words of a leaf begin. */
  leafAt(node: number): number {
    return this.lefts[node]! * LEAF_WORDS
  }

  newBranch(left: number, right: number): number {
    const node = this.#allocate()
    this.lefts[node] = left
    this.rights[node] = right
    return node
  }

  newStub(): number {
    return this.newBranch(0, STUB)
  }

  /** Its words are for the caller to fill. */
  newLeaf(): number {
    const place = this.#freeLeaves.pop() ?? this.#nextLeaf++
    if ((place + 1) * LEAF_WORDS > this.leaves.length) this.leaves = grown(this.leaves)
    return this.newBranch(place, LEAF)
  }

  /** Frees one node, not what is below. */
  free(node: number): void {
    if (node === EMPTY) return
    if (this.isLeaf(node)) this.#freeLeaves.push(this.lefts[node]!)
    this.rights[node] = 0
    this.#free.push(node)
  }

  /** Frees all below a branch; what is left of it is a stub. */
  cut(node: number): void {
    this.#freeTree(this.lefts[node]!)
    this.#freeTree(this.rights[node]!)
    this.rights[node] = STUB
  }

  #freeTree(node: number): void {
    if (node === EMPTY) return
    if (this.isBranch(node) && !this.isStub(node)) {
      this.#freeTree(this.lefts[node]!)
      this.#freeTree(this.rights[node]!)
    }
    this.free(node)
  }

  #allocate(): number {
    const node = this.#free.pop() ?? this.#next++
    if (node === this.lefts.length) {
      this.hashes = grown(this.hashes)
      this.lefts = grown(this.lefts)
      this.rights = grown(this.rights)
      this.changedAt = grown(this.changedAt)
      this.usedAt = grown(this.usedAt)
      this.generations = grown(this.generations)
    }
    this.changedAt[node] = 0
    this.usedAt[node] = 0
    this.generations[node] = 0
    return node
  }
}

function grown(words: Int32Array): Int32Array {
  const more = new Int32Array(words.length * 2)
  more.set(words)
  return more
}
