/** Random access that tells what was read of it. */
import type { ReadAt } from '../src/index.ts'

export interface Watched extends ReadAt {
  readonly reads: { readonly offset: number; readonly length: number }[]
  /** Bytes read. */
  readonly total: number
}

export function watched(source: ReadAt): Watched {
  const reads: Watched['reads'] = []
  return {
    reads,
    size: source.size,
    get total() {
      return reads.reduce((sum, { length }) => sum + length, 0)
    },
    readAt(offset, length) {
      reads.push({ offset, length })
      return source.readAt(offset, length)
    },
  }
}

export const inMemory = (bytes: Uint8Array): ReadAt => ({
  size: bytes.length,
  readAt: (offset, length) => bytes.subarray(offset, offset + length),
})
