/**
 * The tree as it was after a block: the one at the end of its window (or the present one), with the rows taken back that changed between.
 * Nothing is written to the store; what changes is kept beside it.
 */
import { createStateTree, type Change, type NodeStore, type StateTree, valueHash } from '@selvedge/state-tree'
import { keyTextOf } from '../state/key-text.ts'
import { SPACES, type StoreReader } from '../store/contract.ts'
import { changedIn, groupAfter, rowBefore, windowFrom } from './past-log.ts'

/** What such a tree keeps in memory between two proofs. */
const MEMORY_BYTES_MAX = 16 * 2 ** 20

/** Takes back at most `WINDOW_ROWS` rows and those of one block. @param head - the newest block. */
export function treeAt(store: StoreReader, height: number, head: number): StateTree {
  const window = windowFrom(store, height)
  const tree = createStateTree({ nodes: nodesAt(store, window), memoryBytesMax: MEMORY_BYTES_MAX })
  tree.update(changesBack(store, height, window ?? head))
  return tree
}

/** For each row that changed after `height` and up to `last`: what it was, by the first block that changed it. */
function* changesBack(store: StoreReader, height: number, last: number): Iterable<Change> {
  const seen = new Set<string>()
  for (let at = height + 1; at <= last; at++) {
    for (const keyHash of changedIn(store, at)) {
      const name = keyTextOf(keyHash)
      if (seen.has(name)) continue
      seen.add(name)
      const value = rowBefore(store, keyHash, at)?.value
      yield { keyHash, valueHash: value === undefined ? null : valueHash(value) }
    }
  }
}

/** Groups as they were when `window` began, or as they are; what the tree puts stays here. */
function nodesAt(store: StoreReader, window: number | undefined): NodeStore {
  const own = new Map<string, Uint8Array | undefined>()
  return {
    get(key) {
      const name = keyTextOf(key)
      if (own.has(name)) return own.get(name)
      const before = window === undefined ? undefined : groupAfter(store, key, window)
      return before === undefined ? store.get(SPACES.tree, key) : before.value
    },
    put: (key, value) => void own.set(keyTextOf(key), value.slice()),
    delete: (key) => void own.set(keyTextOf(key), undefined),
  }
}
