/** How claims move on: a new state with its event, and the end of one that is false. */
import { slashForFalseClaim } from '@selvedge/delivery-acknowledgement'
import type { StepContext } from '../epoch/contract.ts'
import { nativePriceRange } from '../epoch/native-price.ts'
import { slash, SLASH_CAUSES } from '../epoch/slash.ts'
import { addNative, clientOf } from '../state/accounts.ts'
import { type ClaimRow, CLAIM_STATES, claims, DISPUTE_STATES, type DisputeKey, type DisputeRow, disputes } from '../state/claim-tables.ts'
import { encodeField } from '../state/fields.ts'
import { epochNodeKey, type EpochNodeKey } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'

/** Writes a claim whose state is another one now. */
export function putClaimState({ state, emit }: Pick<StepContext, 'state' | 'emit'>, key: EpochNodeKey, claim: ClaimRow): void {
  state.put(claims, key, claim)
  emit({ kind: 'claim', epoch: key.epoch, nodeIndex: key.nodeIndex, state: claim.state })
}

/**
 * Ends a claim of which something was false: it is void and costs ten times itself. Half of that goes to the client whose dispute showed it, and
 * every bond that lies on the claim goes back to who put it down.
 */
export function voidFalseClaim(context: StepContext, key: EpochNodeKey, claim: ClaimRow, clientIndex?: number): void {
  const { state, block } = context
  const reporter = clientIndex === undefined ? undefined : clientOf(state, clientIndex)?.address
  const amount = slashForFalseClaim(claim.total, nativePriceRange(state, block.epoch).lowest)
  const { nodeIndex } = key
  slash(context, { nodeIndex, cause: SLASH_CAUSES.falseClaim, amount, ...(reporter === undefined ? {} : { reporter }) })
  putClaimState(context, key, { ...claim, state: CLAIM_STATES.void })
  for (const [disputeKey, dispute] of state.rows(disputes, encodeField(epochNodeKey, key))) {
    if (dispute.state === DISPUTE_STATES.open) returnBond(state, disputeKey, dispute, DISPUTE_STATES.lost)
  }
}

/** Ends a dispute that nobody could answer in time: the client has its bond again, and the claim stands. */
export function dropDispute(state: State, key: DisputeKey, dispute: DisputeRow): void {
  returnBond(state, key, dispute, DISPUTE_STATES.dropped)
}

function returnBond(state: State, key: DisputeKey, dispute: DisputeRow, next: number): void {
  const client = clientOf(state, key.clientIndex)
  if (client !== undefined) addNative(state, client.address, dispute.bond)
  state.put(disputes, key, { ...dispute, bond: 0n, state: next })
}
