/** Stable: renaming a code is a breaking change. */
export type SynchronizerErrorCode = 'SYNCHRONIZER_MALFORMED' // not the one canonical encoding

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class SynchronizerError extends Error {
  override readonly name = 'SynchronizerError'
  readonly code: SynchronizerErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(
    code: SynchronizerErrorCode,
    message: string,
    details: Readonly<Record<string, number | string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
