/**
 * What happens by itself, in order: the moments of an epoch, and the steps of its end before the committee is drawn. One line registers
 * one; the order of both lists is the ledger's.
 */
import { BEACON_PERCENT, drawBeacon, endBeaconRound } from './beacon.ts'
import type { ChangeStep, ClockStep } from './contract.ts'
import { updateMembership } from './membership.ts'
import { pruneOldRows } from './pruning.ts'
import { releaseDue } from './unbonding.ts'

/** Moments of the running epoch; at a block that is past several they run in this order. Bits are those of `clock`. */
export const CLOCK_STEPS: readonly ClockStep[] = [{ name: 'beacon', bit: 2, percent: BEACON_PERCENT, run: drawBeacon }]

export const CHANGE_STEPS: readonly ChangeStep[] = [
  { name: '2 due', run: releaseDue },
  { name: '3 beacon', run: endBeaconRound },
  { name: '5 membership', run: updateMembership },
  { name: '7 pruning', run: pruneOldRows },
]
