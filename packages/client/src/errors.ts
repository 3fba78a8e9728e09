/** Stable: renaming a code is a breaking change. */
export type ClientErrorCode =
  | 'CLIENT_BAD_ARGUMENT' // a caller's mistake: no CID, no root, no node, a range that is none
  | 'CLIENT_CLOSED' // used after `close()`, or read when `close()` came
  | 'CLIENT_UNREACHABLE' // no session with the node could be made
  | 'CLIENT_INTERRUPTED' // the session or its lane ended before everything had come
  | 'CLIENT_CAP' // more would cost more than `capMicroUsd`, or than the delegation allows at the node
  | 'CLIENT_TOO_DEAR' // the node asks for more than `priceMax`, or names a price that no ledger governs; nothing was signed
  | 'CLIENT_NOT_FOUND' // the node has not got it and knows nobody who has
  | 'CLIENT_ORIGIN_FAILED' // the node's origin could not be reached, was cut short, or sent no CAR; `details.finer` names it
  | 'CLIENT_REFUSED' // the node found that its origin's bytes do not match the name, and refused them; `details.finer` names it
  | 'CLIENT_BAD_ANSWER' // the node's answer is malformed, not one to what was asked, or claimed a length that was none
  | 'CLIENT_UNVERIFIED' // the NODE sent bytes that do not match what was asked for; `details.finer` names it
  | 'CLIENT_NOT_A_FILE' // bytes were asked of something that is no file
  | 'CLIENT_BAD_NAME' // a directory holds a name that is no file name, and could mean a place outside of it
  | 'CLIENT_BAD_DISCOVERY' // a discovery document is not in its one form, or too long
  | 'CLIENT_BAD_SIGNATURE' // a discovery document is not signed by the network's discovery key
  | 'CLIENT_WRONG_NETWORK' // a discovery document is of another chain than the one that was meant
  | 'CLIENT_OLD_DISCOVERY' // a discovery document is older than one that was seen, or past its date
  | 'CLIENT_NOT_A_DIRECTORY' // entries were asked of something that is no directory
  | 'CLIENT_NO_ENTRY' // what a path leads through has no entry of that name: proven by its own nodes
  | 'CLIENT_TOO_LARGE' // more than `bytesMax`; or directories on the way of a path that are too large to be read for a name

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: ClientErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
