/** The index of who holds what: contentUpdate. A row is a root and a node; what it says is checked by whoever asks the node for it. */
import { CODES } from '@selvedge/ledger-types'
import type { NodeHandlers } from '../execute/handler.ts'
import { contentCounts } from '../state/meta-tables.ts'
import { parameterOf } from '../state/parameters.ts'
import { content } from '../state/registry-tables.ts'

export const contentKinds: NodeHandlers = {
  contentUpdate: {
    who: 'serving',
    run({ state, nodeIndex }, { entries }) {
      if (entries.length === 0) return CODES.outOfBounds
      const before = state.get(contentCounts, nodeIndex) ?? 0
      const changed = entries.filter(({ root, isAdded }) => isAdded !== (state.get(content, { root, nodeIndex }) !== undefined))
      const count = changed.reduce((sum, { isAdded }) => sum + (isAdded ? 1 : -1), before)
      if (count > before && BigInt(count) > parameterOf(state, 'contentPerNode')) return CODES.tooMany
      for (const { root, isAdded } of changed) {
        if (isAdded) state.put(content, { root, nodeIndex }, null)
        else state.delete(content, { root, nodeIndex })
      }
      if (count === 0) state.delete(contentCounts, nodeIndex)
      else if (count !== before) state.put(contentCounts, nodeIndex, count)
      return CODES.ok
    },
  },
}
