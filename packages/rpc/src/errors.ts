/** Stable: renaming a code is a breaking change. Beside each: what a JSON-RPC caller sees as `error.code`. */
export type RpcErrorCode =
  | 'RPC_PARSE' // -32700: the body is not JSON, not UTF-8, or nested too deep
  | 'RPC_INVALID_REQUEST' // -32600: JSON that is no request, or a batch that is empty or too long
  | 'RPC_METHOD_NOT_FOUND' // -32601
  | 'RPC_INVALID_PARAMS' // -32602
  | 'RPC_INTERNAL' // -32603: a port failed; its words go to `onError` and not to the caller
  | 'RPC_REFUSED' // -32000: the transaction was not admitted, or a lookup names a block that is not there
  | 'RPC_NOT_ARCHIVE' // -32001: older than what this node keeps
  | 'RPC_TOO_LARGE' // -32003: the answer would be longer than `responseBytesMax`
  | 'RPC_LIMIT' // -32005: a rate, a range or a count is above its limit
  | 'RPC_REVERTED' // 3: the call would fail if it were executed now
  | 'RPC_SLOW_READER' // WebSocket close 4008: the reader fell too far behind its subscriptions
  | 'RPC_STOPPED' // WebSocket close 1001: the server ends; thrown by what is called before start() or after stop()

/** What stands on the wire for each code. Numbers below -32000 and 3 are what geth and the JSON-RPC 2.0 specification say. */
export const JSON_RPC_CODES: Readonly<Record<RpcErrorCode, number>> = {
  RPC_PARSE: -32_700,
  RPC_INVALID_REQUEST: -32_600,
  RPC_METHOD_NOT_FOUND: -32_601,
  RPC_INVALID_PARAMS: -32_602,
  RPC_INTERNAL: -32_603,
  RPC_REFUSED: -32_000,
  RPC_NOT_ARCHIVE: -32_001,
  RPC_TOO_LARGE: -32_003,
  RPC_LIMIT: -32_005,
  RPC_REVERTED: 3,
  RPC_SLOW_READER: 4_008,
  RPC_STOPPED: 1_001,
}

/** The one error class of this package. Switch on `code`; `message` is for people and may change. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: RpcErrorCode
  /** Goes to the caller as `error.data`, as it stands; when it has a member `data`, that member alone. */
  readonly details: Readonly<Record<string, number | string>>
  constructor(code: RpcErrorCode, message: string, details: Readonly<Record<string, number | string>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
