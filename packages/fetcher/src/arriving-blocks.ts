/**
 * Blocks on their way into the store: readable at once, durable soon. The next block does not wait for the disk, so that the many small
 * blocks of a directory share the store's syncs instead of having one each.
 *
 * Invariants: at most `HELD_BYTES_MAX` bytes and one block are held; a block is held until the store can read it; after `settle` none is.
 */
import type { CidLike, StorePort } from './ports.ts'

const HELD_BYTES_MAX: number = 2 ** 20

export class ArrivingBlocks {
  readonly #store: Pick<StorePort<unknown>, 'putBlock'>
  readonly #held = new Map<string, Uint8Array>()
  readonly #puts = new Set<Promise<void>>()
  #heldBytes = 0
  #failure: { readonly error: unknown } | undefined

  constructor(store: Pick<StorePort<unknown>, 'putBlock'>) {
    this.#store = store
  }

  /** A block that the store may not have yet; a view, not to be written to. */
  get(key: string): Uint8Array | undefined {
    return this.#held.get(key)
  }

  /** Readable when it resolves. @throws what the store threw for this block or an earlier one. */
  async put(key: string, cid: CidLike, view: Uint8Array): Promise<void> {
    this.#throwFailure()
    if (this.#held.has(key)) return
    const block = new Uint8Array(view) // not `slice`, which of a Buffer is a view
    this.#held.set(key, block)
    this.#heldBytes += block.length
    const put = this.#write(key, cid, block)
    this.#puts.add(put)
    void put.then(() => this.#puts.delete(put))
    while (this.#heldBytes > HELD_BYTES_MAX) await Promise.race(this.#puts)
    this.#throwFailure()
  }

  /** All is durable when it resolves. @throws what the store threw. */
  async settle(): Promise<void> {
    await this.end()
    this.#throwFailure()
  }

  /** Waits until nothing runs; never rejects. */
  async end(): Promise<void> {
    while (this.#puts.size > 0) await Promise.all(this.#puts)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #write(key: string, cid: CidLike, block: Uint8Array): Promise<void> {
    try {
      await this.#store.putBlock(cid, block)
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#held.delete(key)
    this.#heldBytes -= block.length
  }
}
