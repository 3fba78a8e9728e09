/** Stable: renaming a code is a breaking change. */
export type StateTreeErrorCode = 'STATE_TREE_MALFORMED' // not the one canonical encoding

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class StateTreeError extends Error {
  override readonly name = 'StateTreeError'
  readonly code: StateTreeErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: StateTreeErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
