/** What the driver asks of a generator and what comes back. One message each way, over the channel of `fork`. */

import type { SignatureKind } from './signed-transactions.ts'

/** Where transactions go: a validator's or an etcd node's local socket. */
export interface LoadTarget {
  readonly kind: 'validator' | 'etcd'
  readonly socket: string
  /** What it takes are transactions signed like this; opaque ones when there is none. */
  readonly signatures?: SignatureKind | undefined
}

export interface LoadPlan {
  readonly target: LoadTarget
  readonly perSecond: number
  /** CLOCK_MONOTONIC, decimal: transaction k is due at `startNs + k / perSecond`. */
  readonly startNs: string
  readonly seconds: number
  /** How long commits are waited for after the last one was due. */
  readonly drainSeconds: number
}

export interface LoadResult {
  readonly sent: number
  /** Transactions that the other side, or the line to it, did not take: by the second. */
  readonly refused: number
  /** Committed transactions in each 10 ms from `startNs` on. */
  readonly committed: readonly number[]
  /** Of the timed transactions: when due, in ms from `startNs`, and ms until commit; -1 when that never came. */
  readonly dueMs: readonly number[]
  readonly latencyMs: readonly number[]
  /** Share of transactions that left more than 10 ms after they were due: what the generator itself added. */
  readonly lateShare: number
}

export const BUCKET_MS = 10
