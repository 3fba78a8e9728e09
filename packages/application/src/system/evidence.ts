/** Evidence that a member saw while ordering, and put into its proposal. */
import { CODES } from '@selvedge/ledger-types'
import { accuse } from '../evidence/accuse.ts'
import type { SystemHandler } from '../execute/handler.ts'
import { nodeOf } from '../state/nodes.ts'

export const evidence: SystemHandler<'evidence'> = ({ state, block, emit, member }, { evidence: bytes }) => {
  const owner = nodeOf(state, member.nodeIndex)?.owner
  return owner === undefined ? CODES.notFound : accuse({ state, block, emit }, bytes, owner)
}
