/** Stable: renaming a code is a breaking change. */
export type KeyFileErrorCode =
  | 'KEYFILE_MALFORMED' // not a key file, or one of another version
  | 'KEYFILE_EXPOSED' // others than its owner may read or change it, or it has a second name that would stay plain
  | 'KEYFILE_LOCKED' // it is encrypted, and no passphrase was given
  | 'KEYFILE_REFUSED' // another passphrase, or the file was changed: the two cannot be told apart
  | 'KEYFILE_BAD_ARGUMENT' // a secret, passphrase or cost of the caller's that no key file has
  | 'KEYFILE_IO' // it cannot be read or written: `cause` says why

/** The one error class of `/keyfile`. Switch on `code`; `message` is for people and may change. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
  readonly code: KeyFileErrorCode
  constructor(code: KeyFileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
