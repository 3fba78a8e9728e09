/** The root of a state that is in no store: for tools that make one. */
import type { Digest } from '@selvedge/ledger-types'
import { createMemoryNodeStore, createStateTree, keyHash, valueHash } from '@selvedge/state-tree'
import type { ImportedRow } from './import.ts'

/** What `createStateImport` will find over the same rows, in any order. Holds a hash of each row in memory. */
export function stateRootOf(rows: Iterable<ImportedRow>): Digest {
  const tree = createStateTree({ nodes: createMemoryNodeStore() })
  const changes = Array.from(rows, ({ table, key, value }) => ({ keyHash: keyHash(table, key), valueHash: valueHash(value) }))
  return tree.update(changes)
}
