/**
 * Ranges for every blob of a hash sequence: index 0 is the sequence itself, index i its child i-1. Run-length form of iroh
 * (spec §1.6): each entry holds from its index until the next, and the last for ever.
 *
 * Invariants: indices rise strictly, neighbours differ, the first entry is not empty (nothing is selected before it), so
 * that equal sequences have equal bytes.
 */
import { ChunkRanges } from './chunk-ranges.ts'
import { readChunkRanges, writeChunkRanges } from './chunk-ranges-wire.ts'
import { VerifyError } from './errors.ts'
import { readCount, writeVarint } from './varint.ts'

export interface ChunkRangesEntry {
  readonly index: number
  readonly ranges: ChunkRanges
}

let all: ChunkRangesSeq | undefined
let none: ChunkRangesSeq | undefined

/** Immutable. */
export class ChunkRangesSeq {
  readonly entries: readonly ChunkRangesEntry[]

  private constructor(entries: readonly ChunkRangesEntry[]) {
    this.entries = entries
  }

  // Getters, because a bundler keeps a class that makes things as it is defined, used or not.
  /** Everything of every blob. */
  static get all(): ChunkRangesSeq {
    return (all ??= new ChunkRangesSeq([{ index: 0, ranges: ChunkRanges.all }]))
  }

  static get none(): ChunkRangesSeq {
    return (none ??= new ChunkRangesSeq([]))
  }

  /** One set of ranges for each blob from index 0 on; the last one again for all that follow when `repeatLast`. */
  static fromRanges(list: Iterable<ChunkRanges>, { repeatLast = false }: { readonly repeatLast?: boolean } = {}): ChunkRangesSeq {
    const entries: ChunkRangesEntry[] = []
    let last = ChunkRanges.none
    let index = 0
    for (const ranges of repeatLast ? list : [...list, ChunkRanges.none]) {
      if (!ranges.equals(last)) entries.push({ index, ranges })
      last = ranges
      index++
    }
    return new ChunkRangesSeq(entries)
  }

  /** Ranges of one blob that is no sequence. */
  static blob(ranges: ChunkRanges = ChunkRanges.all): ChunkRangesSeq {
    return ChunkRangesSeq.fromRanges([ranges])
  }

  /** Whether only index 0 is asked for: then the root may be of any blob. */
  get isBlob(): boolean {
    return this.endIndex <= 1
  }

  /** Index from which nothing is selected; `Infinity` when the last entry repeats for ever. */
  get endIndex(): number {
    const last = this.entries[this.entries.length - 1]
    if (last === undefined) return 0
    return last.ranges.isEmpty ? last.index : Number.POSITIVE_INFINITY
  }

  /** What is selected of the blob at `index`. */
  at(index: number): ChunkRanges {
    let low = 0
    let high = this.entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.entries[middle]!.index > index) high = middle
      else low = middle + 1
    }
    return this.entries[low - 1]?.ranges ?? ChunkRanges.none
  }

  encode(): Uint8Array<ArrayBuffer> {
    const out: number[] = []
    this.encodeInto(out)
    return Uint8Array.from(out)
  }

  encodeInto(out: number[]): void {
    writeVarint(out, BigInt(this.entries.length))
    let last = 0
    for (const { index, ranges } of this.entries) {
      writeVarint(out, BigInt(index - last))
      writeChunkRanges(out, ranges)
      last = index
    }
  }

  /**
   * Accepts what `encode` writes and nothing else.
   *
   * @throws {VerifyError} `VERIFY_MALFORMED`
   */
  static decode(bytes: Uint8Array): ChunkRangesSeq {
    const { seq, next } = ChunkRangesSeq.decodeAt(bytes, 0)
    if (next !== bytes.length) throw new VerifyError('VERIFY_MALFORMED', `${bytes.length - next} bytes after a sequence of ranges`)
    return seq
  }

  static decodeAt(bytes: Uint8Array, offset: number): { seq: ChunkRangesSeq; next: number } {
    const count = readCount(bytes, offset)
    let next = count.next
    if (count.value > bytes.length - next)
      throw new VerifyError('VERIFY_MALFORMED', `${count.value} entries in ${bytes.length - next} bytes`)
    const entries: ChunkRangesEntry[] = []
    let index = 0
    let last = ChunkRanges.none
    for (let i = 0; i < count.value; i++) {
      const delta = readCount(bytes, next)
      const { ranges, next: after } = readChunkRanges(bytes, delta.next)
      index += delta.value
      if ((i > 0 && delta.value === 0) || index > Number.MAX_SAFE_INTEGER || ranges.equals(last)) {
        throw new VerifyError('VERIFY_MALFORMED', `entry ${i} of a sequence of ranges says nothing new`, { offset: next })
      }
      entries.push({ index, ranges })
      last = ranges
      next = after
    }
    return { seq: new ChunkRangesSeq(entries), next }
  }
}
