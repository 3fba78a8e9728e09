/**
 * The memory of one lane, used again: what came is copied here, side by side, and a buffer of which every byte was released is filled anew. A fresh buffer
 * for what comes lies outside of V8's heap, which is collected as a whole for every few MiB of such: that was half of what a client that pays did.
 *
 * Invariants: a byte that was placed and not released is never written to; buffers are filled and released in the order of the lane; what waits to be
 * filled anew is bounded. No buffer is another lane's, ever: whoever releases too early spoils nothing but what he reads himself.
 */
/** Of one buffer; the first is as small as what comes first, each twice the last. */
const BUFFER_BYTES_MAX: number = 256 * 1024
/** That wait to be filled; a reader who keeps up has two in use. */
const SPARE_MAX = 4

export class LaneMemory {
  /** Full ones of which not all was released, in order, and what is placed up to their ends. */
  readonly #full: { readonly buffer: Uint8Array; readonly end: number }[] = []
  readonly #spare: Uint8Array[] = []
  #buffer: Uint8Array = new Uint8Array(0)
  #used = 0
  /** Bytes since the lane began. */
  #placed = 0
  #released = 0

  /** Copies the beginning of `bytes`, as much as there is room for in one buffer. @returns the copy, which stays as it is until it is released. */
  place(bytes: Uint8Array): Uint8Array {
    if (this.#used === this.#buffer.length) this.#begin(bytes.length)
    const part = bytes.subarray(0, this.#buffer.length - this.#used)
    const copy = this.#buffer.subarray(this.#used, this.#used + part.length)
    copy.set(part)
    this.#used += part.length
    this.#placed += part.length
    return copy
  }

  /** So many bytes more, in the order in which they were placed, are done with. Not more than were placed. */
  release(bytes: number): void {
    this.#released += bytes
    while (this.#full[0] !== undefined && this.#full[0].end <= this.#released) {
      const { buffer } = this.#full.shift()!
      if (buffer.length === BUFFER_BYTES_MAX && this.#spare.length < SPARE_MAX) this.#spare.push(buffer)
    }
  }

  #begin(bytes: number): void {
    const { length } = this.#buffer
    if (length > 0) this.#full.push({ buffer: this.#buffer, end: this.#placed })
    this.release(0) // it may be done with already
    this.#buffer = this.#spare.pop() ?? new Uint8Array(Math.min(Math.max(bytes, 2 * length), BUFFER_BYTES_MAX))
    this.#used = 0
  }
}
