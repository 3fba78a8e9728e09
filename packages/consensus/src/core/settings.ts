/** The numbers of a core: what members must have alike, what each may set, and what the protocol fixes for all. */
import type { CoreOptions } from './contract.ts'

const MIB = 2 ** 20

/** Batches of one author that are stored and not yet executed (2.14). */
export const UNEXECUTED_BYTES_MAX: number = 64 * MIB
/** Counted for each batch beside its bytes, so that many tiny ones fill the quota too. */
export const BATCH_OVERHEAD_BYTES = 1_024
/** Batches that one author may create (2.14); a backlog after a broken link may come at once. */
export const BATCHES_PER_SECOND = 100
export const BATCHES_AT_ONCE = 200
/** Own batches without a commit; above it clients are refused (2.14). */
export const UNCOMMITTED_BATCHES_MAX = 40
/** Sub-DAGs between consensus and the executor (2.9). */
export const EXECUTION_QUEUE_MAX = 8
/** Headers of one author that wait, for parents, batches or their time (2.14). */
export const PARKED_HEADERS_MAX = 64
/** How far ahead of this clock a header may be created: it waits. Beyond, it is dropped (2.4). */
export const CLOCK_DRIFT_MS = 500
/** Missed rounds that are filled in sequence; more are jumped over (2.5). */
export const FILL_ROUNDS_MAX = 4
/** Behind by more than this, rounds are asked for as a range (2.10). */
export const BEHIND_ROUNDS_MAX = 10
/**
 * A certified round is given this many times what its headers usually take to be certified, within the options. Rounds have a price of
 * their own: made as fast as they can be, they fill the processor at any load. A round of the uncertified mode costs less than half as much and
 * is all that a transaction waits for, three or four times: its rest is the shortest that the options allow.
 */
export const PACE = 3
/**
 * The same is given for the check of a batch: until its transactions are checked by a quorum it cannot be proposed, and meanwhile each
 * round takes processor time from the checks. Up to this, whatever the options say, since a commit waits four or five rounds.
 */
export const CHECKS_REST_MS_MAX = 150
/** Own headers that votes are still collected for (2.4). */
export const VOTE_WINDOW = 16
/** A header whose leader is this much older than a committed one will not be ordered by itself: its content is proposed again (2.7). */
export const ORPHAN_ROUNDS = 4
/** A second attempt waits `max(3 RTT, this)`, each further one twice as long, up to the other (2.10). */
export const RETRY_MS_MIN = 200
export const RETRY_MS_MAX = 5_000
/** Others that a repeated request goes to (2.10). */
export const RETRY_TARGETS = 3
/** An answer to a range request is waited for this long (2.17). */
export const RANGE_TIMEOUT_MS = 2_000
/** In a range, hash links vouch for what is below the newest round; every so many rounds signatures are checked nevertheless (2.10). */
export const FULL_CHECK_ROUNDS = 50

/**
 * From one own header to the next (0015, 0019).
 * @param certificateMs - what a round's work usually takes. @param checkMs - the check of a batch (check-times.ts). Each `undefined` before it is known.
 */
export function paceMsOf(
  { certificateMs, checkMs }: { readonly certificateMs: number | undefined; readonly checkMs: number | undefined },
  { roundDelayMsMin, roundDelayMsMax }: CoreSettings,
): number {
  const restMs = Math.min(roundDelayMsMax, restOf(certificateMs))
  return Math.max(roundDelayMsMin, restMs, Math.min(CHECKS_REST_MS_MAX, restOf(checkMs)))
}

const restOf = (workMs = 0): number => Math.ceil(PACE * workMs) // whole ones, as clocks show them

/** `CoreOptions` with every default in place. */
export interface CoreSettings {
  readonly batchBytesMax: number
  readonly batchDelayMsMax: number
  readonly idleDelayMsMax: number
  readonly roundDelayMsMin: number
  readonly roundDelayMsMax: number
  readonly leaderTimeoutMsMin: number
  readonly leaderTimeoutMsMax: number
  readonly verifiesTransactions: boolean
  readonly gcDepth: number
  readonly scheduleCommits: number
  readonly workers: number
}

export function settingsOf(options: CoreOptions = {}): CoreSettings {
  const { parameters = {}, roundDelayMsMin = 50 } = options
  return {
    batchBytesMax: options.batchBytesMax ?? 500_000,
    batchDelayMsMax: options.batchDelayMsMax ?? 100,
    idleDelayMsMax: Math.max(1, options.idleDelayMsMax ?? 100), // without any delay a committee of one would never end its turn
    roundDelayMsMin,
    roundDelayMsMax: Math.max(roundDelayMsMin, options.roundDelayMsMax ?? roundDelayMsMin),
    leaderTimeoutMsMin: options.leaderTimeoutMsMin ?? 100,
    leaderTimeoutMsMax: options.leaderTimeoutMsMax ?? 2_000,
    verifiesTransactions: options.verifiesTransactions ?? true,
    gcDepth: parameters.gcDepth ?? 50,
    scheduleCommits: parameters.scheduleCommits ?? 100,
    workers: parameters.workers ?? 1,
  }
}
