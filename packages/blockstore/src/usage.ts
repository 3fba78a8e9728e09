/** How much the store holds, and whether it may hold more. */
import { BlockstoreError } from './errors.ts'

export class Usage {
  readonly #quotaBytes: number
  readonly #packBytes: () => number
  /** Content, outboards and skeletons in files of their own. */
  fileBytes = 0
  /** Written, but in no pack and under no name yet. */
  arrivingBytes = 0

  constructor(quotaBytes: number, packBytes: () => number) {
    this.#quotaBytes = quotaBytes
    this.#packBytes = packBytes
  }

  get bytes(): number {
    return this.#packBytes() + this.fileBytes + this.arrivingBytes
  }

  /** @throws {BlockstoreError} `BLOCKSTORE_QUOTA` */
  check(more: number): void {
    if (this.bytes + more <= this.#quotaBytes) return
    const details = { quotaBytes: this.#quotaBytes, bytes: this.bytes, more }
    throw new BlockstoreError('BLOCKSTORE_QUOTA', `${more} bytes more than ${this.bytes} exceed the quota of ${this.#quotaBytes}`, details)
  }
}
