/** Stable: renaming a code is a breaking change. */
export type FetcherErrorCode =
  | 'FETCHER_NO_ORIGIN' // not in the store, and no origin is configured
  | 'FETCHER_EMPTY' // an origin ended without yielding the root block, or the one that it was asked for
  | 'FETCHER_NOT_FOUND' // a block that is no part of what was opened
  | 'FETCHER_BUSY' // a bound on fetches or waiters is reached
  | 'FETCHER_CLOSED' // used after close() or stop()

/** The one error class of this package. Switch on `code`; `message` is for people and may change. An origin's own error passes unchanged. */
export class FetcherError extends Error {
  override readonly name = 'FetcherError'
  readonly code: FetcherErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: FetcherErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
