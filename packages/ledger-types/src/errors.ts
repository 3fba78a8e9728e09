/** Stable: renaming a code is a breaking change. */
export type LedgerTypesErrorCode = 'LEDGER_TYPES_MALFORMED' // not the one canonical encoding

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class LedgerTypesError extends Error {
  override readonly name = 'LedgerTypesError'
  readonly code: LedgerTypesErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(
    code: LedgerTypesErrorCode,
    message: string,
    details: Readonly<Record<string, number | string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
