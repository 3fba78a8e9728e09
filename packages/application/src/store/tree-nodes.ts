/**
 * The tree's nodes in the store's space for them. What an update puts is kept here until it is committed with everything else of the
 * block, and read from here meanwhile.
 */
import type { NodeStore } from '@selvedge/state-tree'
import { keyTextOf } from '../state/key-text.ts'
import { SPACES, type StoreReader, type Write } from './contract.ts'

export interface TreeNodes extends NodeStore {
  /** What was put and deleted since the last call, to be committed. */
  writes(): Write[]
  /** It was committed. */
  settle(): void
}

export function createTreeNodes(store: StoreReader): TreeNodes {
  const pending = new Map<string, { readonly key: Uint8Array; readonly value: Uint8Array | undefined }>()
  return {
    get(key) {
      const changed = pending.get(keyTextOf(key))
      return changed === undefined ? store.get(SPACES.tree, key) : changed.value
    },
    put: (key, value) => void pending.set(keyTextOf(key), { key, value }),
    delete: (key) => void pending.set(keyTextOf(key), { key, value: undefined }),
    writes: () => [...pending.values()].map(({ key, value }) => ({ space: SPACES.tree, key, value })),
    settle: () => pending.clear(),
  }
}
