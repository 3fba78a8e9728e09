/** Stable: renaming a code is a breaking change. */
export type ApplicationErrorCode = 'APPLICATION_MALFORMED' // not the one canonical encoding

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
