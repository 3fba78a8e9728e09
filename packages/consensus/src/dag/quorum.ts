/** Thresholds by stake. They are not 2f+1 and f+1: those hold for n = 3f+1 only. Source: docs/protocol/consensus-order.md §1. */
export interface Thresholds {
  readonly total: number
  /** `floor(2N/3) + 1`: any two quorums share an honest member. */
  readonly quorum: number
  /** `floor((N+2)/3)`: contains an honest member. */
  readonly validity: number
}

/** Exact up to N = 2^53: doubled or tripled stakes leave what a `number` holds. */
export function thresholdsOf(stakes: readonly number[]): Thresholds {
  const total = stakes.reduce((sum, stake) => sum + BigInt(stake), 0n)
  return { total: Number(total), quorum: Number((2n * total) / 3n) + 1, validity: Number((total + 2n) / 3n) }
}
