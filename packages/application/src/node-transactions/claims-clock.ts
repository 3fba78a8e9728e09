/** What time does to claims, at the first block at or after each moment: T1, the draw, T2, and the last answer to a dispute. */
import { pointCountOf, slashForSilence } from '@selvedge/delivery-acknowledgement'
import { DISPUTE_ANSWER_PERCENT, DISPUTE_PERCENT } from '../calls/dispute.ts'
import { BEACON_PERCENT } from '../epoch/beacon.ts'
import { hadTime, type ClockStep, type StepContext } from '../epoch/contract.ts'
import { nativePriceRange } from '../epoch/native-price.ts'
import { slash, SLASH_CAUSES } from '../epoch/slash.ts'
import { type ClaimRow, CLAIM_STATES, claims, DISPUTE_STATES, disputes } from '../state/claim-tables.ts'
import { beacons } from '../state/meta-tables.ts'
import type { EpochNodeKey } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'
import { ANSWER_PERCENT, CLAIM_PERCENT } from './claims.ts'
import { bitmapOf } from './claims-bitmap.ts'
import { dropDispute, putClaimState, voidFalseClaim } from './claims-outcome.ts'

/** Points are a u16 in claims. */
const POINTS_END = 65_536

export const claimSteps: {
  readonly due: ClockStep
  /** After the beacon of the running epoch. */
  readonly draw: ClockStep
  readonly answers: ClockStep
  readonly disputes: ClockStep
} = {
  due: { name: 'claims due', bit: 1, percent: CLAIM_PERCENT, run: endIncomplete },
  draw: { name: 'points', bit: 8, percent: BEACON_PERCENT, run: fixPoints },
  answers: { name: 'answers due', bit: 4, percent: ANSWER_PERCENT, run: endSilent },
  disputes: { name: 'disputes due', bit: 16, percent: DISPUTE_ANSWER_PERCENT, run: endUnanswered },
}

/** T1: without all debits there is no claim. */
function endIncomplete(context: StepContext): void {
  for (const [key, claim] of claimsOf(context.state, context.block.epoch - 1, CLAIM_STATES.committed)) {
    putClaimState(context, key, { ...claim, state: CLAIM_STATES.void })
  }
}

/** 64 points, and 64 more for each reveal that was withheld from the beacon. */
function fixPoints(context: StepContext): void {
  const { state, block } = context
  const points = Math.min(pointCountOf(state.get(beacons, block.epoch)?.withheld ?? 0), POINTS_END - 1)
  for (const [key, claim] of claimsOf(state, block.epoch - 1, CLAIM_STATES.complete)) {
    putClaimState(context, key, { ...claim, points, opened: bitmapOf(points), state: CLAIM_STATES.challenged })
  }
}

/** T2: who was silent may have crashed, and pays a hundredth of the claim; nothing when the network left no time. */
function endSilent(context: StepContext): void {
  const { state, block } = context
  const { lowest } = nativePriceRange(state, block.epoch)
  for (const [key, claim] of claimsOf(state, block.epoch - 1, CLAIM_STATES.challenged)) {
    const { nodeIndex } = key
    if (hadTime(context, BEACON_PERCENT, ANSWER_PERCENT))
      slash(context, { nodeIndex, cause: SLASH_CAUSES.silence, amount: slashForSilence(claim.total, lowest), reach: 'stake' })
    putClaimState(context, key, { ...claim, state: CLAIM_STATES.void })
  }
}

/** Silence in a dispute is as good as a lie: the entry is one that its node cannot prove. When the network left no time, nothing was asked. */
function endUnanswered(context: StepContext): void {
  const { state, block } = context
  const epoch = block.epoch - 2
  if (epoch < 0) return
  const first = { nodeIndex: 0, clientIndex: 0, serviceId: 0 }
  for (const [disputeKey] of state.between(disputes, { epoch, ...first }, { epoch: epoch + 1, ...first })) {
    const { nodeIndex, clientIndex } = disputeKey
    const claim = state.get(claims, { epoch, nodeIndex })
    const dispute = state.get(disputes, disputeKey)
    if (dispute?.state !== DISPUTE_STATES.open || claim === undefined) continue // one before it may have ended all
    if (!hadTime(context, DISPUTE_PERCENT, DISPUTE_ANSWER_PERCENT)) dropDispute(state, disputeKey, dispute)
    else voidFalseClaim(context, { epoch, nodeIndex }, claim, clientIndex)
  }
}

/** The claims of an epoch in one state, ascending by node. */
export function claimsOf(state: State, epoch: number, inState: number): readonly (readonly [EpochNodeKey, ClaimRow])[] {
  if (epoch < 0) return []
  const rows = state.between(claims, { epoch, nodeIndex: 0 }, { epoch: epoch + 1, nodeIndex: 0 })
  return rows.filter(([, claim]) => claim.state === inState)
}
