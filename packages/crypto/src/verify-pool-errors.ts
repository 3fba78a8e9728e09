/** Stable: renaming a code is a breaking change. */
export type VerifyPoolErrorCode =
  | 'VERIFY_POOL_BAD_ARGUMENT' // an option is out of its range
  | 'VERIFY_POOL_FULL' // there is no room beside what waits: to be asked again once something was answered
  | 'VERIFY_POOL_TOO_LARGE' // there would be no room where nothing waits either
  | 'VERIFY_POOL_THREAD_LOST' // the thread that had it ended or kept silent, or it could be given to none: nothing is known of the signatures
  | 'VERIFY_POOL_CLOSED' // the pool was closed

/** The one error class of `/verify-pool`. Switch on `code`; `message` is for people and may change. */
export class VerifyPoolError extends Error {
  override readonly name = 'VerifyPoolError'
  readonly code: VerifyPoolErrorCode
  readonly details: Readonly<Record<string, number>>
  constructor(code: VerifyPoolErrorCode, message: string, details: Readonly<Record<string, number>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
