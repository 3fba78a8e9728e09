/** EpochFile: the root of a closed epoch's file enters the state when a quorum names it. */
import { CODES, isSameBytes } from '@selvedge/ledger-types'
import { quorumOf } from '../epoch/committee.ts'
import type { SystemHandler } from '../execute/handler.ts'
import { fileVotes } from '../state/meta-tables.ts'
import { committees } from '../state/node-tables.ts'
import { epochFiles } from '../state/registry-tables.ts'
import { sumOf } from './ready-to-close.ts'

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
