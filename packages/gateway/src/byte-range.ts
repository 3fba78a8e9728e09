import { GatewayError } from './errors.ts'

/**
 * One byte range of a block (RFC 9110 §14): what cannot be read, or several ranges, mean the whole.
 * @throws {GatewayError} `GATEWAY_RANGE_NOT_SATISFIABLE`
 */
export function singleRange(header: string | null, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const isSuffix = match[1] === ''
  const start = isSuffix ? Math.max(size - Number(match[2]), 0) : Number(match[1])
  const end = isSuffix || match[2] === '' ? size : Math.min(Number(match[2]) + 1, size)
  if (!isSuffix && match[2] !== '' && Number(match[2]) < start) return undefined
  if (start >= size) throw new GatewayError('GATEWAY_RANGE_NOT_SATISFIABLE', `the block has ${size} bytes`, { size })
  return { start, end }
}
