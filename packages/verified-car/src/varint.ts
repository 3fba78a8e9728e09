import type { ByteSource } from './byte-source.ts'

const VARINT_BYTES_MAX = 9 // unsigned-varint spec: 63 bits

/**
 * Reads one unsigned varint; only the shortest form, as the spec demands, so that a stream has one reading.
 * @returns `'end'` where the source ended before its first byte, `'cut'` where it ended inside, `'bad'` for another form or a value above 2^53-1.
 */
export async function readVarint(source: ByteSource): Promise<number | 'end' | 'cut' | 'bad'> {
  let value = 0
  let scale = 1
  for (let count = 0; count < VARINT_BYTES_MAX; count++) {
    if (source.available === 0 && !(await source.fill(1))) return count === 0 ? 'end' : 'cut'
    const byte = source.take(1)[0]!
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte < 0x80) return (byte === 0 && count > 0) || value > Number.MAX_SAFE_INTEGER ? 'bad' : value
  }
  return 'bad'
}

/** Length of the varint form of `value`, a safe whole number. */
export function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++
  return count
}

/** Writes `value` at `offset`; returns the offset after it. */
export function writeVarint(value: number, out: Uint8Array, offset: number): number {
  let rest = value
  let position = offset
  for (; rest >= 128; rest = Math.floor(rest / 128)) out[position++] = (rest % 128) | 0x80
  out[position++] = rest
  return position
}
