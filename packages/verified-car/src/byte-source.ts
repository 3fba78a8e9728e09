/**
 * Pull side of the push parser: a stream of chunks, read in the units that the format asks for.
 *
 * Nothing is copied but what a number or a CID needs to lie in one piece across a chunk border. Held at any moment: the
 * chunk that is being read. A wait for the source ends at once when the signal aborts, however long the source stalls.
 */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #chunk: Uint8Array = EMPTY
  #queued: Uint8Array = EMPTY
  #position = 0
  #isDone = false
  /** Rejects the wait that there is. */
  #reject: ((reason: unknown) => void) | undefined
  readonly #abort = (): void => this.#reject?.(this.#signal?.reason)
  /** Bytes taken so far. */
  offset = 0

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    signal?.throwIfAborted()
    this.#iterator = source[Symbol.asyncIterator]()
    this.#signal = signal
    signal?.addEventListener('abort', this.#abort, { once: true }) // one for all waits; `close` removes it
  }

  /** Bytes that can be taken without waiting. */
  get available(): number {
    return this.#chunk.length - this.#position
  }

  /** Waits for the next chunk once all is taken; false where the source ended. */
  async refill(): Promise<boolean> {
    const next = this.#queued.length > 0 ? this.#queued : await this.#pull()
    this.#queued = EMPTY
    if (next === undefined) return false
    this.#restart(next)
    return true
  }

  /** Waits until `count` bytes lie in one piece; false where the source ended before. */
  async fill(count: number): Promise<boolean> {
    if (this.available >= count) return true
    let joined: Uint8Array | undefined
    let held = this.available
    for (;;) {
      const next = this.#queued.length > 0 ? this.#queued : await this.#pull()
      this.#queued = EMPTY
      if (next !== undefined && held === 0 && next.length >= count) {
        this.#restart(next)
        return true
      }
      if (joined === undefined) {
        joined = new Uint8Array(count)
        joined.set(this.#chunk.subarray(this.#position))
      }
      const used = next?.subarray(0, count - held) ?? EMPTY
      joined.set(used, held)
      held += used.length
      this.#restart(joined.subarray(0, held))
      if (next === undefined) return false
      this.#queued = next.subarray(used.length)
      if (held === count) return true
    }
  }

  /** The next `count` bytes at most, as a view; empty only when nothing is available. */
  take(count: number): Uint8Array {
    const bytes = this.#chunk.subarray(this.#position, this.#position + count)
    this.#position += bytes.length
    this.offset += bytes.length
    return bytes
  }

  /** The byte `ahead` of the next one; the caller made sure that it is available. */
  peek(ahead: number): number {
    return this.#chunk[this.#position + ahead]!
  }

  /**
   * Tells the source that nothing more is wanted. A source that is stalled inside `next` cannot answer,
   * so nobody waits for it after an abort.
   */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort)
    if (this.#isDone) return
    this.#isDone = true
    const closed = this.#iterator.return?.()
    if (closed === undefined) return
    if (this.#signal?.aborted) closed.catch(() => undefined)
    else await closed
  }

  #restart(chunk: Uint8Array): void {
    this.#chunk = chunk
    this.#position = 0
  }

  /** One layer of promises a chunk: at a gigabyte a second they would be what costs. */
  async #pull(): Promise<Uint8Array | undefined> {
    try {
      while (!this.#isDone) {
        const step = await (this.#signal === undefined ? this.#iterator.next() : this.#next(this.#signal))
        if (step.done === true) this.#isDone = true
        else if (step.value.length > 0) return step.value
      }
      return undefined
    } catch (error) {
      if (!this.#signal?.aborted) this.#isDone = true // it threw, so it is closed
      throw error
    }
  }

  #next(signal: AbortSignal): Promise<IteratorResult<Uint8Array>> {
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      this.#reject = reject
      this.#iterator.next().then(resolve, reject) // after an abort nobody listens to it
    })
  }
}

const EMPTY = new Uint8Array(0)
