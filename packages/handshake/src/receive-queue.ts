/**
 * What came on a lane and was not read. Memory stays near the bytes held: large pieces are kept as views, small ones are put together, and
 * a view of a small part of a large buffer is copied, so that a stream of one-byte frames costs its bytes and not an object each.
 */
const SMALL_BYTES_MAX = 2_048
const TAIL_BYTES = 16_384
const PINNED_SHARE_MAX = 4

export class ReceiveQueue {
  readonly #pieces: Uint8Array[] = []
  /** The last of the pieces while it has room. */
  #tail: Uint8Array | undefined
  #tailBytes = 0

  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  push(view: Uint8Array): void {
    if (view.length > SMALL_BYTES_MAX) {
      this.#closeTail()
      this.#pieces.push(ownOf(view))
      return
    }
    if (this.#tail === undefined || this.#tailBytes + view.length > TAIL_BYTES) {
      this.#closeTail()
      this.#tail = new Uint8Array(TAIL_BYTES)
      this.#pieces.push(this.#tail)
    }
    this.#tail.set(view, this.#tailBytes)
    this.#tailBytes += view.length
  }

  shift(): Uint8Array | undefined {
    if (this.#pieces.length === 1) this.#closeTail()
    return this.#pieces.shift()
  }

  #closeTail(): void {
    if (this.#tail === undefined) return
    this.#pieces[this.#pieces.length - 1] = ownOf(this.#tail.subarray(0, this.#tailBytes))
    this.#tail = undefined
    this.#tailBytes = 0
  }
}

/** The view itself, or a copy where it would keep far more than itself alive. */
export function ownOf(view: Uint8Array): Uint8Array {
  return view.length * PINNED_SHARE_MAX < view.buffer.byteLength ? view.slice() : view
}
