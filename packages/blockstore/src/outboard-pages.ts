/**
 * Pages of outboards that were read lately. Whoever asks for a part of a large blob needs the parents above it, which lie in a few places of the
 * outboard: without these pages each is a read of its own, one after the other, before the first byte of content.
 *
 * Pages belong to the opening of a file that they were read by: of one that is replaced or removed nobody finds any.
 */
import QuickLRU from 'quick-lru'
import type { Handle } from './handles.ts'
import type { ReadAt } from './ports.ts'
import { readAtOf } from './read-at.ts'

const PAGE_BYTES = 4_096
/** A read of more than these is no look at a few parents: it goes to the disk, and leaves nothing here. */
const PAGES_A_READ_MAX = 4
/** That are held for certain, 4 MiB; up to twice as many are. */
export const OUTBOARD_PAGES_MAX = 1_024
/** More than a file has: the outboard of 256 GiB has 2^18. */
const PAGES_A_FILE = 2 ** 24

export class OutboardPages {
  readonly #pages: QuickLRU<number, Uint8Array>

  /** @param pagesMax - that are held for certain; up to twice as many are. */
  constructor(pagesMax: number = OUTBOARD_PAGES_MAX) {
    this.#pages = new QuickLRU({ maxSize: pagesMax })
  }

  /** The first `size` bytes of a file, at once where they are here. */
  of(handle: Handle, size: number): ReadAt {
    const onDisk = readAtOf(handle, 0, size)
    return {
      size,
      readAt: (offset, length) => {
        const first = Math.floor(offset / PAGE_BYTES)
        const last = Math.floor((offset + length - 1) / PAGE_BYTES)
        const isPaged = offset >= 0 && length > 0 && offset + length <= size && last - first < PAGES_A_READ_MAX
        if (!isPaged || !handle.isReadable()) return onDisk.readAt(offset, length)
        return this.#held(handle.id, offset, length) ?? this.#read(handle, offset, length, size)
      },
    }
  }

  /** A copy; undefined where not all of it is here. */
  #held(id: number, offset: number, length: number): Uint8Array | undefined {
    const out = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const at = offset + done
      const page = this.#pages.get(id * PAGES_A_FILE + Math.floor(at / PAGE_BYTES))
      if (page === undefined) return undefined
      const part = page.subarray(at % PAGE_BYTES, (at % PAGE_BYTES) + length - done)
      out.set(part, done)
      done += part.length
    }
    return out
  }

  async #read(handle: Handle, offset: number, length: number, size: number): Promise<Uint8Array> {
    const first = Math.floor(offset / PAGE_BYTES)
    const start = first * PAGE_BYTES
    const end = Math.min(size, Math.ceil((offset + length) / PAGE_BYTES) * PAGE_BYTES)
    const bytes = await handle.read(start, end - start)
    for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
      this.#pages.set(handle.id * PAGES_A_FILE + first + at / PAGE_BYTES, bytes.slice(at, at + PAGE_BYTES))
    }
    return bytes.subarray(offset - start, offset - start + length)
  }
}
