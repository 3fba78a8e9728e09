/** Which logs a caller wants: addresses, and for each topic a value, several, or any. */
import { RpcError } from '../errors.ts'
import { hexOf, parseHex } from '../hex.ts'
import type { EthLog } from './chain.ts'

/** Alternatives in one place of a filter. */
export const FILTER_CHOICES_MAX = 100
/** Logs have three topics here; filters may name as many as Ethereum's. */
const TOPICS_MAX = 4

export interface LogFilter {
  /** Lower-case; `undefined` is any. */
  readonly addresses: ReadonlySet<string> | undefined
  readonly topics: readonly (ReadonlySet<string> | undefined)[]
}

/** @throws {RpcError} `RPC_INVALID_PARAMS`. */
export function parseLogFilter({ address, topics }: Readonly<Record<string, unknown>>): LogFilter {
  const list = topics ?? []
  if (!Array.isArray(list) || list.length > TOPICS_MAX)
    throw new RpcError('RPC_INVALID_PARAMS', `topics must be a list of at most ${TOPICS_MAX}`)
  return { addresses: choices(address, 'address', 20), topics: list.map((each, i) => choices(each, `topics[${i}]`, 32)) }
}

export function isWanted({ addresses, topics }: LogFilter, log: EthLog): boolean {
  if (addresses !== undefined && !addresses.has(log.address)) return false
  return topics.every((wanted, i) => {
    const topic = log.topics[i]
    return topic !== undefined && (wanted === undefined || wanted.has(topic))
  })
}

function choices(value: unknown, what: string, size: number): ReadonlySet<string> | undefined {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return undefined
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > FILTER_CHOICES_MAX) throw new RpcError('RPC_INVALID_PARAMS', `${what} names more than ${FILTER_CHOICES_MAX}`)
  return new Set(list.map((each) => hexOf(parseHex(each, what, size))))
}
