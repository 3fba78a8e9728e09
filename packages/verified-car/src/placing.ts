/**
 * Where blocks stand in what is written, and which of them need not be read because all of them stands before the offset that is begun at.
 *
 * Invariant: a block is placed before the walk asks for the one behind it, and handed out later; so `#next` is ahead of the consumer.
 */
import type { CID } from 'multiformats/cid'
import { IDENTITY, RAW } from './constants.ts'
import type { Expected } from './expected.ts'

export interface PlacingOptions {
  readonly fromOffset?: number
  readonly onUnitEnd?: (offset: number) => void
}

export class Placing {
  readonly #from: number
  readonly #onUnitEnd: PlacingOptions['onUnitEnd']
  readonly #bytesOf: (cid: CID, blockBytes: number) => number
  /** Where the next block begins. */
  #next: number

  /**
   * @param bytesOf - how long a block is when it is written.
   * @param headBytes - what stands before the first block.
   * @throws {RangeError} a `fromOffset` that is no whole number of bytes.
   */
  constructor({ fromOffset = 0, onUnitEnd }: PlacingOptions, bytesOf: (cid: CID, blockBytes: number) => number, headBytes = 0) {
    if (!Number.isSafeInteger(fromOffset) || fromOffset < 0)
      throw new RangeError(`fromOffset must be a whole number of bytes, got ${fromOffset}`)
    this.#from = fromOffset
    this.#onUnitEnd = onUnitEnd
    this.#bytesOf = bytesOf
    this.#next = headBytes
  }

  /** The next block has come. @returns where it begins. */
  place(cid: CID, blockBytes: number): number {
    const start = this.#next
    this.#next += this.#bytesOf(cid, blockBytes)
    return start
  }

  /** The length of the next block, where its parent has told it and all of it is left out: it is placed. */
  passes({ cid, isFilePart, size }: Expected): number | undefined {
    if (!isFilePart || size === undefined || cid.code !== RAW || cid.multihash.code === IDENTITY) return undefined
    const end = this.#next + this.#bytesOf(cid, size)
    if (end > this.#from) return undefined
    this.#next = end
    return size
  }

  /** What is wanted of the pieces of one block, which begins at `start`. */
  *unit(pieces: readonly Uint8Array[], start: number): Generator<Uint8Array, void, undefined> {
    let offset = start
    for (const [index, piece] of pieces.entries()) {
      const wanted = this.wanted(piece, offset)
      offset += piece.length
      if (wanted === undefined) continue
      if (index === pieces.length - 1) this.#onUnitEnd?.(offset)
      yield wanted
    }
  }

  /** What is wanted of a piece that begins at `start`: all, its tail, or nothing. */
  wanted(piece: Uint8Array, start: number): Uint8Array | undefined {
    const left = this.#from - start
    if (left >= piece.length) return undefined
    return left <= 0 ? piece : piece.subarray(left)
  }

  /** All has been placed. @throws {RangeError} where that ends before what was to be begun at. */
  end(): void {
    if (this.#next < this.#from) throw new RangeError(`fromOffset ${this.#from} is beyond the end, which is at ${this.#next}`)
  }
}
