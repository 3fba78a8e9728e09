/**
 * The update of a tree by a batch, in one walk: the changes, sorted by key hash, are split at every branch by the next bit, so that each
 * node of the tree is met once a batch, hashed at most once and written at most once, however many keys below it change.
 *
 * Invariants: a leaf stands at the shortest prefix that no other key has, so a branch has at least two leaves below it, and the root
 * depends on the set of entries alone; a group is stored exactly when its top is a branch (the top group always).
 */
import { GROUP_LEVELS, HASH_WORDS } from './constants.ts'
import type { ChangeList } from './changes.ts'
import { encodeGroup } from './group-codec.ts'
import type { GroupCache } from './groups.ts'
import { hashBranch, hashLeaf } from './hashes.ts'
import type { History } from './history.ts'
import { EMPTY, LEAF_WORDS } from './node-slab.ts'
import type { NodeStore } from './ports.ts'
import { bitAt, groupKey } from './store-keys.ts'

export interface UpdateParts {
  readonly nodes: NodeStore
  readonly groups: GroupCache
  readonly history: History
}

/** Applies `changes` to the tree, in memory and in the store. */
export function applyChanges(parts: UpdateParts, changes: ChangeList): void {
  if (changes.count === 0) return
  const { groups, history, nodes } = parts
  groups.open()
  const before = groups.root
  const generation = groups.rootGeneration
  groups.root = new Update(parts, changes).apply(before, 0, 0, changes.count)
  if (groups.root === before && groups.slab.changedAt[before] !== groups.clock) return
  const key = groupKey(changes.words, 0, 0)
  if (before !== EMPTY) history.keep(key, generation)
  groups.rootGeneration = history.generation
  nodes.put(key, encodeGroup(groups.slab, groups.root, groups.rootGeneration))
}

class Update {
  readonly #parts: UpdateParts
  readonly #changes: ChangeList
  readonly #generation: number

  constructor(parts: UpdateParts, changes: ChangeList) {
    this.#parts = parts
    this.#changes = changes
    this.#generation = parts.history.generation
  }

  /** The subtree `node` at `depth` after the sorted changes `[from, to)`, all of which lie below it. */
  apply(node: number, depth: number, from: number, to: number): number {
    if (from === to) return node
    const { slab } = this.#parts.groups
    if (to - from === 1 && !slab.isBranch(node)) {
      const change = this.#changes.order[from]!
      if (node === EMPTY) return this.#changes.isRemoval(change) ? EMPTY : this.#newLeaf(change)
      if (this.#isKeyOf(node, change)) return this.#setLeaf(node, change)
      if (this.#changes.isRemoval(change)) return node
    }
    const isGroup = depth > 0 && depth % GROUP_LEVELS === 0
    return isGroup ? this.#applyGroup(node, depth, from, to) : this.#applyBranch(node, depth, from, to)
  }

  #applyGroup(node: number, depth: number, from: number, to: number): number {
    const { groups, history, nodes } = this.#parts
    const { slab } = groups
    const at = this.#changes.order[from]! * LEAF_WORDS
    const wasStored = slab.isBranch(node)
    if (wasStored) groups.expand(node, depth, this.#changes.words, at)
    const generation = slab.generations[node]!
    const after = this.#applyBranch(node, depth, from, to)
    const isStored = slab.isBranch(after)
    if (!wasStored && !isStored) return after
    if (wasStored && isStored && slab.changedAt[after] !== groups.clock) return after
    const key = groupKey(this.#changes.words, at, depth)
    if (wasStored) history.keep(key, generation)
    if (isStored) {
      slab.generations[after] = this.#generation
      slab.usedAt[after] = groups.clock
      nodes.put(key, encodeGroup(slab, after, this.#generation))
    } else nodes.delete(key)
    return after
  }

  /** `node` is a branch whose two subtrees are there, or a leaf or nothing with more to come beside it. */
  #applyBranch(node: number, depth: number, from: number, to: number): number {
    const { slab } = this.#parts.groups
    const middle = this.#split(depth, from, to)
    if (slab.isBranch(node)) {
      const left = this.apply(slab.lefts[node]!, depth + 1, from, middle)
      const right = this.apply(slab.rights[node]!, depth + 1, middle, to)
      return this.#join(node, left, right)
    }
    const isRight = node !== EMPTY && bitAt(slab.leaves, slab.leafAt(node), depth) === 1
    const left = this.apply(isRight ? EMPTY : node, depth + 1, from, middle)
    const right = this.apply(isRight ? node : EMPTY, depth + 1, middle, to)
    return this.#join(EMPTY, left, right)
  }

  /** The branch over two subtrees, in the place of the branch `node` if there was one; a leaf beside nothing moves up instead. */
  #join(node: number, left: number, right: number): number {
    const { slab, clock } = this.#parts.groups
    if (left === EMPTY && !slab.isBranch(right)) {
      slab.free(node)
      return right
    }
    if (right === EMPTY && !slab.isBranch(left)) {
      slab.free(node)
      return left
    }
    const isNew = node === EMPTY
    const branch = isNew ? slab.newBranch(left, right) : node
    const isSame = !isNew && slab.lefts[branch] === left && slab.rights[branch] === right
    if (isSame && slab.changedAt[left] !== clock && slab.changedAt[right] !== clock) return branch
    slab.lefts[branch] = left
    slab.rights[branch] = right
    slab.changedAt[branch] = clock
    hashBranch(slab.hashes, left * HASH_WORDS, right * HASH_WORDS, slab.hashes, branch * HASH_WORDS)
    return branch
  }

  /** The first of the sorted changes `[from, to)` whose bit at `depth` is 1. */
  #split(depth: number, from: number, to: number): number {
    const { words, order } = this.#changes
    let low = from
    let high = to
    while (low < high) {
      const middle = (low + high) >>> 1
      if (bitAt(words, order[middle]! * LEAF_WORDS, depth) === 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #newLeaf(change: number): number {
    const { slab } = this.#parts.groups
    const node = slab.newLeaf()
    const from = change * LEAF_WORDS
    const leaf = slab.leafAt(node)
    for (let i = 0; i < LEAF_WORDS; i++) slab.leaves[leaf + i] = this.#changes.words[from + i]!
    return this.#hashLeaf(node)
  }

  /** The leaf that has the change's key, changed or removed. */
  #setLeaf(node: number, change: number): number {
    const { slab } = this.#parts.groups
    if (this.#changes.isRemoval(change)) {
      slab.free(node)
      return EMPTY
    }
    const from = change * LEAF_WORDS + HASH_WORDS
    const value = slab.leafAt(node) + HASH_WORDS
    let isSame = true
    for (let i = 0; i < HASH_WORDS; i++) {
      const word = this.#changes.words[from + i]!
      if (slab.leaves[value + i] !== word) isSame = false
      slab.leaves[value + i] = word
    }
    return isSame ? node : this.#hashLeaf(node)
  }

  #hashLeaf(node: number): number {
    const { slab, clock } = this.#parts.groups
    const leaf = slab.leafAt(node)
    hashLeaf(slab.leaves, leaf, leaf + HASH_WORDS, slab.hashes, node * HASH_WORDS)
    slab.changedAt[node] = clock
    return node
  }

  #isKeyOf(node: number, change: number): boolean {
    const { slab } = this.#parts.groups
    const leaf = slab.leafAt(node)
    const from = change * LEAF_WORDS
    for (let i = 0; i < HASH_WORDS; i++) if (slab.leaves[leaf + i] !== this.#changes.words[from + i]) return false
    return true
  }
}
