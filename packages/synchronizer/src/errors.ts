/** Stable: renaming a code is a breaking change. */
export type SynchronizerErrorCode =
  | 'SYNCHRONIZER_MALFORMED' // a frame, request or answer that is not in its one encoding
  | 'SYNCHRONIZER_TOO_LARGE' // a frame or item above its limit
  | 'SYNCHRONIZER_TIMEOUT' // the other end did not do its part in time
  | 'SYNCHRONIZER_CLOSED' // the connection ended inside an answer
  | 'SYNCHRONIZER_NOT_FOUND' // the other end does not have what was asked
  | 'SYNCHRONIZER_TOO_OLD' // the block that is next is not kept any more: take a newer state over; `details.oldest` is
  | 'SYNCHRONIZER_NO_SOURCE' // no source is left that has not lied or failed too often
  | 'SYNCHRONIZER_NO_SNAPSHOT' // no source has a certified snapshot, or none that leads on: the ledger is young, begin from genesis
  | 'SYNCHRONIZER_WRONG_STATE' // certified bytes give another state root here than its committee signed

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
