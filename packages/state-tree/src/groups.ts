/**
 * The groups of a tree that are in memory: brings them in when somebody goes below, and lets the longest unused go when they are too many.
 */
import { GROUP_LEVELS, HASH_WORDS } from './constants.ts'
import { BELOW, BRANCH, corrupt, emptyImage, imageOf, kindAt, leftOf, rightOf, TOP } from './image.ts'
import { bitAt, groupKey } from './store-keys.ts'

const SLOTS = 2 ** GROUP_LEVELS
/** What a group costs beside its image, measured and rounded up. */
const OVERHEAD_BYTES = 300

/** A group in memory, and those of the groups right below that are in memory too, by the bits that lead there. */
export class Group {
  image: Int32Array
  below: (Group | undefined)[] | undefined
  /** The call that last came by; never less than that of a group below. */
  usedAt = 0

  constructor(image: Int32Array) {
    this.image = image
  }
}

export class GroupCache {
  /** The top group, once `open` was called. */
  root: Group = new Group(emptyImage())
  isOpen = false
  /** Counts calls of the tree, so that what was used is known from what was not. */
  clock = 0
  /** Of all groups in memory. */
  bytes = 0
  readonly #read: (key: Uint8Array) => Uint8Array | undefined

  constructor(read: (key: Uint8Array) => Uint8Array | undefined) {
    this.#read = read
  }

  /** Forgets everything; the next `open` reads anew. */
  reset(): void {
    this.root = new Group(emptyImage())
    this.isOpen = false
    this.bytes = 0
  }

  /** Reads the top group, unless it is there. An empty store is an empty tree. */
  open(): void {
    if (this.isOpen) return
    const bytes = this.#read(groupKey(new Int32Array(HASH_WORDS), 0, 0))
    if (bytes !== undefined) this.root = new Group(imageOf(bytes))
    this.isOpen = true
  }

  /**
   * The group at `depth` below `above`, on the way to the key hash at `words[at]`. Its top must have the hash at `hashAt` in the group above.
   * @throws {StateTreeError} `STATE_TREE_CORRUPT` when the store has none, or another.
   */
  below(above: Group, hashAt: number, depth: number, words: Int32Array, at: number): Group {
    const slot = slotOf(words, at, depth)
    above.below ??= new Array<Group | undefined>(SLOTS).fill(undefined)
    let group = above.below[slot]
    if (group === undefined) {
      group = this.#load(above, hashAt, groupKey(words, at, depth))
      above.below[slot] = group
      this.bytes += sizeOf(group)
    }
    group.usedAt = this.clock
    return group
  }

  #load(above: Group, hashAt: number, key: Uint8Array): Group {
    const bytes = this.#read(key)
    if (bytes === undefined) throw corrupt('a group is missing')
    const image = imageOf(bytes)
    if (kindAt(image, TOP) !== BRANCH) throw corrupt('a group below another has no branch at its top')
    for (let i = 0; i < HASH_WORDS; i++) {
      if (image[TOP + 1 + i] !== above.image[hashAt + i]) throw corrupt('a group has another hash than the group above says')
    }
    return new Group(image)
  }

  /** Puts `group`, which is new or undefined, at the place at `depth` below `above`. */
  place(above: Group, depth: number, words: Int32Array, at: number, group: Group | undefined): void {
    const slot = slotOf(words, at, depth)
    const before = above.below?.[slot]
    if (before === group) return
    if (before !== undefined) this.bytes -= sizeOf(before)
    if (group !== undefined) this.bytes += sizeOf(group)
    above.below ??= new Array<Group | undefined>(SLOTS).fill(undefined)
    above.below[slot] = group
  }

  /** Gives `group` the first `length` words of `words`. */
  write(group: Group, words: Int32Array, length: number, isPlaced: boolean): void {
    if (group.image.length === length) {
      group.image.set(words.subarray(0, length))
      return
    }
    if (isPlaced) this.bytes += (length - group.image.length) * 4
    group.image = words.slice(0, length)
  }

  /** Lets groups go, the longest unused first, until three quarters of `bytesMax` are left: between updates all that is there is stored. */
  trim(bytesMax: number): void {
    if (this.bytes <= bytesMax) return
    const loaded: { readonly above: Group; readonly slot: number; readonly group: Group; readonly level: number }[] = []
    const collect = (above: Group, level: number): void => {
      for (const [slot, group] of (above.below ?? []).entries()) {
        if (group === undefined) continue
        loaded.push({ above, slot, group, level })
        collect(group, level + 1)
      }
    }
    collect(this.root, 0)
    loaded.sort((one, other) => one.group.usedAt - other.group.usedAt || other.level - one.level) // below before above
    for (const { above, slot, group } of loaded) {
      if (this.bytes <= bytesMax * 0.75) return
      this.bytes -= sizeOf(group)
      above.below![slot] = undefined
    }
  }
}

/** Calls `visit` with the position and the depth of every next group's top, `words` leading there. `words` is as before when it returns. */
export function forEachBelow(image: Int32Array, depth: number, words: Int32Array, visit: (depth: number) => void): void {
  const walk = (at: number, level: number): void => {
    const kind = kindAt(image, at)
    if (kind === BELOW) visit(level)
    if (kind !== BRANCH) return
    walk(leftOf(at), level + 1)
    const bit = 1 << (31 - (level & 31))
    words[level >>> 5]! |= bit
    walk(rightOf(image, at), level + 1)
    words[level >>> 5]! &= ~bit
  }
  walk(TOP, depth)
}

const sizeOf = (group: Group): number => group.image.length * 4 + OVERHEAD_BYTES

/** The bits between the group above and the group at `depth`, as a number. */
function slotOf(words: Int32Array, at: number, depth: number): number {
  let slot = 0
  for (let level = depth - GROUP_LEVELS; level < depth; level++) slot = (slot << 1) | bitAt(words, at, level)
  return slot
}
