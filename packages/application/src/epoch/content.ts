/**
 * Rows of the content index whose node has been away for two epochs go (step 7). The index is sorted by root, so it is walked in turns: so
 * many rows an epoch, from where the last turn ended. A node that comes back before its rows were reached keeps them.
 */
import { contentCounts, cursors } from '../state/meta-tables.ts'
import { NODE_STATES } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { encodeField } from '../state/fields.ts'
import { content } from '../state/registry-tables.ts'
import type { ChangeContext } from './contract.ts'

export const WALKED_ROWS_MAX = 50_000
const AWAY_EPOCHS = 2
const CURSOR = new TextEncoder().encode('content')

export function dropContentOfAbsent({ state, block }: ChangeContext): void {
  const from = state.get(cursors, CURSOR)
  const rows = state.rows(content, undefined, WALKED_ROWS_MAX, from)
  for (const [key] of rows) {
    const node = nodeOf(state, key.nodeIndex)
    const isAway = node === undefined || node.state === NODE_STATES.idle || node.state === NODE_STATES.jailed
    if (!isAway || (node !== undefined && node.since + AWAY_EPOCHS > block.epoch + 1)) continue
    state.delete(content, key)
    const left = (state.get(contentCounts, key.nodeIndex) ?? 1) - 1
    if (left === 0) state.delete(contentCounts, key.nodeIndex)
    else state.put(contentCounts, key.nodeIndex, left)
  }
  const last = rows.length < WALKED_ROWS_MAX ? undefined : rows.at(-1)
  if (last !== undefined)
    state.put(cursors, CURSOR, encodeField(content.key, last[0])) // looked at twice; a row more costs nothing
  else if (from !== undefined) state.delete(cursors, CURSOR)
}
