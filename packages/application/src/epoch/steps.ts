/**
 * What happens by itself, in order: the moments of an epoch, and the steps of its end before the committee is drawn. One line registers
 * one; the order of both lists is the ledger's.
 */
import { claimSteps } from '../node-transactions/claims-clock.ts'
import { resetBridgeCaps } from './bridge-caps.ts'
import { BEACON_PERCENT, drawBeacon, endBeaconRound } from './beacon.ts'
import type { ChangeStep, ClockStep } from './contract.ts'
import { dropContentOfAbsent } from './content.ts'
import { applyGoverned } from './governed.ts'
import { updateMembership } from './membership.ts'
import { pruneOldRows } from './pruning.ts'
import { updateServices } from './services.ts'
import { settleEpoch } from './settlement.ts'
import { releaseDue } from './unbonding.ts'

/** Moments of the running epoch; at a block that is past several they run in this order. Bits are those of `clock`. */
export const CLOCK_STEPS: readonly ClockStep[] = [
  claimSteps.due,
  { name: 'beacon', bit: 2, percent: BEACON_PERCENT, run: drawBeacon },
  claimSteps.draw,
  claimSteps.answers,
  claimSteps.disputes,
]

export const CHANGE_STEPS: readonly ChangeStep[] = [
  { name: '1 settlement', run: settleEpoch },
  { name: '2 due', run: releaseDue },
  { name: '2 services', run: updateServices },
  { name: '3 beacon', run: endBeaconRound },
  { name: '5 membership', run: updateMembership },
  { name: '6 governed', run: applyGoverned },
  { name: '7 caps', run: resetBridgeCaps },
  { name: '7 content', run: dropContentOfAbsent },
  { name: '7 pruning', run: pruneOldRows },
]
