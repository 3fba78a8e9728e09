/** Stable: renaming a code is a breaking change. */
export type CryptoErrorCode =
  | 'CRYPTO_BAD_SIGNATURE' // the signature is not one of this key over this message
  | 'CRYPTO_BAD_LENGTH' // a seed, key, hash or transcript part has not the length that its kind demands
  | 'CRYPTO_BAD_KEY' // not a point of the prime-order subgroup, or no secret key, where one is needed
  | 'CRYPTO_FINISHED' // an incremental hash was used after its digest
  | 'CRYPTO_SELF_TEST' // the Ed25519, BLS or secp256k1 engine of this machine does not follow our one rule; nothing it says can be used

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError'
  readonly code: CryptoErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: CryptoErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
