/** Stable: renaming a code is a breaking change. */
export type NoiseErrorCode =
  | 'NOISE_REFUSED' // a message that is not the other side's next one: changed, for another key, too short or too long
  | 'NOISE_OUT_OF_TURN' // a handshake was asked for a step that is not its next one
  | 'NOISE_BAD_LENGTH' // a key, secret, payload or message of the caller has not the length that its kind demands

/** The one error class of `/noise`. Switch on `code`; `message` is for people and may change. */
export class NoiseError extends Error {
  override readonly name = 'NoiseError'
  readonly code: NoiseErrorCode
  constructor(code: NoiseErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
