/** Stable: renaming a code is a breaking change. */
export type ApplicationErrorCode =
  | 'APPLICATION_MALFORMED' // a genesis file or an argument of the caller is not what it must be
  | 'APPLICATION_OUT_OF_ORDER' // a block that is not the next one
  | 'APPLICATION_FOREIGN_STORE' // the store holds another chain's state, or an import that did not end
  | 'APPLICATION_WRONG_ROOT' // a snapshot whose rows are not those of the root that was certified
  | 'APPLICATION_DAMAGED' // the store holds bytes that this package never writes
  | 'APPLICATION_FORMAT' // the store is written by a newer version than is known
  | 'APPLICATION_PRUNED' // asked for history that is not kept (`details.oldest` is), or for an old state (`details.height`)
  | 'APPLICATION_VERSION' // the ledger moved to rules that this package does not have

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class ApplicationError extends Error {
  override readonly name = 'ApplicationError'
  readonly code: ApplicationErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(
    code: ApplicationErrorCode,
    message: string,
    details: Readonly<Record<string, number | string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
