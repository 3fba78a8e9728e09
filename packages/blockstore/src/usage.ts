/** How much the store holds, and whether it may hold more. What is dead in its packs comes on top: `compactor.ts` keeps that small. */
import { BlockstoreError } from './errors.ts'

export class Usage {
  readonly #quotaBytes: number
  readonly #liveBytes: () => number
  /** Content, outboards and skeletons in files of their own. */
  fileBytes = 0
  /** Written, but in no pack and under no name yet. */
  arrivingBytes = 0

  /** @param liveBytes - of the packs. */
  constructor(quotaBytes: number, liveBytes: () => number) {
    this.#quotaBytes = quotaBytes
    this.#liveBytes = liveBytes
  }

  /** With so much more of packs than what lives in them. */
  isOver(deadBytes: number): boolean {
    return this.bytes + deadBytes > this.#quotaBytes
  }

  get bytes(): number {
    return this.#liveBytes() + this.fileBytes + this.arrivingBytes
  }

  /** @throws {BlockstoreError} `BLOCKSTORE_QUOTA` */
  check(more: number): void {
    if (this.bytes + more <= this.#quotaBytes) return
    const details = { quotaBytes: this.#quotaBytes, bytes: this.bytes, more }
    throw new BlockstoreError('BLOCKSTORE_QUOTA', `${more} bytes more than ${this.bytes} exceed the quota of ${this.#quotaBytes}`, details)
  }
}
