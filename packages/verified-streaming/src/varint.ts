/** LEB128 of postcard for u64: seven bits a byte, least significant first. Only the shortest form is accepted. */
import { errorOf, VerifyError } from './errors.ts'

const VARINT_BYTES_MAX = 10

/** Appends `value`, 0 to 2^64-1. */
export function writeVarint(out: number[], value: bigint): void {
  let rest = value
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  out.push(Number(rest))
}

/** @throws {VerifyError} `VERIFY_MALFORMED` when cut, above 2^64-1 or longer than need be. */
export function readVarint(bytes: Uint8Array, offset: number): { value: bigint; next: number } {
  let value = 0n
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const byte = bytes[offset + i] ?? 0
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte > 0x7f) continue
    if ((byte === 0 && i > 0) || value >> 64n || offset + i >= bytes.length) break
    return { value, next: offset + i + 1 }
  }
  throw errorOf('VERIFY_MALFORMED', { what: 'a varint', offset })
}

/** A varint that counts something in memory: refused above what a `number` holds. */
export function readCount(bytes: Uint8Array, offset: number): { value: number; next: number } {
  const { value, next } = readVarint(bytes, offset)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new VerifyError('VERIFY_MALFORMED', `a count of ${value}`, { offset })
  return { value: Number(value), next }
}
