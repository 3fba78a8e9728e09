/**
 * Rows that nothing asks for any more (step 7). At most so many an epoch, the oldest first, the rest later: one epoch's end must not take
 * longer than another's because somebody filled a table.
 */
import { claims, debits, disputes } from '../state/claim-tables.ts'
import { beacons, fileVotes } from '../state/meta-tables.ts'
import { committees, reports } from '../state/node-tables.ts'
import { deleteSeats } from '../state/nodes.ts'
import { smallParameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import type { Table } from '../state/table.ts'
import type { ChangeContext } from './contract.ts'

export const PRUNED_ROWS_MAX = 50_000
/** Of debits, in each block: rows of up to 60 KiB, in memory until the block is written. */
const PRUNED_DEBITS_A_BLOCK = 64
/** Epochs that beacons and seats are kept: what judges the last one, and one more to look at. */
const KEPT_EPOCHS = 3

export function pruneOldRows({ state, block }: ChangeContext): void {
  const { epoch } = block
  let left = PRUNED_ROWS_MAX
  const prune = <K>(table: Table<K, unknown>, from: K, to: K): void => {
    for (const [key] of state.between(table, from, to, left)) {
      state.delete(table, key)
      left--
    }
  }
  // Settled at the end of e, and read by who asks until the next one: claims of e − 3 and before go, what they were made of a round earlier.
  prune(claims, { epoch: 0, nodeIndex: 0 }, { epoch: Math.max(0, epoch - 2), nodeIndex: 0 })
  const first = { nodeIndex: 0, clientIndex: 0, serviceId: 0 }
  prune(disputes, { epoch: 0, ...first }, { epoch: Math.max(0, epoch - 1), ...first })
  prune(reports, { epoch: 0, nodeIndex: 0 }, { epoch, nodeIndex: 0 }) // those of e − 1 were scored in step 4
  prune(beacons, 0, Math.max(0, epoch + 1 - KEPT_EPOCHS))
  prune(committees, 0, Math.max(0, epoch + 1 - smallParameterOf(state, 'unbondEpochs')))
  prune(fileVotes, 0, Math.max(0, epoch + 1 - smallParameterOf(state, 'unbondEpochs')))
  dropSeats(state, epoch)
}

/** Debits of settled epochs, some with each block: there are more of them than one block could hold. */
export function pruneDebits(state: State, epoch: number): void {
  const first = { nodeIndex: 0, part: 0 }
  for (const [key] of state.between(debits, { epoch: 0, ...first }, { epoch: Math.max(0, epoch - 2), ...first }, PRUNED_DEBITS_A_BLOCK)) {
    state.delete(debits, key)
  }
}

function dropSeats(state: State, epoch: number): void {
  if (epoch + 1 >= KEPT_EPOCHS) deleteSeats(state, epoch + 1 - KEPT_EPOCHS)
}
