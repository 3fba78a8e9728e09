/**
 * Claims for delivery: claimCommit, claimDebits, claimAnswer, disputeAnswer.
 *
 * A claim of epoch e is committed and listed in the first fifth of e + 1, before the beacon that draws its points; answered until three fifths of it;
 * disputed in e + 2, and paid at its end. A point that is false voids and slashes, whoever asked for it: it was signed by the node.
 */
import {
  checkAnswer,
  CLAIM_SUM_MAX,
  DEBITS_START,
  decodeClaimAnswer,
  decodeClaimCommit,
  decodeClaimDebits,
  DeliveryAcknowledgementError,
  type DisputeState,
  drawPoints,
  stepDispute,
} from '@selvedge/delivery-acknowledgement'
import { CODES, type Code, type NodeBodyOf } from '@selvedge/ledger-types'
import { DISPUTE_ANSWER_PERCENT, isInTime } from '../calls/dispute.ts'
import { momentOf } from '../epoch/contract.ts'
import type { BlockContext, NodeCall, NodeHandlers } from '../execute/handler.ts'
import { CLAIM_STATES, claims, DISPUTE_STATES, type DisputeRow, disputes } from '../state/claim-tables.ts'
import { burnNative } from '../state/accounts.ts'
import { seats, beacons } from '../state/meta-tables.ts'
import type { EpochNodeKey } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'
import { bitmapOf, hasAnyBit, hasBit, isFull, withBits } from './claims-bitmap.ts'
import { addDebits, debitAtPoint, debitOfClient } from './claims-debits.ts'
import { putClaimState, voidFalseClaim } from './claims-outcome.ts'
import { rulesOf } from './claims-rules.ts'

/** T1: claims and debits are taken before it. */
export const CLAIM_PERCENT = 20
/** T2: answers are taken before it. */
export const ANSWER_PERCENT = 60

/** A node that left with the epoch that it claims still may: `registered`. */
export const claimKinds: NodeHandlers = {
  claimCommit: { who: 'registered', run: commitClaim },
  claimDebits: { who: 'registered', run: listDebits },
  claimAnswer: { who: 'registered', run: answerClaim },
  disputeAnswer: { who: 'registered', run: answerDispute },
}

function commitClaim({ state, block, nodeIndex, emit }: NodeCall, { bytes }: NodeBodyOf<'claimCommit'>): Code {
  const commit = decoded(() => decodeClaimCommit(bytes))
  if (commit === undefined || commit.nodeIndex !== nodeIndex) return CODES.outOfBounds
  const key = { epoch: Number(commit.epoch), nodeIndex }
  if (!isBefore(block, key.epoch, CLAIM_PERCENT)) return CODES.phase
  if (state.get(claims, key) !== undefined || !wasActive(state, key)) return CODES.state
  const { root, total, count, debitsDigest } = commit
  if (total < 1n || total > CLAIM_SUM_MAX || count < 1 || BigInt(count) > total) return CODES.outOfBounds
  const nothing = { parts: 0, partsHere: bitmapOf(0), read: 0, place: DEBITS_START, points: 0, opened: bitmapOf(0) }
  putClaimState({ state, emit }, key, { root, total, count, debitsDigest, ...nothing, state: CLAIM_STATES.committed })
  return CODES.ok
}

function listDebits({ state, block, nodeIndex, emit }: NodeCall, { bytes }: NodeBodyOf<'claimDebits'>): Code {
  const body = decoded(() => decodeClaimDebits(bytes))
  if (body === undefined || body.nodeIndex !== nodeIndex) return CODES.outOfBounds
  const key = { epoch: Number(body.epoch), nodeIndex }
  const claim = state.get(claims, key)
  if (claim === undefined || !isBefore(block, key.epoch, CLAIM_PERCENT)) return CODES.phase
  if (claim.state !== CLAIM_STATES.committed || hasBit(claim.partsHere, body.part)) return CODES.state
  if (body.parts > claim.count || (claim.parts !== 0 && claim.parts !== body.parts)) return CODES.outOfBounds
  const next = addDebits(state, key, claim, body)
  if (next === undefined) return CODES.outOfBounds
  if (next.state === claim.state) state.put(claims, key, next)
  else putClaimState({ state, emit }, key, next)
  return CODES.ok
}

function answerClaim(call: NodeCall, { bytes }: NodeBodyOf<'claimAnswer'>): Code {
  const { state, block, nodeIndex, node } = call
  const answer = decoded(() => decodeClaimAnswer(bytes))
  if (answer === undefined || answer.nodeIndex !== nodeIndex) return CODES.outOfBounds
  const key = { epoch: Number(answer.epoch), nodeIndex }
  const claim = state.get(claims, key)
  const drawn = state.get(beacons, block.epoch)
  if (claim === undefined || drawn === undefined || claim.state < CLAIM_STATES.challenged) return CODES.phase
  if (!isBefore(block, key.epoch, ANSWER_PERCENT)) return CODES.phase
  if (claim.state !== CLAIM_STATES.challenged) return CODES.state
  const { first, openings } = answer
  if (first + openings.length > claim.points) return CODES.outOfBounds
  if (hasAnyBit(claim.opened, first, openings.length)) return CODES.state
  const drawnClaim = { epoch: answer.epoch, nodeIndex, root: claim.root, total: claim.total }
  const points = drawPoints(drawn.beacon, drawnClaim, drawn.withheld).slice(first, first + openings.length)
  const rules = rulesOf(state, block, key.epoch, nodeIndex, node.nodeKey)
  const verdict = checkAnswer(claim, points, openings, rules, (point) => debitAtPoint(state, key, claim, point))
  if (verdict.verdict !== 'true') voidFalseClaim(call, key, claim)
  else {
    const opened = withBits(claim.opened, first, openings.length)
    if (isFull(opened, claim.points)) putClaimState(call, key, { ...claim, opened, state: CLAIM_STATES.passed })
    else state.put(claims, key, { ...claim, opened })
  }
  return CODES.ok
}

function answerDispute(call: NodeCall, { clientIndex, serviceId, bytes }: NodeBodyOf<'disputeAnswer'>): Code {
  const { state, block, nodeIndex, node } = call
  const answer = decoded(() => decodeClaimAnswer(bytes))
  if (answer === undefined || answer.nodeIndex !== nodeIndex) return CODES.outOfBounds
  const key = { epoch: Number(answer.epoch), nodeIndex }
  const disputeKey = { ...key, clientIndex, serviceId }
  const dispute = state.get(disputes, disputeKey)
  if (dispute === undefined) return CODES.notFound
  if (!isInTime(block, key.epoch, DISPUTE_ANSWER_PERCENT)) return CODES.phase
  const claim = state.get(claims, key)
  if (claim?.state !== CLAIM_STATES.passed || dispute.state !== DISPUTE_STATES.open || answer.first < dispute.leaves) return CODES.state
  const entry = debitOfClient(state, key, claim, serviceId, clientIndex)
  if (entry === undefined || answer.first !== dispute.leaves) return CODES.outOfBounds
  const rules = rulesOf(state, block, key.epoch, nodeIndex, node.nodeKey)
  const verdict = stepDispute(progressOf(dispute), answer.openings, claim, entry, rules)
  if (verdict.verdict === 'false') voidFalseClaim(call, key, claim, clientIndex)
  else if (verdict.verdict === 'open') state.put(disputes, disputeKey, withProgress(dispute, verdict.state))
  else {
    burnNative(state, dispute.bond)
    state.put(disputes, disputeKey, { ...dispute, bond: 0n, state: DISPUTE_STATES.answered })
  }
  return CODES.ok
}

function progressOf({ leaves, sum, lastKey, spent }: DisputeRow): DisputeState {
  return { opened: leaves, sum, lastKey, spent: new Map(spent.map((each) => [hexOf(each.delegation), each.sum])) }
}

function withProgress(row: DisputeRow, { opened, sum, lastKey, spent }: DisputeState): DisputeRow {
  const rows = [...spent].map(([name, amount]) => ({ delegation: bytesOf(name), sum: amount }))
  return { ...row, leaves: opened, sum, lastKey, spent: rows }
}

/** The body, or `undefined` when it is not in its one form. */
function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DeliveryAcknowledgementError) return undefined
    throw error
  }
}

/** Whether claims of `epoch` still may be spoken of: the epoch after it runs, and has not come to `percent`. */
function isBefore(block: BlockContext, epoch: number, percent: number): boolean {
  return epoch + 1 === block.epoch && block.timestampMs < momentOf(block, percent)
}

/** Whether the node was Active when the epoch began. Chunks ascend by node, so none but its own is looked through. */
function wasActive(state: State, { epoch, nodeIndex }: EpochNodeKey): boolean {
  for (let chunk = 0; ; chunk++) {
    const row = state.get(seats, { epoch, chunk })
    if (row === undefined) return false
    if ((row.at(-1)?.nodeIndex ?? 0) >= nodeIndex) return row.some((seat) => seat.nodeIndex === nodeIndex)
  }
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
