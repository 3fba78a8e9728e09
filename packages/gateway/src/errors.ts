/** Stable: renaming a code is a breaking change. Each has one HTTP status. */
export type GatewayErrorCode =
  | 'GATEWAY_BAD_REQUEST' // 400: a CID, path, parameter or range that cannot be read
  | 'GATEWAY_NOT_FOUND' // 404: no such route, root or path segment here
  | 'GATEWAY_METHOD_NOT_ALLOWED' // 405
  | 'GATEWAY_NOT_ACCEPTABLE' // 406: no format that is served
  | 'GATEWAY_NOT_CACHED' // 412: only-if-cached, and the root is not here
  | 'GATEWAY_RANGE_NOT_SATISFIABLE' // 416
  | 'GATEWAY_INTERNAL' // 500: the store failed, or holds a DAG that breaks the rules

export const STATUS_OF: Readonly<Record<GatewayErrorCode, number>> = {
  GATEWAY_BAD_REQUEST: 400,
  GATEWAY_NOT_FOUND: 404,
  GATEWAY_METHOD_NOT_ALLOWED: 405,
  GATEWAY_NOT_ACCEPTABLE: 406,
  GATEWAY_NOT_CACHED: 412,
  GATEWAY_RANGE_NOT_SATISFIABLE: 416,
  GATEWAY_INTERNAL: 500,
}

/** The one error class of this package. `handle` turns it into an answer whose body begins with the code. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: GatewayErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: GatewayErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
  get status(): number {
    return STATUS_OF[this.code]
  }
}

export function badRequest(message: string, cause?: unknown): GatewayError {
  return new GatewayError('GATEWAY_BAD_REQUEST', message, {}, { cause })
}
