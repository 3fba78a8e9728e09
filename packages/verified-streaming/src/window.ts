/** Random access through a window of what was read last. */
import { after, type Later } from './later.ts'
import type { ReadAt } from './random-access.ts'

/** `length` bytes at `offset`, a view valid until the next call. Where they are not held, everything from `first` to `end` is read. */
export type WindowRead = (offset: number, length: number, first: number, end: number) => Later<Uint8Array>

export function windowOn(source: ReadAt): WindowRead {
  let held = new Uint8Array(0) as Uint8Array
  let start = 0
  const view = (offset: number, length: number): Uint8Array => held.subarray(offset - start, offset - start + length)
  return (offset, length, first, end) => {
    if (offset >= start && offset + length <= start + held.length) return view(offset, length)
    return after(source.readAt(first, end - first), (bytes) => {
      held = bytes
      start = first
      return view(offset, length)
    })
  }
}
