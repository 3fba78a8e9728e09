/** What ends a validator has a name. Anything else is a bug, and crashes instead of going on. */
import { ConsensusError } from '../errors.ts'

/** @throws whatever is no `ConsensusError`. */
export function named(error: unknown): ConsensusError {
  if (error instanceof ConsensusError) return error
  throw error
}

/** A verifier or signer that whoever embeds us has brought may fail as it likes. */
export function workerFailure(cause: unknown): ConsensusError {
  if (cause instanceof ConsensusError) return cause
  return new ConsensusError('CONSENSUS_WORKER_FAILED', `signatures could not be checked: ${String(cause)}`, {}, { cause })
}
