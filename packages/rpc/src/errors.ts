/** Stable: renaming a code is a breaking change. */
export type RpcErrorCode = 'RPC_MALFORMED' // not the one canonical encoding

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: RpcErrorCode
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: RpcErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
