/** Bitmaps of claims: which parts are here, which points are opened. Least significant bit first, spare bits zero. */

export const bitmapOf = (count: number): Uint8Array => new Uint8Array(Math.ceil(count / 8))

export function hasBit(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1
}

/** A copy with `count` bits set from `first` on. */
export function withBits(bitmap: Uint8Array, first: number, count: number): Uint8Array {
  const out = bitmap.slice()
  for (let index = first; index < first + count; index++) out[index >> 3] = (out[index >> 3] ?? 0) | (1 << (index & 7))
  return out
}

/** Whether any of `count` bits from `first` on is set. */
export function hasAnyBit(bitmap: Uint8Array, first: number, count: number): boolean {
  for (let index = first; index < first + count; index++) if (hasBit(bitmap, index)) return true
  return false
}

/** Whether the first `count` bits are set. */
export function isFull(bitmap: Uint8Array, count: number): boolean {
  for (let index = 0; index < count; index++) if (!hasBit(bitmap, index)) return false
  return true
}
