/** A sink's store in memory, in pages: a sparse download of a huge blob costs what it has received. */
import { PAIR_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import type { ReadAt } from './random-access.ts'

/**
 * Where a sink keeps what it has verified: a port. Everything handed in is a view that is valid until the promise settles.
 * The outboard is kept in order of position: the pair whose right half begins at group `i` + 1 lies at slot `i`, so that its
 * place does not depend on the size, which may not be known yet. All slots together are as long as an ordinary outboard.
 */
export interface SinkStore {
  writeContent(offset: number, bytes: Uint8Array): void | Promise<void>
  /** 64 bytes for a slot. Written after the content below it. */
  writePair(slot: number, pair: Uint8Array): void | Promise<void>
  /** Exactly what was written. */
  readContent(offset: number, length: number): Uint8Array | Promise<Uint8Array>
  readPair(slot: number): Uint8Array | Promise<Uint8Array>
  /** Makes what was written so far durable. */
  sync?(): void | Promise<void>
}

const PAGE_BYTES = 64 * 1024

/** Sparse bytes in pages of 64 KiB. */
class Pages {
  readonly #pages = new Map<number, Uint8Array>()

  write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const inPage = (offset + at) % PAGE_BYTES
      const number = (offset + at - inPage) / PAGE_BYTES
      const page = this.#pages.get(number) ?? new Uint8Array(PAGE_BYTES)
      this.#pages.set(number, page)
      const taken = Math.min(bytes.length - at, PAGE_BYTES - inPage)
      page.set(bytes.subarray(at, at + taken), inPage)
      at += taken
    }
  }

  read(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const inPage = (offset + at) % PAGE_BYTES
      const page = this.#pages.get((offset + at - inPage) / PAGE_BYTES)
      if (page === undefined) throw new VerifyError('VERIFY_INCOMPLETE', `nothing is stored at ${offset + at}`, { offset: offset + at })
      const taken = Math.min(length - at, PAGE_BYTES - inPage)
      out.set(page.subarray(inPage, inPage + taken), at)
      at += taken
    }
    return out
  }
}

export interface MemoryStore extends SinkStore {
  writeContent(offset: number, bytes: Uint8Array): void
  writePair(slot: number, pair: Uint8Array): void
  readContent(offset: number, length: number): Uint8Array
  readPair(slot: number): Uint8Array
  /** The content as random access, once its size is known. */
  content(size: number): ReadAt
}

/** A store for sinks that holds all in memory. */
export function createMemoryStore(): MemoryStore {
  const content = new Pages()
  const pairs = new Pages()
  return {
    writeContent: (offset, bytes) => content.write(offset, bytes),
    writePair: (slot, pair) => pairs.write(slot * PAIR_BYTES, pair),
    readContent: (offset, length) => content.read(offset, length),
    readPair: (slot) => pairs.read(slot * PAIR_BYTES, PAIR_BYTES),
    content: (size) => ({ size, readAt: (offset, length) => content.read(offset, length) }),
  }
}
