/**
 * How the ledger's values stand in the JSON of `selvedge_` methods: bytes as `0x` and digits, `bigint` (money, nonces) as decimal text, because a JSON
 * number loses it beyond 2^53; `number` (heights, times, sequence numbers: always below it) as it is, lists and objects member by member.
 */
import { hexOf } from './hex.ts'

export function jsonValueOf(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return hexOf(value)
  if (Array.isArray(value)) return value.map(jsonValueOf)
  if (value instanceof Map) return [...value].map(([key, each]) => [jsonValueOf(key), jsonValueOf(each)])
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, jsonValueOf(each)]))
  return value ?? null
}
