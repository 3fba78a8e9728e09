import type { ByteRange } from '@selvedge/verified-car'
import { badRequest } from './errors.ts'

/** `entity-bytes=from:to`: both inclusive, negative from the end, `to` absent for `*`. */
export interface EntityBytes {
  readonly from: number
  readonly to: number | undefined
}

/** @throws {GatewayError} `GATEWAY_BAD_REQUEST` */
export function parseEntityBytes(text: string): EntityBytes {
  const match = /^(-?\d{1,16}):(-?\d{1,16}|\*)$/.exec(text)
  const from = Number(match?.[1])
  const to = match?.[2] === '*' ? undefined : Number(match?.[2])
  // One more than `to`, too: a range ends after its last byte.
  if (match === null || !Number.isSafeInteger(from) || (to !== undefined && !(Number.isSafeInteger(to) && Number.isSafeInteger(to + 1)))) {
    throw badRequest(`entity-bytes must be from:to, whole numbers or * for the end, got ${JSON.stringify(text)}`)
  }
  if (to !== undefined && from < 0 === to < 0 && to < from) throw badRequest(`entity-bytes ends before it begins: ${text}`)
  return { from, to }
}

/** The range of a file of `size` bytes, end exclusive. An empty one selects nothing but the root. */
export function rangeOf({ from, to }: EntityBytes, size: number): ByteRange {
  const start = from < 0 ? Math.max(size + from, 0) : from
  if (to === undefined) return { start }
  const end = to < 0 ? size + to + 1 : to + 1
  return { start, end: Math.max(start, end) }
}
