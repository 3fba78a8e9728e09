/** Random access through a window of what was read last, into memory of its own where the source can do that. */
import { after, type Later } from './later.ts'
import type { ReadAt } from './random-access.ts'

/** `length` bytes at `offset`, a view valid until the next call. Where they are not held, everything from `first` to `end` is read. */
export type WindowRead = (offset: number, length: number, first: number, end: number) => Later<Uint8Array>

const NOTHING: Uint8Array = new Uint8Array(0)

export function windowOn(source: ReadAt): WindowRead {
  let held = NOTHING
  let start = 0
  let memory = NOTHING
  const read = (first: number, length: number): Later<Uint8Array> => {
    if (source.readInto === undefined) return source.readAt(first, length)
    held = NOTHING // it is written over, and may come to be written in part
    if (memory.length < length) memory = new Uint8Array(length)
    const target = memory.subarray(0, length)
    return after(source.readInto(first, target), () => target)
  }
  const view = (offset: number, length: number): Uint8Array => held.subarray(offset - start, offset - start + length)
  return (offset, length, first, end) => {
    if (offset >= start && offset + length <= start + held.length) return view(offset, length)
    return after(read(first, end - first), (bytes) => {
      held = bytes
      start = first
      return view(offset, length)
    })
  }
}
