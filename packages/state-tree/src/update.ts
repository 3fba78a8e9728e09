/**
 * The update of a tree by a batch, in one walk: the changes, sorted by key hash, are split at every branch by the next bit, so that each
 * node of the tree is met once a batch, hashed at most once and written at most once, however many keys below it change. A group is read
 * from its old image and written to a new one, front to back.
 *
 * Invariants: a leaf stands at the shortest prefix that no other key has, so a branch has at least two leaves below it, and the root
 * depends on the set of entries alone; a group is stored exactly when its top is a branch (the top group, when there is an entry).
 */
import type { ChangeList } from './changes.ts'
import { GROUP_LEVELS, HASH_WORDS, LEAF_WORDS } from './constants.ts'
import { Group, type GroupCache } from './groups.ts'
import { hashBranch, hashLeaf } from './hashes.ts'
import type { History } from './history.ts'
import {
  BELOW,
  BRANCH,
  EMPTY,
  emptyImage,
  endOf,
  LONGEST_IMAGE_WORDS,
  kindAt,
  LEAF,
  LEAF_NODE_WORDS,
  leftOf,
  NODE_WORDS,
  NOWHERE,
  rightOf,
  TOP,
} from './image.ts'
import type { NodeStore } from './ports.ts'
import { bitAt, groupKey } from './store-keys.ts'

export interface UpdateParts {
  readonly nodes: NodeStore
  readonly groups: GroupCache
  readonly history: History
}

/** A group that is being written. */
interface Frame {
  /** What it was, or is about to be. */
  group: Group
  /** Where nodes are read: its old image, or, of a new group, that of the group above, which has the leaf that was in the way. */
  source: Int32Array
  /** The new image, and how much of it is written. */
  readonly target: Int32Array
  length: number
  /** Depth of its top. */
  depth: number
}

const ZERO = new Int32Array(HASH_WORDS)

export class Update {
  readonly #parts: UpdateParts
  readonly #frames: Frame[] = [] // one for each level of groups: the walk is in one group of a level at a time
  #changes: ChangeList
  #generation = 0

  constructor(parts: UpdateParts, changes: ChangeList) {
    this.#parts = parts
    this.#changes = changes
  }

  /** Applies the changes to the tree, in memory and in the store. */
  run(): void {
    const { groups, history, nodes } = this.#parts
    if (this.#changes.count === 0) return
    this.#generation = history.generation
    const { root } = groups
    const frame = this.#frame(0, root, root.image)
    if (!this.#node(frame, TOP, 0, 0, this.#changes.count)) return
    const key = groupKey(ZERO, 0, 0)
    if (kindAt(root.image, TOP) !== EMPTY) history.keep(key, root.image[0]!)
    const isStored = kindAt(frame.target, TOP) !== EMPTY
    if (isStored) this.#store(frame, key, false)
    else {
      root.image = emptyImage()
      nodes.delete(key)
    }
  }

  #frame(depth: number, group: Group, source: Int32Array): Frame {
    const level = depth / GROUP_LEVELS
    const frame = (this.#frames[level] ??= { group, source, target: new Int32Array(LONGEST_IMAGE_WORDS + NODE_WORDS), length: TOP, depth })
    frame.group = group
    frame.source = source
    frame.length = TOP
    return frame
  }

  /** Writes the node at `at` as it is after the sorted changes `[from, to)`, all of which lie below it; true if that changes it. */
  #node(frame: Frame, at: number, depth: number, from: number, to: number): boolean {
    if (from === to) return copyNode(frame, at)
    const kind = kindAt(frame.source, at)
    if (to - from === 1 && kind <= LEAF) {
      const change = this.#changes.order[from]!
      const isRemoval = this.#changes.isRemoval(change)
      if (kind === EMPTY) return isRemoval ? copyNode(frame, NOWHERE) : this.#writeLeaf(frame, change)
      if (this.#isEqual(frame.source, at + NODE_WORDS, change, 0)) {
        if (isRemoval) return !copyNode(frame, NOWHERE)
        const isSame = this.#isEqual(frame.source, at + NODE_WORDS + HASH_WORDS, change, HASH_WORDS)
        return isSame ? copyNode(frame, at) : this.#writeLeaf(frame, change)
      }
      if (isRemoval) return copyNode(frame, at)
    }
    const isBelow = depth > frame.depth && depth % GROUP_LEVELS === 0
    return isBelow ? this.#below(frame, at, kind, depth, from, to) : this.#branch(frame, at, kind, depth, from, to)
  }

  /** A branch with its two subtrees; a leaf or nothing, with more to come beside it; if only a leaf is left of it, that moves up. */
  #branch(frame: Frame, at: number, kind: number, depth: number, from: number, to: number): boolean {
    const { source, target } = frame
    const isBranch = kind === BRANCH
    const isRight = kind === LEAF && bitAt(source, at + NODE_WORDS, depth) === 1
    const leftAt = isBranch ? leftOf(at) : isRight ? NOWHERE : at
    const rightAt = isBranch ? rightOf(source, at) : isRight ? at : NOWHERE
    const middle = this.#split(depth, from, to)
    const start = frame.length
    const left = leftOf(start)
    frame.length = left
    const isLeftChanged = this.#node(frame, leftAt, depth + 1, from, middle)
    const right = frame.length
    const isRightChanged = this.#node(frame, rightAt, depth + 1, middle, to)
    const leftKind = kindAt(target, left)
    const rightKind = kindAt(target, right)
    const isChanged = isLeftChanged || isRightChanged
    if ((leftKind === EMPTY && rightKind <= LEAF) || (rightKind === EMPTY && leftKind <= LEAF)) {
      const kept = leftKind === EMPTY ? right : left
      const words = kept === right ? frame.length - right : right - left
      target.copyWithin(start, kept, kept + words)
      frame.length = start + words
      return isChanged
    }
    target[start] = BRANCH | ((right - left) << 2)
    if (isBranch && !isChanged) for (let i = 1; i <= HASH_WORDS; i++) target[start + i] = source[at + i]!
    else {
      const isLeftZero = leftKind === EMPTY
      const isRightZero = rightKind === EMPTY
      const lefts = isLeftZero ? ZERO : target
      const rights = isRightZero ? ZERO : target
      hashBranch(lefts, isLeftZero ? 0 : left + 1, rights, isRightZero ? 0 : right + 1, target, start + 1)
    }
    return isChanged || !isBranch
  }

  /** The node at the bottom of a group where the next one begins, or will. */
  #below(frame: Frame, at: number, kind: number, depth: number, from: number, to: number): boolean {
    const { groups, history, nodes } = this.#parts
    const { words } = this.#changes
    const key = this.#changes.order[from]! * LEAF_WORDS
    const old = kind === BELOW ? groups.below(frame.group, at + 1, depth, words, key) : undefined
    const group = old ?? new Group(emptyImage())
    const inner = this.#frame(depth, group, old === undefined ? frame.source : old.image)
    const isChanged = old === undefined ? this.#branch(inner, at, kind, depth, from, to) : this.#branch(inner, TOP, BRANCH, depth, from, to)
    if (!isChanged) return copyNode(frame, at)
    const stored = groupKey(words, key, depth)
    if (old !== undefined) history.keep(stored, old.image[0]!)
    if (kindAt(inner.target, TOP) === BRANCH) {
      this.#store(inner, stored, old !== undefined)
      groups.place(frame.group, depth, words, key, group)
      copyWords(inner.target, TOP, TOP + NODE_WORDS, frame)
      frame.target[frame.length - NODE_WORDS] = BELOW
    } else {
      if (old !== undefined) {
        groups.place(frame.group, depth, words, key, undefined)
        nodes.delete(stored)
      }
      copyWords(inner.target, TOP, inner.length, frame)
    }
    return true
  }

  #store(frame: Frame, key: Uint8Array, isPlaced: boolean): void {
    const { groups, nodes } = this.#parts
    const { group, target, length } = frame
    target[0] = this.#generation
    groups.write(group, target, length, isPlaced)
    group.usedAt = groups.clock
    const { buffer, byteOffset, byteLength } = group.image
    nodes.put(key, new Uint8Array(buffer, byteOffset, byteLength))
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

  #writeLeaf(frame: Frame, change: number): true {
    const { words } = this.#changes
    const { target, length } = frame
    const entry = change * LEAF_WORDS
    target[length] = LEAF
    hashLeaf(words, entry, entry + HASH_WORDS, target, length + 1)
    for (let i = 0; i < LEAF_WORDS; i++) target[length + NODE_WORDS + i] = words[entry + i]!
    frame.length = length + LEAF_NODE_WORDS
    return true
  }

  #isEqual(source: Int32Array, at: number, change: number, offset: number): boolean {
    const from = change * LEAF_WORDS + offset
    for (let i = 0; i < HASH_WORDS; i++) if (source[at + i] !== this.#changes.words[from + i]) return false
    return true
  }
}

/** Writes the subtree at `at` as it is. False: nothing changed. */
function copyNode(frame: Frame, at: number): false {
  if (at === NOWHERE) frame.target[frame.length++] = EMPTY
  else copyWords(frame.source, at, endOf(frame.source, at), frame)
  return false
}

function copyWords(source: Int32Array, from: number, to: number, frame: Frame): void {
  const { target, length } = frame
  for (let i = from, out = length; i < to; i++, out++) target[out] = source[i]!
  frame.length = length + to - from
}
