/** Stable: renaming a code is a breaking change. */
export type StateTreeErrorCode =
  | 'STATE_TREE_ARGUMENT' // a hash of another length, a limit out of range
  | 'STATE_TREE_MALFORMED' // a proof in another than its one encoding, or one that contradicts itself
  | 'STATE_TREE_MISMATCH' // a well-formed proof that does not lead to this root or shows something else
  | 'STATE_TREE_CORRUPT' // the store gave back something that the tree did not write
  | 'STATE_TREE_NOT_RETAINED' // the root of this version is not kept, or no longer
  | 'STATE_TREE_RETAINED_LIMIT' // as many roots are kept as may be

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
