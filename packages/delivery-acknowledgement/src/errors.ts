/** Stable: renaming a code is a breaking change. */
export type DeliveryAcknowledgementErrorCode = 'DELIVERY_ACKNOWLEDGEMENT_MALFORMED' // not the one canonical encoding

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class DeliveryAcknowledgementError extends Error {
  override readonly name = 'DeliveryAcknowledgementError'
  readonly code: DeliveryAcknowledgementErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(
    code: DeliveryAcknowledgementErrorCode,
    message: string,
    details: Readonly<Record<string, number | string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
