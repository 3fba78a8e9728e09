import { BlockstoreError } from './errors.ts'
import type { Handle } from './handles.ts'
import type { ReadAt } from './ports.ts'

/** `size` bytes of a file from `start` on. @throws {BlockstoreError} from its reads: `BLOCKSTORE_MALFORMED` outside of them; as `Handle.read`. */
export function readAtOf(handle: Handle, start: number, size: number): ReadAt {
  const verify = (offset: number, length: number): void => {
    if (offset >= 0 && length >= 0 && offset + length <= size) return
    const details = { offset, length, size }
    throw new BlockstoreError('BLOCKSTORE_MALFORMED', `[${offset}, ${offset + length}) is outside of ${size} bytes`, details)
  }
  return {
    size,
    readAt(offset, length) {
      verify(offset, length)
      return handle.read(start + offset, length)
    },
    readInto(offset, target) {
      verify(offset, target.length)
      return handle.readInto(start + offset, target)
    },
  }
}
