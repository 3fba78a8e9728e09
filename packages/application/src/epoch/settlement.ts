/**
 * Step 1 of the change of epochs: what was claimed for epoch e − 2, and passed, is paid. The rules are those of delivery-acknowledgement; here is where
 * the money comes from and goes to.
 *
 * Invariant (tested over whole epochs): balances of token 1, what clients prepaid and put up, and the protocol's µUSD together are its supply.
 */
import { type ClaimedDebit, type ClientMeans, type ClientSettlement, type Payment, settle } from '@selvedge/delivery-acknowledgement'
import { PAYMENT_TOKEN } from '@selvedge/ledger-types'
import { reserveIn, termsIn } from '../calls/deposits.ts'
import { claimsOf } from '../node-transactions/claims-clock.ts'
import { debitsOfClaim } from '../node-transactions/claims-debits.ts'
import { putClaimState } from '../node-transactions/claims-outcome.ts'
import { type ClientRow, clients, reserves } from '../state/account-tables.ts'
import { addBalance, burnToken, clientOf, supplyOf } from '../state/accounts.ts'
import { CLAIM_STATES, type ClaimRow } from '../state/claim-tables.ts'
import { encodeField, u32be } from '../state/fields.ts'
import { supplyRow } from '../state/meta-tables.ts'
import type { EpochNodeKey, NodeRow } from '../state/node-tables.ts'
import { nodeOf } from '../state/nodes.ts'
import { parameterOf } from '../state/parameters.ts'
import type { State } from '../state/state.ts'
import type { ChangeContext } from './contract.ts'
import { beginYear, emitFor } from './emission.ts'
import { payService } from './payees.ts'

/** Epochs from one that earned to the end of the one in which it is paid. */
export const SETTLED_LATER = 2

type Passed = readonly (readonly [EpochNodeKey, ClaimRow])[]

export function settleEpoch(context: ChangeContext): void {
  const { state, block } = context
  const epoch = block.epoch - SETTLED_LATER
  const passed = claimsOf(state, epoch, CLAIM_STATES.passed)
  const shares = {
    burnPpm: parameterOf(state, 'burnPpm'),
    servicePpm: parameterOf(state, 'servicePpm'),
    protocolPpm: parameterOf(state, 'protocolPpm'),
  }
  const debits = { [Symbol.iterator]: () => debitsOf(state, passed) }
  const { payments, clients: settled, revenue } = settle(debits, (clientIndex) => meansOf(state, clientIndex, epoch), shares)
  for (const client of settled) charge(state, client)
  for (const payment of payments) pay(context, epoch, payment)
  for (const [key, claim] of passed) putClaimState(context, key, { ...claim, state: CLAIM_STATES.settled })
  emitFor(context, epoch, payments, revenue)
  beginYear(context)
}

/** Ascending by node, service and client, since claims are by node and each has the order of its tree. */
function* debitsOf(state: State, passed: Passed): Generator<ClaimedDebit> {
  for (const [key, claim] of passed) {
    for (const debit of debitsOfClaim(state, key, claim)) yield { ...debit, nodeIndex: key.nodeIndex }
  }
}

/** Of a client that is none (there is no such debit) nothing can be had. */
function meansOf(state: State, clientIndex: number, epoch: number): ClientMeans {
  const client = clientOf(state, clientIndex)
  if (client === undefined) return { prepaid: 0n, epochCap: 0n, collateral: 0n, reserves: new Map() }
  const rows = state.rows(reserves, encodeField(u32be, clientIndex))
  const reserved = new Map(rows.map(([{ nodeIndex }, row]) => [nodeIndex, reserveIn(row, epoch)]))
  return { prepaid: client.prepaid, epochCap: termsIn(client, epoch).epochCap, collateral: client.collateral, reserves: reserved }
}

function charge(state: State, { clientIndex, paid, collateralBurnt }: ClientSettlement): void {
  const client = clientOf(state, clientIndex) as ClientRow | undefined
  if (client === undefined) return
  state.put(clients, clientIndex, { ...client, prepaid: client.prepaid - paid, collateral: client.collateral - collateralBurnt })
  burnToken(state, PAYMENT_TOKEN, collateralBurnt)
}

function pay(
  { state, emit }: ChangeContext,
  epoch: number,
  { nodeIndex, serviceId, revenue, burnt, protocol, service, node }: Payment,
): void {
  burnToken(state, PAYMENT_TOKEN, burnt)
  addBalance(state, (nodeOf(state, nodeIndex) as NodeRow).owner, PAYMENT_TOKEN, node)
  const unpaid = payService(state, epoch, serviceId, service, (address, part) => addBalance(state, address, PAYMENT_TOKEN, part))
  const supply = supplyOf(state)
  state.put(supplyRow, null, { ...supply, fundUsd: supply.fundUsd + protocol + unpaid })
  emit({ kind: 'payment', epoch, nodeIndex, serviceId, paid: revenue, burnt })
}
