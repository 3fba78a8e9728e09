/** Ethereum's two hexadecimal forms: *quantities* (shortest, `0x0` for zero) and *data* (two digits a byte). */
import { RpcError } from './errors.ts'

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Data: `0x` and two digits a byte. */
export function hexOf(bytes: Uint8Array): string {
  let text = '0x'
  for (const byte of bytes) text += digits[byte]
  return text
}

export const quantityOf = (value: bigint | number): string => `0x${value.toString(16)}`

/** 32 bytes, big endian, as data. */
export const wordOf = (value: bigint): string => `0x${value.toString(16).padStart(64, '0')}`

/** @throws {RpcError} `RPC_INVALID_PARAMS`; `what` names the place. */
export function parseHex(value: unknown, what: string, size?: number): Uint8Array {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value))
    throw new RpcError('RPC_INVALID_PARAMS', `${what} must be hexadecimal bytes after 0x`)
  const bytes = new Uint8Array(value.length / 2 - 1)
  if (size !== undefined && bytes.length !== size)
    throw new RpcError('RPC_INVALID_PARAMS', `${what} must be ${size} bytes, got ${bytes.length}`)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(value.slice(2 * i + 2, 2 * i + 4), 16)
  return bytes
}

/** At most 256 bits, no leading zero. @throws {RpcError} `RPC_INVALID_PARAMS`. */
export function parseQuantity(value: unknown, what: string): bigint {
  if (typeof value !== 'string' || value.length > 66 || !/^0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)$/.test(value))
    throw new RpcError('RPC_INVALID_PARAMS', `${what} must be a quantity such as 0x1f`)
  return BigInt(value)
}
