/** Stable: renaming a code is a breaking change. */
export type BlockstoreErrorCode =
  | 'BLOCKSTORE_BAD_HASH' // bytes handed in are not what their CID names
  | 'BLOCKSTORE_UNSUPPORTED_HASH' // no hasher for this multihash code
  | 'BLOCKSTORE_MALFORMED' // an argument or a sequence of blocks that cannot be
  | 'BLOCKSTORE_TOO_LARGE' // over a limit of this store
  | 'BLOCKSTORE_QUOTA' // the store may not grow further
  | 'BLOCKSTORE_BUSY' // too much open at once
  | 'BLOCKSTORE_DAMAGED' // what is on disk is not what was written
  | 'BLOCKSTORE_LOCKED' // another process has this store open
  | 'BLOCKSTORE_FORMAT' // the folder holds another version of the format
  | 'BLOCKSTORE_STOPPED' // used before start() or after stop()
  | 'BLOCKSTORE_IO' // the file system refused

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class BlockstoreError extends Error {
  override readonly name = 'BlockstoreError'
  readonly code: BlockstoreErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: BlockstoreErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
