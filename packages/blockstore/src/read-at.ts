import { BlockstoreError } from './errors.ts'
import type { Handle } from './handles.ts'
import type { ReadAt } from './ports.ts'

/** `size` bytes of a file from `start` on. @throws {BlockstoreError} from `readAt`: `BLOCKSTORE_MALFORMED` outside of them; as `Handle.read`. */
export function readAtOf(handle: Handle, start: number, size: number): ReadAt {
  return {
    size,
    readAt(offset, length) {
      if (offset >= 0 && length >= 0 && offset + length <= size) return handle.read(start + offset, length)
      const details = { offset, length, size }
      throw new BlockstoreError('BLOCKSTORE_MALFORMED', `[${offset}, ${offset + length}) is outside of ${size} bytes`, details)
    },
  }
}
