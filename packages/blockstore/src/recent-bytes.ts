/**
 * The newest bytes of a log, kept in memory: what was just written is read next, a small file's skeleton when it is applied, and a trip to
 * the disk's threads costs more than all the rest of such a read. Memory is one fixed buffer.
 *
 * Invariant: `[start, end)` of `pack` is in the buffer, byte for byte as it was written.
 */
export class RecentBytes {
  readonly #bytesMax: number
  #buffer: Uint8Array | undefined
  #pack = 0
  #start = 0
  #end = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that were written at `offset`; what does not fit behind the others replaces them, what does not fit at all is passed over. */
  keep(pack: number, offset: number, parts: readonly Uint8Array[]): void {
    let bytes = 0
    for (const part of parts) bytes += part.length
    const isNext = pack === this.#pack && offset === this.#end && offset + bytes - this.#start <= this.#bytesMax
    if (!isNext) {
      this.#pack = pack
      this.#start = this.#end = offset
    }
    if (bytes > this.#bytesMax) return
    const buffer = (this.#buffer ??= new Uint8Array(this.#bytesMax))
    for (const part of parts) {
      buffer.set(part, this.#end - this.#start)
      this.#end += part.length
    }
  }

  /** A copy, or undefined where not all of it is here. */
  read(pack: number, offset: number, length: number): Uint8Array | undefined {
    if (this.#buffer === undefined || pack !== this.#pack || offset < this.#start || offset + length > this.#end) return undefined
    return this.#buffer.slice(offset - this.#start, offset - this.#start + length)
  }
}
