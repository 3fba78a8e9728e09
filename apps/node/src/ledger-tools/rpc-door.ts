/** What tools ask a node over JSON-RPC, whoever runs it: what comes back is a node's word, unless `proven-door.ts` stands before it. */
import { decodeField, keyOf, type Table } from '@selvedge/application'
import { CODE_WORDS, isCode, type Code } from '@selvedge/ledger-types'
import { NodeError } from '../errors.ts'

/** What a node is given to answer one question. */
const ANSWER_MS_MAX = 15_000
/** No answer to these questions is longer. */
const ANSWER_BYTES_MAX = 4 * 2 ** 20

export interface FinalReceipt {
  readonly height: number
  readonly code: number
  readonly words: string
  readonly events: readonly Readonly<Record<string, unknown>>[]
}

export interface RpcDoor {
  readonly url: string
  /** Whether rows and receipts are checked; else they are what the node says. */
  readonly isProven: boolean
  /** @throws {NodeError} `NODE_RPC` without an answer; `NODE_REFUSED` for one that says no: `details.code` is the ledger's where it has one, `details.rpcCode` that of JSON-RPC. */
  ask(method: string, ...params: readonly unknown[]): Promise<unknown>
  /** A row of the state, as the node says it stands now. */
  row<K, V>(table: Table<K, V>, key: K): Promise<V | undefined>
  /** What became of a transaction whose block is certified. Where answers are proven only. */
  provenReceipt?(id: string): Promise<FinalReceipt>
}

/** Whether a node is asked on this machine, which is its own to trust. */
export function isOnThisMachine(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname)
}

/** @param signal - ends what is asked, with its reason. @throws {NodeError} `NODE_USAGE` for what is no http(s) URL */
export function openRpcDoor(url: string, signal: AbortSignal): RpcDoor {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new NodeError('NODE_USAGE', `--rpc: "${url.slice(0, 80)}" is not an http(s) URL`)
  let nextId = 1
  async function ask(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const { error, result } = objectOf(url, await post(url, { jsonrpc: '2.0', id: nextId++, method, params }, signal))
    if (error === undefined || error === null) return result
    const { message, data, code: rpcCode } = objectOf(url, error)
    const words = typeof message === 'string' ? message : 'no reason given'
    const code = codeOf(words, data)
    const details = { method, ...(typeof rpcCode === 'number' ? { rpcCode } : {}), ...(code === undefined ? {} : { code }) }
    throw new NodeError('NODE_REFUSED', words, details)
  }
  return {
    url,
    isProven: false,
    ask,
    async row(table, key) {
      const { value } = objectOf(url, await ask('selvedge_proof', table.id, hexOf(keyOf(table, key))))
      if (value === null) return undefined
      try {
        return decodeField(table.value, bytesOf(url, value))
      } catch (cause) {
        if (cause instanceof NodeError) throw cause
        throw notUnderstood(url, `its row of table ${table.name} is none`, cause)
      }
    },
  }
}

export const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`

/** @throws {NodeError} `NODE_RPC` */
export function bytesOf(url: string, value: unknown): Uint8Array {
  if (typeof value !== 'string' || !/^0x([0-9a-f]{2})*$/.test(value)) throw notUnderstood(url, 'it answered with something that is no hex')
  return new Uint8Array(Buffer.from(value.slice(2), 'hex'))
}

/** @throws {NodeError} `NODE_RPC` */
export function quantityOf(url: string, value: unknown): bigint {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{1,64}$/.test(value))
    throw notUnderstood(url, 'it answered with something that is no quantity')
  return BigInt(value)
}

/** @throws {NodeError} `NODE_RPC` */
export function integerOf(url: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw notUnderstood(url, 'it answered with something that is no number')
  return value
}

/** Micro-units. @throws {NodeError} `NODE_RPC` */
export function amountOf(url: string, value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw notUnderstood(url, 'it answered with something that is no amount')
  return BigInt(value)
}

/** @throws {NodeError} `NODE_RPC` */
export function objectOf(url: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw notUnderstood(url, 'it answered with something that is no object')
  return value as Readonly<Record<string, unknown>>
}

async function post(url: string, body: object, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted()
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal.reason)
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${ANSWER_MS_MAX / 1_000} s`)), ANSWER_MS_MAX)
  signal.addEventListener('abort', abort, { once: true })
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: controller.signal })
    return JSON.parse(await textOf(url, response)) as unknown
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof NodeError) throw cause
    if (cause instanceof SyntaxError) throw notUnderstood(url, 'it did not answer with JSON', cause)
    const { message, cause: inner } = cause as Error
    throw new NodeError('NODE_RPC', `${url} cannot be asked: ${inner instanceof Error ? inner.message : message}`, {}, { cause })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

async function textOf(url: string, response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += (part as Uint8Array).length
    if (size > ANSWER_BYTES_MAX) throw notUnderstood(url, 'its answer does not end')
    parts.push(part as Uint8Array)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** The ledger's code, by its number where the node says it, else by its words. */
function codeOf(message: string, data: unknown): Code | undefined {
  const said = typeof data === 'object' && data !== null ? (data as { readonly code?: unknown }).code : undefined
  if (typeof said === 'number' && isCode(said)) return said
  const words = message.replace(/^execution reverted: /, '')
  const found = Object.entries(CODE_WORDS).find(([, each]) => each === words)
  return found === undefined ? undefined : (Number(found[0]) as Code)
}

export function notUnderstood(url: string, why: string, cause?: unknown): NodeError {
  return new NodeError('NODE_RPC', `${url} is no node of a ledger: ${why}`, {}, { cause })
}
