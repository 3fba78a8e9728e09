/**
 * dispute: a client that a node's claim debits demands to see the leaves of that debit. It puts down a bond, which is burnt when the node shows
 * them, and comes back with half of what the node is slashed when it cannot.
 */
import { CODES } from '@selvedge/ledger-types'
import { momentOf } from '../epoch/contract.ts'
import type { AccountHandlers, BlockContext } from '../execute/handler.ts'
import { debitOfClient } from '../node-transactions/claims-debits.ts'
import { accountOf, takeNative } from '../state/accounts.ts'
import { CLAIM_STATES, claims, DISPUTE_STATES, disputes } from '../state/claim-tables.ts'
import { parameterOf } from '../state/parameters.ts'

/** Of the second epoch after the claim's: disputes are taken before it, */
export const DISPUTE_PERCENT = 80
/** and their answers before it. */
export const DISPUTE_ANSWER_PERCENT = 95
const EPOCH_END = 2n ** 32n

/** Whether a claim of `epoch` still may be disputed, or a dispute answered: from the epoch after it on, until `percent` of the next one. */
export function isInTime(block: BlockContext, epoch: number, percent: number): boolean {
  return epoch + 1 === block.epoch || (epoch + 2 === block.epoch && block.timestampMs < momentOf(block, percent))
}

export const disputeCalls: AccountHandlers = {
  dispute({ state, block, sender, value }, { epoch, nodeIndex, serviceId }) {
    if (epoch >= EPOCH_END || !isInTime(block, Number(epoch), DISPUTE_PERCENT)) return CODES.phase
    const key = { epoch: Number(epoch), nodeIndex }
    const claim = state.get(claims, key)
    if (claim?.state !== CLAIM_STATES.passed) return CODES.phase
    const { clientIndex } = accountOf(state, sender)
    if (clientIndex === 0 || debitOfClient(state, key, claim, serviceId, clientIndex) === undefined) return CODES.notFound
    if (value < parameterOf(state, 'disputeBond')) return CODES.amount
    const disputeKey = { ...key, clientIndex, serviceId }
    if (state.get(disputes, disputeKey) !== undefined) return CODES.state
    takeNative(state, sender, value)
    const nothing = { leaves: 0, sum: 0n, lastKey: new Uint8Array(0), spent: [] }
    state.put(disputes, disputeKey, { bond: value, state: DISPUTE_STATES.open, openedAt: block.height, ...nothing })
    return CODES.ok
  },
}
