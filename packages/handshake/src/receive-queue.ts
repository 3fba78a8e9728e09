/**
 * What came on a lane and was not read. What is put in is a view of what the carrier read, which is overwritten next, so all of it is copied, here and once.
 *
 * Of most lanes the pieces are the reader's to keep: large ones are copied each for itself, small ones are put together, so that a stream of one-byte frames
 * costs its bytes and not an object each, and whoever keeps a piece keeps no more than four times as much alive. Where memory is used again (`lane-memory.ts`),
 * what lies side by side is given out as one piece.
 */
import type { LaneMemory } from './lane-memory.ts'

const SMALL_BYTES_MAX = 2_048
const TAIL_BYTES = 16_384
const PINNED_SHARE_MAX = 4

export class ReceiveQueue {
  readonly #pieces: Uint8Array[] = []
  /** The last of the pieces while it has room. */
  #tail: Uint8Array | undefined
  #tailBytes = 0
  #memory: LaneMemory | undefined

  /** @param memory - to be used again as the reader releases it. @default the pieces are the reader's to keep */
  constructor(memory?: LaneMemory) {
    this.#memory = memory
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  push(view: Uint8Array): void {
    if (this.#memory !== undefined) this.#place(this.#memory, view)
    else if (view.length > SMALL_BYTES_MAX) {
      this.#closeTail()
      this.#pieces.push(new Uint8Array(view))
    } else this.#append(view)
  }

  shift(): Uint8Array | undefined {
    if (this.#pieces.length === 1) this.#closeTail()
    return this.#pieces.shift()
  }

  /** Of memory that is used again: so many bytes more of what was given out, in order, are done with. */
  release(bytes: number): void {
    this.#memory?.release(bytes)
  }

  /** Nobody says any more what is done with: nothing is overwritten from here on. */
  keep(): void {
    this.#memory = undefined
  }

  #place(memory: LaneMemory, view: Uint8Array): void {
    for (let at = 0; at < view.length; ) {
      const piece = memory.place(view.subarray(at))
      at += piece.length
      const last = this.#pieces.at(-1)
      const isBeside = last?.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset
      if (isBeside) this.#pieces[this.#pieces.length - 1] = new Uint8Array(piece.buffer, last.byteOffset, last.length + piece.length)
      else this.#pieces.push(piece)
    }
  }

  /** A small piece: behind the last one if that is small too. */
  #append(view: Uint8Array): void {
    const last = this.#pieces.at(-1)
    if (this.#tail === undefined && last !== undefined && last.length <= SMALL_BYTES_MAX) {
      this.#tail = new Uint8Array(TAIL_BYTES)
      this.#tail.set(last)
      this.#tailBytes = last.length
      this.#pieces[this.#pieces.length - 1] = this.#tail
    }
    if (this.#tail === undefined || this.#tailBytes + view.length > TAIL_BYTES) {
      this.#closeTail()
      this.#pieces.push(new Uint8Array(view))
      return
    }
    this.#tail.set(view, this.#tailBytes)
    this.#tailBytes += view.length
  }

  #closeTail(): void {
    if (this.#tail === undefined) return
    const held = this.#tail.subarray(0, this.#tailBytes)
    this.#pieces[this.#pieces.length - 1] = held.length * PINNED_SHARE_MAX < this.#tail.length ? held.slice() : held
    this.#tail = undefined
    this.#tailBytes = 0
  }
}
