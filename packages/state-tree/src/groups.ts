/**
 * The groups of a tree that are in memory: brings them in when somebody goes below, and lets the longest unused go when they are too many.
 */
import { DEPTH_MAX, GROUP_LEVELS, HASH_WORDS } from './constants.ts'
import { corrupt, decodeGroup } from './group-codec.ts'
import { EMPTY, NodeSlab } from './node-slab.ts'
import { groupKey } from './store-keys.ts'

export class GroupCache {
  slab: NodeSlab = new NodeSlab()
  /** The root node, once `open` was called. */
  root: number = EMPTY
  /** The generation of the top group, which has a node for it only when it is a branch. */
  rootGeneration = 0
  isOpen = false
  /** Counts calls of the tree, so that what was used is known from what was not. */
  clock = 0
  readonly #read: (key: Uint8Array) => Uint8Array | undefined

  constructor(read: (key: Uint8Array) => Uint8Array | undefined) {
    this.#read = read
  }

  /** Forgets everything; the next `open` reads anew. */
  reset(): void {
    this.slab = new NodeSlab()
    this.root = EMPTY
    this.rootGeneration = 0
    this.isOpen = false
  }

  /** Reads the top group, unless it is there. An empty store is an empty tree. */
  open(): void {
    if (this.isOpen) return
    const bytes = this.#read(groupKey(this.slab.leaves, 0, 0))
    if (bytes !== undefined) {
      this.root = decodeGroup(this.slab, bytes)
      this.rootGeneration = this.slab.generations[this.root]!
    }
    this.isOpen = true
  }

  /** Makes sure that what is below `node`, a branch at `depth` on the way to the key hash at `words[at]`, is in memory. */
  expand(node: number, depth: number, words: Int32Array, at: number): void {
    const { slab } = this
    if (depth % GROUP_LEVELS !== 0) return
    slab.usedAt[node] = this.clock
    if (!slab.isStub(node)) return
    const bytes = this.#read(groupKey(words, at, depth))
    if (bytes === undefined) throw corrupt(`the group at depth ${depth} is missing`)
    const top = decodeGroup(slab, bytes)
    if (!slab.isBranch(top)) throw corrupt(`the group at depth ${depth} has no branch at its top`)
    for (let i = 0; i < HASH_WORDS; i++) {
      if (slab.hashes[top * HASH_WORDS + i] !== slab.hashes[node * HASH_WORDS + i]) throw corrupt(`the group at depth ${depth} is another`)
    }
    slab.lefts[node] = slab.lefts[top]!
    slab.rights[node] = slab.rights[top]!
    slab.generations[node] = slab.generations[top]!
    slab.free(top)
  }

  /** Lets groups go, the longest unused first, until three quarters of `nodesMax` are left. Only between updates: all that is there is stored. */
  trim(nodesMax: number): void {
    const { slab } = this
    if (slab.count <= nodesMax) return
    const loaded: { readonly top: number; readonly depth: number; readonly usedAt: number }[] = []
    const collect = (node: number, depth: number): void => {
      if (depth === DEPTH_MAX || !slab.isBranch(node) || slab.isStub(node)) return
      if (depth > 0 && depth % GROUP_LEVELS === 0) loaded.push({ top: node, depth, usedAt: slab.usedAt[node]! })
      collect(slab.lefts[node]!, depth + 1)
      collect(slab.rights[node]!, depth + 1)
    }
    collect(this.root, 0)
    loaded.sort((one, other) => one.usedAt - other.usedAt || other.depth - one.depth) // so that a group goes before the one above it
    for (const { top } of loaded) {
      if (slab.count <= nodesMax * 0.75) return
      slab.cut(top)
    }
  }
}
