/** Stable: renaming a code is a breaking change. */
export type OriginErrorCode =
  | 'ORIGIN_BAD_CONTENT' // what came is not what was asked: `cause` is the CarError that says why
  | 'ORIGIN_NOT_FOUND' // 404, 410 or 451 of every gateway
  | 'ORIGIN_STATUS' // any other status than 200
  | 'ORIGIN_TIMEOUT' // no connection, first byte, next byte or sufficient rate in time
  | 'ORIGIN_UNREACHABLE' // no connection
  | 'ORIGIN_REDIRECT' // too many redirects, or one that leads nowhere
  | 'ORIGIN_REFUSED_ADDRESS' // an address that the policy forbids to connect to
  | 'ORIGIN_BAD_ANSWER' // compressed although identity was asked, or too large for a block
  | 'ORIGIN_NO_GATEWAY' // none is listed, or all are out for a while

/** What one gateway did. */
export interface Attempt {
  /** What was asked. */
  readonly url: string
  readonly gateway: string
  readonly code: string
  readonly reason: string
  readonly status?: number
  readonly ms: number
  /** Bytes of the body that came, verified or not. */
  readonly bytes: number
}

export interface OriginErrorDetails {
  readonly cid?: string
  readonly gateway?: string
  readonly url?: string
  readonly status?: number
  /** How long the gateway asks to be left alone. */
  readonly retryAfterMs?: number
}

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class OriginError extends Error {
  override readonly name = 'OriginError'
  readonly code: OriginErrorCode
  readonly details: OriginErrorDetails
  /** Every gateway that was asked, in order. */
  readonly attempts: readonly Attempt[]
  constructor(
    code: OriginErrorCode,
    message: string,
    details: OriginErrorDetails = {},
    options: ErrorOptions & { attempts?: readonly Attempt[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = details
    this.attempts = options.attempts ?? []
  }
}
