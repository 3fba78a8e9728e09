/**
 * Acknowledgement, claim, challenge, settlement: the rules by which a client signs for what it received, a node claims what was signed, and a
 * ledger pays for it. Pure and total: no clock, no chance, no storage.
 */
export { DeliveryAcknowledgementError, type DeliveryAcknowledgementErrorCode } from './errors.ts'
export {
  ACKNOWLEDGEMENT_BYTES,
  ACKNOWLEDGEMENT_PREIMAGE_BYTES,
  CHALLENGE_POINTS,
  CLAIM_DEPTH_MAX,
  CLAIM_SUM_MAX,
  DEBIT_MAX,
  DEBITS_PART_BYTES_MAX,
  DELEGATION_SERVICES_MAX,
  PPM,
  TICK_BYTES,
  TICKS_MAX,
} from './constants.ts'
export {
  acknowledgementPreimageOf,
  decodeAcknowledgement,
  encodeAcknowledgement,
  signAcknowledgement,
  type Acknowledgement,
  type AcknowledgementFields,
} from './acknowledgement.ts'
export {
  decodeDelegation,
  delegationDigestOf,
  encodeDelegation,
  isDelegationSigned,
  type Delegation,
  type DelegationFields,
} from './delegation.ts'
export { createTickChain, isTick, NO_TICK, previousTick, type Tick, type TickChain } from './tick.ts'
export { priceOf, type PriceTable } from './price.ts'
export {
  checkAcknowledgement,
  type AcknowledgementFault,
  type AcknowledgementVerdict,
  type Client,
  type EpochRules,
  type Evidence,
  type SessionInputs,
} from './check.ts'
export type { AccountMeans } from './means.ts'
export {
  claimKeyOf,
  createClaimTree,
  followClaimPath,
  type ClaimLeaf,
  type ClaimPathFault,
  type ClaimPosition,
  type ClaimStep,
  type ClaimTree,
} from './claim-tree.ts'
export {
  cutDebits,
  debitAt,
  DEBITS_START,
  debitsOf,
  encodeDebits,
  type DebitEnds,
  foldDebits,
  readDebits,
  type Debit,
  type DebitsCursor,
  type PlacedDebit,
} from './debits.ts'
export { encodeOpening, type Opening } from './opening.ts'
export {
  decodeClaimAnswer,
  decodeClaimCommit,
  decodeClaimDebits,
  decodeDisputeAnswer,
  encodeClaimAnswer,
  encodeClaimCommit,
  encodeClaimDebits,
  encodeDisputeAnswer,
  type ClaimAnswer,
  type ClaimCommit,
  type ClaimDebits,
  type DisputeAnswer,
} from './claim-messages.ts'
export { buildClaim, claimLeafOf, type BuiltClaim, type ClaimedSession } from './claim-builder.ts'
export { drawPoints, pointCountOf, type DrawnClaim } from './challenge.ts'
export {
  checkAnswer,
  checkPoint,
  DISPUTE_START,
  stepDispute,
  type AnswerVerdict,
  type CommittedClaim,
  type DisputeState,
  type DisputeVerdict,
  type PointFault,
} from './answer.ts'
export {
  ANSWER_PERCENT,
  COMMIT_PERCENT,
  DISPUTE_ANSWER_PERCENT,
  DISPUTE_PERCENT,
  DRAW_PERCENT,
  momentOf,
  type EpochSpan,
} from './claim-clock.ts'
export { createSharer, shareOut, type Sharer } from './shares.ts'
export {
  settle,
  splitRevenue,
  type ClaimedDebit,
  type ClientMeans,
  type ClientSettlement,
  type Payment,
  type RevenueParts,
  type RevenueShares,
  type Settlement,
} from './settlement.ts'
export {
  boostOf,
  emissionOf,
  shareEmission,
  splitNodeReward,
  type Emission,
  type EmissionCap,
  type EmissionShares,
  type EmittedRevenue,
  type EmittedService,
  type NodePool,
  type NodeReward,
} from './emission.ts'
export { slashForFalseClaim, slashForSilence } from './slash.ts'
