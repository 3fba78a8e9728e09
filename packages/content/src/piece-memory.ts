/**
 * The memory of the pieces of one body, written anew once they have left: a fresh one for each lies outside of V8's heap, which is collected as a whole for every
 * few MiB of such. It is no other body's, ever, and goes with its body.
 *
 * Invariants: a piece is written to until it is handed out, and not again before all of the body up to its end has left; of what nobody says that it has left
 * nothing is kept.
 */
/** Pieces that are out; of more nobody says that they left. */
const OUT_MAX = 64
const SPARE_MAX = 8

interface Write {
  /** In bytes of the body. */
  readonly end: number
  hasLeft: boolean
}

const nothingIsOut = (): void => {}

export class PieceMemory {
  readonly #spare: Uint8Array<ArrayBuffer>[] = []
  /** What a piece is being written into. */
  #taken: Uint8Array<ArrayBuffer> | undefined
  readonly #out: { readonly memory: Uint8Array<ArrayBuffer>; readonly end: number }[] = []
  /** In order; they may leave in another. */
  readonly #writes: Write[] = []
  #isGivenUp = false

  /** For a piece of just so many bytes. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    const spare = this.#spare.pop()
    this.#taken = spare?.length === bytes ? spare : new Uint8Array(bytes)
    return this.#taken
  }

  /** The piece ends there in the body. One that lies in other memory is passed over. */
  handedOut(piece: Uint8Array, end: number): void {
    const memory = this.#taken
    if (memory === undefined || piece.buffer !== memory.buffer) return
    this.#taken = undefined
    if (this.#out.length === OUT_MAX) this.#giveUp()
    if (!this.#isGivenUp) this.#out.push({ memory, end })
  }

  /**
   * The body is written on up to `end`. Where no piece of this memory is out, nothing of it lies in one, and nothing is remembered of it.
   * @returns what is to be called when that has left.
   */
  written(end: number): () => void {
    if (this.#isGivenUp || this.#out.length === 0) return nothingIsOut
    const write: Write = { end, hasLeft: false }
    this.#writes.push(write)
    return () => {
      write.hasLeft = true
      while (this.#writes[0]?.hasLeft === true) this.#takeBack(this.#writes.shift()!.end)
    }
  }

  #takeBack(end: number): void {
    while (this.#out[0] !== undefined && this.#out[0].end <= end) {
      const { memory } = this.#out.shift()!
      if (this.#spare.length < SPARE_MAX) this.#spare.push(memory)
    }
  }

  #giveUp(): void {
    this.#isGivenUp = true
    for (const list of [this.#spare, this.#out, this.#writes]) list.length = 0
  }
}
