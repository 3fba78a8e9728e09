/** Stable: renaming a code is a breaking change. The first group comes from decoders; each names the one rule that was broken. */
export type ConsensusErrorCode =
  | 'CONSENSUS_TRUNCATED' // the bytes end before the value does, or a count asks for more than is there
  | 'CONSENSUS_TRAILING' // bytes follow the value
  | 'CONSENSUS_TOO_LARGE' // a frame, list or byte string is beyond its limit (wire/limits.ts)
  | 'CONSENSUS_UNSORTED' // a list that must ascend does not
  | 'CONSENSUS_DUPLICATE' // an element stands twice where it may stand once
  | 'CONSENSUS_OUT_OF_RANGE' // a number is beyond what its field may hold
  | 'CONSENSUS_UNKNOWN_KIND' // a kind byte that names nothing
  | 'CONSENSUS_SPARE_BITS' // a bitmap has bits beyond the committee
  | 'CONSENSUS_BAD_LENGTH' // a key, digest, signature or byte string has not the length that its kind demands
  | 'CONSENSUS_BAD_COMMITTEE' // members out of order, without stake, or with too much of it
  | 'CONSENSUS_BAD_EVIDENCE' // well formed, but it proves nothing
  | 'CONSENSUS_STORE_FAILED' // the store cannot keep or read what it must
  | 'CONSENSUS_STORE_LOCKED' // another process holds the store
  | 'CONSENSUS_STORE_DAMAGED' // what was acknowledged is not there whole
  | 'CONSENSUS_BAD_ARGUMENT' // the caller's mistake, found before anything was done
  | 'CONSENSUS_OVERLOADED' // more is waiting than may wait: try later, or elsewhere
  | 'CONSENSUS_BAD_TRANSACTION' // empty, too large, or its own signature is bad
  | 'CONSENSUS_NOT_A_MEMBER' // this key has no seat in the epoch's committee
  | 'CONSENSUS_STOPPED' // stop() was called, or the validator has ended by itself
  | 'CONSENSUS_HALTED' // proof that more than a third is faulty: nothing may follow
  | 'CONSENSUS_EXECUTOR_FAILED' // a block was not applied; `cause` is what the executor said
  | 'CONSENSUS_WORKER_FAILED' // a signature worker did not start or died
  | 'CONSENSUS_NETWORK_FAILED' // the port could not be opened

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class ConsensusError extends Error {
  override readonly name = 'ConsensusError'
  readonly code: ConsensusErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: ConsensusErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
