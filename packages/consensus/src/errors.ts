/** Stable: renaming a code is a breaking change. */
export type ConsensusErrorCode = 'CONSENSUS_MALFORMED' // not the one canonical encoding

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
