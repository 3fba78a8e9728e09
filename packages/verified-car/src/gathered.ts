/**
 * Many small pieces as few larger ones: what carries them costs the same for 64 bytes as for 64 KiB.
 *
 * What is ready goes out at once where a reader waits; the small pieces that come while it is busy are joined for its next turn. So nothing
 * waits for more to come, and no large piece is copied.
 */
/** A piece of this size goes alone, as it is. */
const LARGE_BYTES: number = 16 * 1024

/**
 * The same bytes in the same order, read ahead by `bytesMax` and one piece: for the small blocks of a tree, whose port hands out bytes that
 * stay as they are. What `pieces` throws comes after what came before it; to return while a piece is awaited does not wait for it.
 */
export function gathered(pieces: AsyncIterable<Uint8Array>, bytesMax: number): AsyncIterableIterator<Uint8Array> {
  return new Gathered(pieces[Symbol.asyncIterator](), bytesMax)
}

class Gathered implements AsyncIterableIterator<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #bytesMax: number
  readonly #held: Uint8Array[] = []
  #heldBytes = 0
  #pulling: Promise<void> | undefined
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  /** Wakes the reader that waits. */
  #wake: (() => void) | undefined

  constructor(source: AsyncIterator<Uint8Array>, bytesMax: number) {
    this.#source = source
    this.#bytesMax = bytesMax
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      if (this.#held.length > 0) return { done: false, value: this.#take() }
      if (this.#failure !== undefined) throw this.#failure.error // after what came before it
      if (this.#isOver) return { done: true, value: undefined }
      this.#pulling ??= this.#pull()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #take(): Uint8Array {
    const large = this.#held.findIndex(({ length }) => length >= LARGE_BYTES)
    const pieces = this.#held.splice(0, large === -1 ? this.#held.length : Math.max(large, 1))
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
    this.#heldBytes -= bytes
    if (!this.#isOver) this.#pulling ??= this.#pull() // reads on while this is sent
    return pieces.length === 1 ? pieces[0]! : joined(pieces, bytes)
  }

  /** Reads until enough is held or the source is over. */
  async #pull(): Promise<void> {
    try {
      do {
        const step = await this.#source.next()
        if (step.done === true) this.#isOver = true
        else if (step.value.length > 0) this.#heldBytes += this.#held[this.#held.push(step.value) - 1]!.length
        if (this.#held.length > 0) this.#wakeReader()
      } while (!this.#isOver && this.#heldBytes < this.#bytesMax)
    } catch (error) {
      this.#isOver = true
      this.#failure = { error }
    }
    this.#pulling = undefined
    this.#wakeReader()
  }

  #wakeReader(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#isOver = true
    this.#held.length = 0
    this.#heldBytes = 0
    this.#wakeReader()
    if (this.#pulling === undefined) await this.#source.return?.()
    // What waits for a block that may never come is told when it is done, and not waited for.
    else this.#pulling.then(() => this.#source.return?.()).catch(() => undefined)
    return { done: true, value: undefined }
  }
}

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  const out = new Uint8Array(bytes)
  let offset = 0
  for (const piece of pieces) {
    out.set(piece, offset)
    offset += piece.length
  }
  return out
}
