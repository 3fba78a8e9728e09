import type { CidLike } from './ports.ts'

/** More are too many arguments for a call: what a caller names may be of any length, and the store says that it is too long. */
const KEY_BYTES_AT_ONCE = 1_024

/** Blocks are the same under any codec. One character a byte, which is a quarter of the time that hex takes: it is made for each block, often. */
export function keyOf(cid: CidLike): string {
  const { bytes } = cid.multihash
  if (bytes.length <= KEY_BYTES_AT_ONCE) return String.fromCharCode.apply(null, bytes as unknown as number[])
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}
