/** Bodies that were written last stay in memory, the oldest going first, so that what is ordered now is not read from disk. */
export class RecentBytes<T extends { bytes: Uint8Array | undefined }> {
  readonly #bytesMax: number
  #entries: T[] = []
  #first = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** From here on `entry.bytes` may be taken away; before, it had to stay. */
  add(entry: T): void {
    this.#entries.push(entry)
    this.#bytes += entry.bytes?.length ?? 0
    while (this.#bytes > this.#bytesMax && this.#first < this.#entries.length) {
      const oldest = this.#entries[this.#first++] as T
      this.#bytes -= oldest.bytes?.length ?? 0
      oldest.bytes = undefined
    }
    if (this.#first > 1_024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }
}
