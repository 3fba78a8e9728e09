/** Stable: renaming a code is a breaking change. */
export type VerifyErrorCode =
  | 'VERIFY_MISMATCH' // bytes that do not belong to the root; details name the byte range and, in a sink, the source
  | 'VERIFY_TRUNCATED' // the encoding ended before everything that was asked for had come
  | 'VERIFY_TRAILING' // bytes after the end of the encoding
  | 'VERIFY_TOO_LARGE' // a length above `maxSize`, or above 2^53-1
  | 'VERIFY_MALFORMED' // bytes that are not the one canonical form of what they should be
  | 'VERIFY_BAD_ARGUMENT' // a caller's mistake: wrong length of a root, group size out of bounds, a source that is none
  | 'VERIFY_BAD_RANGE' // a range that cannot be understood or satisfied
  | 'VERIFY_INCOMPLETE' // asked of a partial blob what only a complete one has
  | 'VERIFY_BAD_RESPONSE' // an HTTP host answered with what was not asked for: a status, another range, no length
  | 'VERIFY_READ_FAILED' // random access gave fewer bytes than it promised

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError'
  readonly code: VerifyErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: VerifyErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

/** An error whose message is its details: what was expected, what came, and where. */
export function errorOf(code: VerifyErrorCode, details: Readonly<Record<string, number | string>>): VerifyError {
  const facts = Object.entries(details).map((fact) => fact.join(' '))
  return new VerifyError(code, `${code}: ${facts.join(', ')}`, details)
}

/** @throws {VerifyError} always, `VERIFY_BAD_ARGUMENT`; of an object its kind is told, as `[object ArrayBuffer]`. */
export function refuse(expected: string, got: unknown): never {
  throw errorOf('VERIFY_BAD_ARGUMENT', {
    expected,
    got: typeof got === 'object' ? {}.toString.call(got) : String(got as string).slice(0, 80),
  })
}
