/** Stable: renaming a code is a breaking change. */
export type LedgerErrorCode =
  | 'LEDGER_MALFORMED' // bytes are not the one canonical encoding of anything
  | 'LEDGER_OUT_OF_RANGE' // a value that was to be encoded does not fit its field
  | 'LEDGER_BAD_GENESIS' // the genesis file is not what its format demands
  | 'LEDGER_BAD_CERTIFICATE' // a block certificate or committee proves nothing to this light client
  | 'LEDGER_BAD_PROOF' // a proof does not lead to the root

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError'
  readonly code: LedgerErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: LedgerErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
