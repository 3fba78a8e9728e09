/** Bodies that were written last stay in memory, the oldest going first, so that what is ordered now is not read from disk. */
import type { Fresh } from './epoch-log.ts'

/** What a record in memory costs beside its bytes: its key, its places in maps, a buffer of its own. */
const OVERHEAD_BYTES = 512

export class RecentBytes {
  readonly #bytesMax: number
  #records: Fresh[] = []
  #first = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** From here on `fresh` may be forgotten; before, it had to stay. */
  add(fresh: Fresh): void {
    this.#records.push(fresh)
    this.#bytes += fresh.bytes.length + OVERHEAD_BYTES
    while (this.#bytes > this.#bytesMax && this.#first < this.#records.length) {
      const oldest = this.#records[this.#first++] as Fresh
      this.#bytes -= oldest.bytes.length + OVERHEAD_BYTES
      oldest.forget()
    }
    if (this.#first > 1_024 && this.#first * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#first)
      this.#first = 0
    }
  }
}
