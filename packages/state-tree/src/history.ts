/**
 * Roots that stay provable after the tree has moved on. Time is cut into generations: retaining the present root ends one. A group knows
 * the generation in which it was written, and the first time it is written in a later one, what it was goes under a key with the newest
 * retained version in it. So a version costs one more write for each group that changes after it, and nothing for the rest; reading a
 * group as of version v takes the first that is there of its copies for v and every later retained version, then the group itself.
 *
 * Invariant: a copy for version v exists only if the copy of the group above it does, since a changed group changes every group above.
 * That is what lets `release` find all copies of a version from the top, with no list kept and no range read of the store.
 */
import { HASH_BYTES, RETAINED_MAX } from './constants.ts'
import { StateTreeError } from './errors.ts'
import { forEachBelow } from './groups.ts'
import { corrupt, imageOf } from './image.ts'
import type { NodeStore } from './ports.ts'
import { RETAINED_KEY, groupKey, oldGroupKey } from './store-keys.ts'

/** A root that proofs can still be made for. */
export interface RetainedRoot {
  /** Ascending; the tree gives them out. */
  readonly version: number
  /** 32 bytes. */
  readonly root: Uint8Array
}

const ENTRY_BYTES = 4 + HASH_BYTES

export class History {
  readonly #nodes: NodeStore
  #retained: RetainedRoot[] = []
  /** Versions at or below are given up, but their copies may not be deleted yet: `[#deletedBelow, #retained[0] or #generation)`. */
  #deletedBelow = 0
  #generation = 0
  #isOpen = false

  constructor(nodes: NodeStore) {
    this.#nodes = nodes
  }

  reset(): void {
    this.#isOpen = false
  }

  /** The generation that writes belong to now. */
  get generation(): number {
    this.#open()
    return this.#generation
  }

  get retained(): readonly RetainedRoot[] {
    this.#open()
    return this.#retained
  }

  retain(root: Uint8Array): number {
    this.#open()
    if (this.#retained.length === RETAINED_MAX) {
      throw new StateTreeError('STATE_TREE_RETAINED_LIMIT', `${RETAINED_MAX} roots are kept: release one first`)
    }
    const version = this.#generation++
    this.#retained = [...this.#retained, { version, root: root.slice() }]
    this.#save()
    return version
  }

  /** Keeps what is stored under `key`, written in `generation`, if a retained version needs it: called before it is overwritten or deleted. */
  keep(key: Uint8Array, generation: number): void {
    this.#open()
    const newest = this.#retained.at(-1)
    if (newest === undefined || generation > newest.version) return
    const bytes = this.#nodes.get(key)
    if (bytes === undefined) throw corrupt('a group that was read is gone')
    this.#nodes.put(oldGroupKey(key, newest.version), bytes.slice())
  }

  /** Reads groups as they were at `version`. */
  readerAt(version: number): (key: Uint8Array) => Uint8Array | undefined {
    this.#open()
    const later = this.#retained.filter((each) => each.version >= version)
    if (later[0]?.version !== version) throw new StateTreeError('STATE_TREE_NOT_RETAINED', `version ${version} is not retained`)
    return (key) => {
      for (const each of later) {
        const bytes = this.#nodes.get(oldGroupKey(key, each.version))
        if (bytes !== undefined) return bytes
      }
      return this.#nodes.get(key)
    }
  }

  /** Gives up `version` and all before; deletes at most `groupsMax` copies, and says whether none are left. Writes nothing where nothing is to be done. */
  release(version: number, groupsMax: number): boolean {
    this.#open()
    const kept = this.#retained.filter((each) => each.version > version)
    const end = Math.min(version + 1, this.#generation)
    let deletedBelow = this.#deletedBelow
    let left = groupsMax
    const words = new Int32Array(8)
    while (deletedBelow < end && left > 0) {
      left -= this.#delete(deletedBelow, words, 0, left)
      if (left > 0) deletedBelow++
    }
    const isChanged = kept.length !== this.#retained.length || deletedBelow !== this.#deletedBelow
    this.#retained = kept
    this.#deletedBelow = deletedBelow
    if (isChanged) this.#save()
    return this.#deletedBelow >= end
  }

  /** Deletes copies for `version` from the group at `depth` down, the lowest first, so that what is left can still be found. Gives how many. */
  #delete(version: number, words: Int32Array, depth: number, most: number): number {
    const key = oldGroupKey(groupKey(words, 0, depth), version)
    const bytes = this.#nodes.get(key)
    if (bytes === undefined) return 0
    let deleted = 0
    forEachBelow(imageOf(bytes), depth, words, (below) => {
      if (deleted < most) deleted += this.#delete(version, words, below, most - deleted)
    })
    if (deleted >= most) return deleted
    this.#nodes.delete(key)
    return deleted + 1
  }

  #open(): void {
    if (this.#isOpen) return
    const bytes = this.#nodes.get(RETAINED_KEY)
    this.#retained = []
    this.#generation = 0
    this.#deletedBelow = 0
    if (bytes !== undefined) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (bytes.length < 8 || (bytes.length - 8) % ENTRY_BYTES !== 0) throw corrupt('the list of retained roots is cut off')
      this.#generation = view.getUint32(0, true)
      this.#deletedBelow = view.getUint32(4, true)
      for (let at = 8; at < bytes.length; at += ENTRY_BYTES) {
        this.#retained.push({ version: view.getUint32(at, true), root: bytes.slice(at + 4, at + ENTRY_BYTES) })
      }
    }
    this.#isOpen = true
  }

  #save(): void {
    const bytes = new Uint8Array(8 + this.#retained.length * ENTRY_BYTES)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, this.#generation, true)
    view.setUint32(4, this.#deletedBelow, true)
    for (const [i, { version, root }] of this.#retained.entries()) {
      view.setUint32(8 + i * ENTRY_BYTES, version, true)
      bytes.set(root, 12 + i * ENTRY_BYTES)
    }
    this.#nodes.put(RETAINED_KEY.slice(), bytes)
  }
}
