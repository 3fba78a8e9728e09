/** The system transactions that end an epoch and remember it: ReadyToClose and EpochFile. */
import { CODES, isSameBytes } from '@selvedge/ledger-types'
import { quorumOf } from '../epoch/committee.ts'
import type { BlockContext, SystemHandler } from '../execute/handler.ts'
import { fileVotes, readyRow } from '../state/meta-tables.ts'
import { committees, type MemberRow } from '../state/node-tables.ts'
import { epochFiles } from '../state/registry-tables.ts'
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

/**
 * A member names the root of a closed epoch's file. At a quorum of the running committee the root is kept; votes of an earlier committee
 * no longer count. Certificates of one block can differ in their signers, so members vote for the first file that was named and that
 * they have checked, not for one of their own.
 */
export const epochFile: SystemHandler<'epochFile'> = ({ state, block, author }, { epoch, root }) => {
  if (epoch >= block.epoch || state.get(committees, epoch) === undefined) return CODES.outOfBounds
  if (state.get(epochFiles, epoch) !== undefined) return CODES.state
  const row = state.get(fileVotes, epoch)
  const votes = row?.voters === block.epoch ? row.votes : []
  if (votes.some((vote) => vote.author === author)) return CODES.state
  const next = [...votes, { author, hash: root }]
  const same = next.filter(({ hash }) => isSameBytes(hash, root)).map((vote) => vote.author)
  if (sumOf(block.committee, same) >= quorumOf(block.committee)) {
    state.put(epochFiles, epoch, root)
    state.delete(fileVotes, epoch)
  } else {
    state.put(fileVotes, epoch, { voters: block.epoch, votes: next })
  }
  return CODES.ok
}

function sumOf(committee: readonly MemberRow[], authors: readonly number[]): bigint {
  return authors.reduce((sum, author) => sum + (committee[author]?.stake ?? 0n), 0n)
}
