/**
 * The JSON-RPC 2.0 core: text of a request in, text of its answer out, for any method table and over any transport.
 *
 * Invariants: no input makes it throw; every request with an id gets exactly one answer, in the order of the batch; a notification gets
 * none, but is run; nothing of an unexpected error but the word "internal error" reaches a caller. Source: JSON-RPC 2.0; the codes
 * beyond it are geth's, because wallets know those.
 */
import { JSON_RPC_CODES, RpcError } from './errors.ts'
import { isDeeperThan } from './json-depth.ts'

/** What a method knows of who called it. */
export interface Caller {
  /** Takes so many of the caller's request allowance; `false` when it is used up. */
  readonly take: (cost: number) => boolean
  /** Takes for work whose size is known only when it is done: the allowance may fall below nothing, and then gives nothing for a while. */
  readonly owe?: (cost: number) => void
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal
  /** Set where answers can be followed by notifications (WebSocket). */
  readonly subscriptions?: Subscriber
}

/** The subscriptions of one connection. */
export interface Subscriber {
  /** @returns the subscription's id. @throws {RpcError} `RPC_LIMIT`. */
  readonly add: (feed: Feed) => string
  /** Whether there was one of that id. */
  readonly remove: (id: string) => boolean
}

/** Where a subscription stands and how it goes on. `next` is asked only while the reader keeps up, so a feed holds a position and no queue. */
export interface Feed {
  /** The `method` of its notifications. */
  readonly notification: string
  /** Notifications in order, `undefined` when there is nothing more for now. Synchronous, and bounded work a call. @throws {RpcError} ends it. */
  readonly next: () => unknown
}

/** A `next` that looked at its share of the ledger and found nothing, yet may find something at once. */
export const AGAIN: unique symbol = Symbol('again')
/** A `next` that did not look, since its reader's allowance is used up: there may be something. */
export const LATER: unique symbol = Symbol('later')

export interface Method {
  /** Of the caller's allowance. */
  readonly cost: number
  readonly run: (params: readonly unknown[], caller: Caller) => unknown
}

export interface JsonRpcOptions {
  /** Requests in one batch. @default 100 */
  readonly batchMax?: number
  /** Arrays and objects within each other in a request. @default 32 */
  readonly depthMax?: number
  /** Characters of an answer, a whole batch included. @default 16,777,216 */
  readonly responseBytesMax?: number
  /** Hears of errors that callers see as `internal error`. */
  readonly onError?: (error: unknown, method: string) => void
}

export interface JsonRpc {
  /** The answer to one request or batch, `undefined` when none is due. Never throws. */
  answer(body: string | Uint8Array, caller: Caller): Promise<string | undefined>
}

const ID_LENGTH_MAX = 256
/** Of a request and of an answer that count as one more: what reading or writing so much takes is a millisecond at most. */
const REQUEST_BYTES_A_COST = 8_192
const ANSWER_LENGTH_A_COST = 16_384
type Id = string | number | null

export function createJsonRpc(methods: ReadonlyMap<string, Method>, options: JsonRpcOptions = {}): JsonRpc {
  const { batchMax = 100, depthMax = 32, responseBytesMax = 2 ** 24, onError } = options

  async function answerOne(value: unknown, caller: Caller, room: number): Promise<string | undefined> {
    const request = requestOf(value)
    if (request instanceof RpcError) return caller.take(1) ? errorText(idOf(value), request) : errorText(idOf(value), tooMany())
    const { id, method } = request
    let text: string
    try {
      const result = await run(request, caller)
      text = `{"jsonrpc":"2.0","id":${JSON.stringify(id ?? null)},"result":${JSON.stringify(result ?? null)}}`
    } catch (error) {
      if (!(error instanceof RpcError)) onError?.(error, method)
      text = errorText(id ?? null, error instanceof RpcError ? error : new RpcError('RPC_INTERNAL', 'internal error'))
    }
    if (id === undefined) return undefined
    caller.owe?.(Math.floor(text.length / ANSWER_LENGTH_A_COST))
    if (text.length <= room) return text
    return errorText(id, new RpcError('RPC_TOO_LARGE', `the answer exceeds ${responseBytesMax} characters`))
  }

  function run({ method, params }: Request, caller: Caller): unknown {
    const known = methods.get(method)
    if (!caller.take(known?.cost ?? 1)) throw tooMany()
    if (known === undefined) throw new RpcError('RPC_METHOD_NOT_FOUND', `the method ${method} does not exist/is not available`)
    if (!Array.isArray(params)) throw new RpcError('RPC_INVALID_PARAMS', 'params must be an array: they have places, not names')
    return known.run(params, caller)
  }

  async function answerBatch(values: readonly unknown[], caller: Caller): Promise<string | undefined> {
    if (values.length === 0) return errorText(null, new RpcError('RPC_INVALID_REQUEST', 'the batch is empty'))
    if (values.length > batchMax) {
      caller.take(batchMax)
      return errorText(null, new RpcError('RPC_INVALID_REQUEST', `batch too large: ${values.length} requests, at most ${batchMax}`))
    }
    const answers: string[] = []
    let room = responseBytesMax
    for (const value of values) {
      const text = await answerOne(value, caller, room)
      if (text === undefined) continue
      answers.push(text)
      room -= text.length
    }
    return answers.length === 0 ? undefined : `[${answers.join(',')}]`
  }

  return {
    async answer(body, caller) {
      if (!caller.take(Math.floor(body.length / REQUEST_BYTES_A_COST))) return errorText(null, tooMany())
      const value = parse(body, depthMax)
      if (value instanceof RpcError) return errorText(null, caller.take(1) ? value : tooMany())
      return Array.isArray(value) ? answerBatch(value, caller) : answerOne(value, caller, responseBytesMax)
    },
  }
}

/** @returns the text of a notification as `eth_subscribe` made it known. */
export function notificationText(method: string, subscription: string, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params: { subscription, result } })
}

/** The text of an error answer; a transport uses it for what never reached `answer`. */
export function errorText(id: Id, error: RpcError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: errorObject(error) })
}

export function errorObject({ code, message, details }: RpcError): {
  readonly code: number
  readonly message: string
  readonly data?: unknown
} {
  const data = details.data ?? (Object.keys(details).length === 0 ? undefined : details)
  return { code: JSON_RPC_CODES[code], message, ...(data === undefined ? {} : { data }) }
}

/** Of one address. */
export const tooMany = (): RpcError => new RpcError('RPC_LIMIT', 'too many requests: the allowance of this address is used up')

function parse(body: string | Uint8Array, depthMax: number): unknown {
  try {
    const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body)
    if (isDeeperThan(text, depthMax)) return new RpcError('RPC_PARSE', `nested deeper than ${depthMax}`)
    return JSON.parse(text)
  } catch {
    return new RpcError('RPC_PARSE', 'the body is not JSON in UTF-8') // the engine's words would quote the body
  }
}

interface Request {
  /** Absent in a notification. */
  readonly id?: Id
  readonly method: string
  readonly params: unknown
}

function isId(id: unknown): id is Id {
  return id === null || (typeof id === 'string' && id.length <= ID_LENGTH_MAX) || (typeof id === 'number' && Number.isFinite(id))
}

function idOf(value: unknown): Id {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined
  return id !== undefined && isId(id) ? id : null
}

function requestOf(value: unknown): Request | RpcError {
  const invalid = (message: string): RpcError => new RpcError('RPC_INVALID_REQUEST', message)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return invalid('a request is an object')
  const { jsonrpc, method, id, params = [] } = value as Record<string, unknown>
  if (jsonrpc !== '2.0') return invalid('jsonrpc must be "2.0"')
  if (typeof method !== 'string' || method.length > ID_LENGTH_MAX) return invalid('method must be a string')
  if (typeof params !== 'object' || params === null) return invalid('params must be an array or an object')
  if (id === undefined) return { method, params }
  return isId(id) ? { id, method, params } : invalid('id must be a string, a number or null')
}
