/** Stable: renaming a code is a breaking change. */
export type SdkErrorCode =
  | 'SDK_MALFORMED' // an address, a handle or an answer that has no canonical encoding, or is not in it
  | 'SDK_TOO_MANY' // a service opened more for one request than it may
  | 'SDK_CONTENT_FAILED' // the node could not open or look up what a service asked for; it does not say why
  | 'SDK_SERVICE_FAILED' // a service threw, or answered with what it may not answer with

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class SdkError extends Error {
  override readonly name = 'SdkError'
  readonly code: SdkErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: SdkErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

export const malformed = (message: string): SdkError => new SdkError('SDK_MALFORMED', message)
