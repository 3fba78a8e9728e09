/**
 * Which blocks a fetch has brought, in 128 KiB however many those are: whoever misses one of them need not wait for it, since it has left the store again.
 *
 * A blocked Bloom filter over the digests, which are even enough to be their own hashes. It never says no of a block that came; of one that did not it says yes
 * once in a hundred times after 100,000 blocks, once in three after 400,000. Pages are made when they are needed: most fetches bring a few blocks.
 */
import type { CidLike } from './ports.ts'

const PAGES = 64
const PAGE_BYTES = 2_048
const BITS_A_BLOCK = 4

export class CameBlocks {
  readonly #pages: (Uint8Array | undefined)[] = []

  add({ multihash: { digest } }: Pick<CidLike, 'multihash'>): void {
    const page = (this.#pages[pageOf(digest)] ??= new Uint8Array(PAGE_BYTES))
    for (let i = 0; i < BITS_A_BLOCK; i++) {
      const bit = bitOf(digest, i)
      page[bit >>> 3]! |= 1 << (bit & 7)
    }
  }

  /** False: it certainly has not come. */
  has({ multihash: { digest } }: Pick<CidLike, 'multihash'>): boolean {
    const page = this.#pages[pageOf(digest)]
    if (page === undefined) return false
    for (let i = 0; i < BITS_A_BLOCK; i++) {
      const bit = bitOf(digest, i)
      if ((page[bit >>> 3]! & (1 << (bit & 7))) === 0) return false
    }
    return true
  }
}

function pageOf(digest: Uint8Array): number {
  return (digest[0] ?? 0) % PAGES
}

function bitOf(digest: Uint8Array, i: number): number {
  return (((digest[1 + 2 * i] ?? 0) << 8) | (digest[2 + 2 * i] ?? 0)) % (PAGE_BYTES * 8)
}
