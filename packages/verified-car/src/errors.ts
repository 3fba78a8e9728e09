/** Stable: renaming a code is a breaking change. */
export type CarErrorCode =
  // what the source did wrong: another source may do better
  | 'CAR_NOT_A_CAR' // not a version 1 CAR: an HTML page, a CARv2, anything else
  | 'CAR_TRUNCATED' // the source ended before the last block that was asked
  | 'CAR_MALFORMED' // a length or a CID inside the stream cannot be read, or what is passed over does not end
  | 'CAR_WRONG_ROOT' // the first block is not the one that was asked
  | 'CAR_UNEXPECTED_BLOCK' // a block that is not the next one in depth-first order
  | 'CAR_BAD_HASH' // the bytes of a leaf do not hash to its CID
  | 'CAR_BAD_NODE' // the bytes of a linking node do not hash to its CID
  // what the DAG itself has wrong: its hashes are right, so every honest source serves the same
  | 'CAR_BAD_CID' // hash function not allowed, digest too short, identity too long
  | 'CAR_BAD_BLOCK' // not decodable as its codec
  | 'CAR_BAD_SIZE' // declared sizes disagree with each other or with what the children hold
  | 'CAR_BAD_UNIXFS' // any other breach of the UnixFS rules
  | 'CAR_TOO_LARGE' // a block, a node's links or the output is over a limit
  | 'CAR_TOO_DEEP' // more levels than a limit allows
  // what was asked
  | 'CAR_NOT_FOUND' // a path segment that the DAG does not have
  | 'CAR_NOT_A_FILE' // flat bytes asked of something else
  | 'CAR_NOT_A_DIRECTORY' // entries asked of something else

export type CarErrorDetails = Readonly<Record<string, number | string>>

const DAG_FAULTS: ReadonlySet<CarErrorCode> = new Set<CarErrorCode>([
  'CAR_BAD_CID',
  'CAR_BAD_BLOCK',
  'CAR_BAD_SIZE',
  'CAR_BAD_UNIXFS',
  'CAR_TOO_LARGE',
  'CAR_TOO_DEEP',
  'CAR_NOT_FOUND',
  'CAR_NOT_A_FILE',
  'CAR_NOT_A_DIRECTORY',
])

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class CarError extends Error {
  override readonly name = 'CarError'
  readonly code: CarErrorCode
  readonly details: CarErrorDetails
  constructor(code: CarErrorCode, message: string, details: CarErrorDetails = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
  /**
   * True where the DAG itself is at fault, or the question was: asking another source for the same CID cannot help. What a source claims
   * before its bytes are checked (`details.offset` says where) is its own fault.
   */
  get isFinal(): boolean {
    return DAG_FAULTS.has(this.code) && this.details.offset === undefined
  }
}
