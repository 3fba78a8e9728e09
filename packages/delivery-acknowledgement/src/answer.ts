/**
 * Judging what a node opened: the points of a challenge, or all leaves of one client's entry in a dispute.
 *
 * Silence and a lie are told apart. What is missing voids the claim and costs little (a node may have crashed); what is false was signed by the
 * node and is slashed.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { encodeAcknowledgement } from './acknowledgement.ts'
import { type AcknowledgementFault, checkAcknowledgement, type EpochRules } from './check.ts'
import { claimKeyOf, type ClaimPathFault, followClaimPath } from './claim-tree.ts'
import type { Debit, PlacedDebit } from './debits.ts'
import { encodeDelegation } from './delegation.ts'
import type { Opening } from './opening.ts'
import { compareBytes, isEqualBytes } from './wire.ts'

export interface CommittedClaim {
  /** 32 bytes. */
  readonly root: Uint8Array
  /** µUSD. */
  readonly total: bigint
}

export type PointFault =
  | AcknowledgementFault
  | ClaimPathFault
  | 'amount' // it pays nothing
  | 'root' // the path leads to another root or total
  | 'point' // another leaf holds this point
  | 'debit' // the debits charge somebody else, or another service

export type AnswerVerdict =
  | { readonly verdict: 'true' }
  /** So many points are not opened. */
  | { readonly verdict: 'missing'; readonly count: number }
  /** The first one that is false, by its place in the list. */
  | { readonly verdict: 'false'; readonly index: number; readonly fault: PointFault }

/** What an opened leaf turned out to be. */
interface OpenedLeaf {
  readonly key: Uint8Array
  readonly clientIndex: number
  readonly serviceId: number
  readonly start: bigint
  readonly amount: bigint
}

/**
 * Judges the openings of a challenge, all or a part of it: a false one outweighs every missing one.
 * @param points - as drawn. @param openings - of the same places; `undefined` where nothing came.
 * @param debitOf - the entry of the claim's debits that holds a point.
 * @param signed - see `checkAcknowledgement`.
 */
export function checkAnswer(
  claim: CommittedClaim,
  points: readonly bigint[],
  openings: readonly (Opening | undefined)[],
  rules: EpochRules,
  debitOf: (point: bigint) => Debit | undefined,
  signed: Set<string> = new Set(),
): AnswerVerdict {
  let missing = 0
  for (const [index, point] of points.entries()) {
    const opening = openings[index]
    if (opening === undefined) missing += 1
    else {
      const fault = checkPoint(claim, point, opening, rules, debitOf(point), signed)
      if (fault !== undefined) return { verdict: 'false', index, fault }
    }
  }
  return missing === 0 ? { verdict: 'true' } : { verdict: 'missing', count: missing }
}

/** What is false about the opening of one point; `undefined`: nothing. */
export function checkPoint(
  claim: CommittedClaim,
  point: bigint,
  opening: Opening,
  rules: EpochRules,
  debit: Debit | undefined,
  signed?: Set<string>,
): PointFault | undefined {
  const leaf = openLeaf(claim, opening, rules, signed)
  if (typeof leaf === 'string') return leaf
  if (point < leaf.start || point >= leaf.start + leaf.amount) return 'point'
  return debit?.serviceId === leaf.serviceId && debit.clientIndex === leaf.clientIndex ? undefined : 'debit'
}

/** What a dispute has opened so far. */
export interface DisputeState {
  readonly opened: number
  /** µUSD. */
  readonly sum: bigint
  /** Of the last leaf, 24 bytes; empty before the first. */
  readonly lastKey: Uint8Array
  /** µUSD by delegation, the first 16 bytes of its SHA-256 in hexadecimal: all leaves under one together stay within its spend cap. */
  readonly spent: ReadonlyMap<string, bigint>
}

export const DISPUTE_START: DisputeState = { opened: 0, sum: 0n, lastKey: new Uint8Array(0), spent: new Map() }

export type DisputeVerdict =
  /** The entry's amount is reached: it is proven. */
  | { readonly verdict: 'true' }
  | { readonly verdict: 'open'; readonly state: DisputeState }
  | { readonly verdict: 'false'; readonly index: number; readonly fault: PointFault | 'repeated' | 'too-much' }

/**
 * Takes the next leaves of a disputed entry. Keys must ascend (a leaf counts once), each must lie within the entry, and their sum must be its
 * amount: no more, and when time is up, no less.
 */
export function stepDispute(
  state: DisputeState,
  openings: readonly Opening[],
  claim: CommittedClaim,
  entry: PlacedDebit,
  rules: EpochRules,
): DisputeVerdict {
  const signed = new Set<string>()
  const spent = new Map(state.spent)
  let { sum, lastKey } = state
  for (const [index, opening] of openings.entries()) {
    const leaf = openLeaf(claim, opening, rules, signed)
    if (typeof leaf === 'string') return { verdict: 'false', index, fault: leaf }
    if (leaf.serviceId !== entry.serviceId || leaf.clientIndex !== entry.clientIndex) return { verdict: 'false', index, fault: 'debit' }
    if (leaf.start < entry.start || leaf.start + leaf.amount > entry.start + entry.amount)
      return { verdict: 'false', index, fault: 'point' }
    if (compareBytes(lastKey, leaf.key) >= 0) return { verdict: 'false', index, fault: 'repeated' }
    const name = delegationNameOf(opening)
    const underIt = (spent.get(name) ?? 0n) + leaf.amount
    sum += leaf.amount
    if (underIt > opening.delegation.spendCap || sum > entry.amount) return { verdict: 'false', index, fault: 'too-much' }
    spent.set(name, underIt)
    lastKey = leaf.key
  }
  if (sum === entry.amount) return { verdict: 'true' }
  return { verdict: 'open', state: { opened: state.opened + openings.length, sum, lastKey, spent } }
}

/** Everything but where the leaf must lie. */
function openLeaf(claim: CommittedClaim, opening: Opening, rules: EpochRules, signed?: Set<string>): OpenedLeaf | PointFault {
  const verdict = checkAcknowledgement(opening, rules, signed)
  if (!verdict.isPayable) return verdict.fault
  const { amount, client } = verdict
  if (amount === 0n) return 'amount'
  const { serviceId, sessionId } = opening.acknowledgement
  const key = claimKeyOf(serviceId, client.clientIndex, sessionId)
  const acknowledgement = encodeAcknowledgement(opening.acknowledgement)
  const position = followClaimPath({ key, acknowledgement, tickIndex: opening.tick.index, amount }, opening.path)
  if (typeof position === 'string') return position
  if (position.total !== claim.total || !isEqualBytes(position.root, claim.root)) return 'root'
  return { key, serviceId, clientIndex: client.clientIndex, start: position.start, amount }
}

function delegationNameOf({ delegation }: Opening): string {
  return Array.from(sha256(encodeDelegation(delegation)).subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
