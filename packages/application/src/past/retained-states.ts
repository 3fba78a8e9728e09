/**
 * The states at the ends of epochs that a node retains which is no archive: rows from layers of old ones, proofs from the copies in the tree.
 * Nothing is made anew for an answer: a row is looked for in two layers at most, a proof reads the groups on its way.
 */
import type { StateTree } from '@selvedge/state-tree'
import { ApplicationError } from '../errors.ts'
import type { RetainedRoots } from '../history/retained-roots.ts'
import { rowAt } from '../history/row-layers.ts'
import { isRow, rowBytes } from '../state/schema.ts'
import type { StoreReader } from '../store/contract.ts'
import { type PastState, pastStateOf } from './past-state.ts'

/** `undefined` where it is not retained. */
export function retainedStateAt(
  { store, tree, retained }: { readonly store: StoreReader; readonly tree: StateTree; readonly retained: RetainedRoots },
  height: number,
): PastState | undefined {
  const known = retained.held().find((each) => each.height === height)
  if (known === undefined) return undefined
  const { version } = known
  return pastStateOf(
    (table, key) => {
      if (!isRow(table, key)) return undefined
      const before = rowAt(store, table, key, height)
      return before === undefined ? rowBytes(store, table, key) : before.value
    },
    {
      prove: (place) => tree.prove(place, { version }),
      root() {
        const found = tree.retained().find((each) => each.version === version)
        if (found === undefined)
          throw new ApplicationError('APPLICATION_DAMAGED', `the tree does not have the root retained for block ${height}`, { height })
        return found.root.slice()
      },
    },
  )
}
