/**
 * What stands behind an account for one node: how far the node can serve it in the running epoch without more than its own float at risk.
 * It is asked beside the order of blocks, and changes nothing.
 */
import type { AccountMeans } from '@selvedge/delivery-acknowledgement'
import { reserveIn, termsIn } from '../calls/deposits.ts'
import { claimsOf } from '../node-transactions/claims-clock.ts'
import { debitsOfClaim } from '../node-transactions/claims-debits.ts'
import { reserves } from '../state/account-tables.ts'
import { accountOf, clientOf } from '../state/accounts.ts'
import { CLAIM_STATES } from '../state/claim-tables.ts'
import type { State } from '../state/state.ts'
import { SETTLED_LATER } from './settlement.ts'

export function meansIn(
  state: State,
  epoch: number,
  account: Uint8Array,
  nodeIndex: number,
  creditors: ReadonlyMap<number, number>,
): AccountMeans | undefined {
  const { clientIndex } = accountOf(state, account)
  const client = clientOf(state, clientIndex)
  if (client === undefined) return undefined
  const { epochCap, minNonce } = termsIn(client, epoch)
  const row = state.get(reserves, { clientIndex, nodeIndex })
  const reserve = row === undefined ? 0n : reserveIn(row, epoch)
  return { clientIndex, free: client.prepaid - client.pending, epochCap, minNonce, reserve, creditors: creditors.get(clientIndex) ?? 0 }
}

/** How many nodes each client paid when `closed` ended. No table has it, and the debits go in the blocks that follow. */
export function creditorsIn(state: State, closed: number): ReadonlyMap<number, number> {
  const creditors = new Map<number, number>()
  for (const [key, claim] of claimsOf(state, closed - SETTLED_LATER, CLAIM_STATES.settled)) {
    const owing = new Set(Array.from(debitsOfClaim(state, key, claim), ({ clientIndex }) => clientIndex))
    for (const clientIndex of owing) creditors.set(clientIndex, (creditors.get(clientIndex) ?? 0) + 1)
  }
  return creditors
}
