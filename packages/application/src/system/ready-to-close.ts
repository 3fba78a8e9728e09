/** ReadyToClose: the epoch ends with the sub-DAG in which members of a quorum have said that they are ready. */
import { CODES } from '@selvedge/ledger-types'
import { quorumOf } from '../epoch/committee.ts'
import type { BlockContext, SystemHandler } from '../execute/handler.ts'
import { readyRow } from '../state/meta-tables.ts'
import type { MemberRow } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'

/** Only after the epoch's planned end in block time, once a member. */
export const readyToClose: SystemHandler<'readyToClose'> = ({ state, block, author }, { epoch }) => {
  if (epoch !== block.epoch) return CODES.outOfBounds
  if (block.timestampMs < block.epochEndMs) return CODES.phase
  const ready = state.get(readyRow, null) ?? []
  if (ready.includes(author)) return CODES.state
  state.put(readyRow, null, [...ready, author])
  return CODES.ok
}

/** Whether so much stake is ready that the epoch ends here. */
export function isReadyToClose(state: State, { committee }: Pick<BlockContext, 'committee'>): boolean {
  const ready = state.get(readyRow, null) ?? []
  return sumOf(committee, ready) >= quorumOf(committee)
}

/** Stake of these authorities. */
export function sumOf(committee: readonly MemberRow[], authors: readonly number[]): bigint {
  return authors.reduce((sum, author) => sum + (committee[author]?.stake ?? 0n), 0n)
}
