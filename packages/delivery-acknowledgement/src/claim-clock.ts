/**
 * When what may be done about a claim of epoch e, by block time. Each moment is a hundredth part of an epoch: of its length from the block
 * before it to its planned end, in whole milliseconds.
 */

/** An epoch as it stands in the ledger. */
export interface EpochSpan {
  /** Time of the previous epoch's final block, Unix milliseconds. */
  readonly startMs: bigint
  readonly endMs: bigint
}

/** T1: claims and their debits of the epoch before are taken before it. */
export const COMMIT_PERCENT = 20n
/** The beacon of the epoch is drawn, and with it the points of the epoch before. */
export const DRAW_PERCENT = 30n
/** T2: answers are taken before it. */
export const ANSWER_PERCENT = 60n
/** Of e + 2: disputes are taken before it. */
export const DISPUTE_PERCENT = 80n
/** Of e + 2: their answers are taken before it. */
export const DISPUTE_ANSWER_PERCENT = 95n

/** The moment at `percent` of an epoch. */
export const momentOf = ({ startMs, endMs }: EpochSpan, percent: bigint): bigint => startMs + ((endMs - startMs) * percent) / 100n
