/** Stable: renaming a code is a breaking change. */
export type DeliveryAcknowledgementErrorCode =
  | 'DELIVERY_ACKNOWLEDGEMENT_MALFORMED' // not the one canonical encoding
  | 'DELIVERY_ACKNOWLEDGEMENT_TOO_LARGE' // a sum that the format cannot hold
  | 'DELIVERY_ACKNOWLEDGEMENT_DAMAGED' // a kept file is not what was written
  | 'DELIVERY_ACKNOWLEDGEMENT_FORMAT' // a kept file is of a newer version than is known
  | 'DELIVERY_ACKNOWLEDGEMENT_LOCKED' // the folder is held by a process that runs

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

/** What every decoder and encoder here throws. */
export const malformed = (message: string): DeliveryAcknowledgementError =>
  new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_MALFORMED', message)
