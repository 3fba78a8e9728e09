/**
 * A set of chunks (1 KiB each), as a sorted list of boundaries: the set begins at even places of the list and ends at odd
 * ones, so a list of odd length is open to the end of any blob. This is the form that bao-tree and iroh have on the wire
 * (spec §1.6; `chunk-ranges-wire.ts`), and the set operations are one merge of two lists.
 *
 * Invariants: boundaries rise strictly; each is a whole number below 2^53 or `Infinity`, which stands for the u64 maximum
 * by which the wire names "the last chunk, whichever it is".
 */
import type { ByteRange } from './byte-range.ts'
import { CHUNK_BYTES } from './constants.ts'
import { errorOf } from './errors.ts'
import { chunkCountOf } from './tree.ts'

/** Chunks `start` up to and without `end`; `end` is `Infinity` in an open range. */
export interface ChunkSpan {
  readonly start: number
  readonly end: number
}

let all: ChunkRanges | undefined
let none: ChunkRanges | undefined
let lastChunk: ChunkRanges | undefined

/** An immutable set of chunks. */
export class ChunkRanges {
  /** Sorted; the set begins at even places and ends at odd ones. */
  readonly boundaries: readonly number[]

  private constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries
  }

  // Getters, because a bundler keeps a class that makes things as it is defined, used or not.
  /** Every chunk. */
  static get all(): ChunkRanges {
    return (all ??= new ChunkRanges([0]))
  }

  /** No chunk. */
  static get none(): ChunkRanges {
    return (none ??= new ChunkRanges([]))
  }

  /** The last chunk, whichever it is: what proves the size of a blob. Not to be combined arithmetically: it is "from 2^64-1". */
  static get lastChunk(): ChunkRanges {
    return (lastChunk ??= new ChunkRanges([Infinity]))
  }

  /** @throws {VerifyError} `VERIFY_BAD_RANGE` unless boundaries rise strictly from 0. */
  static fromBoundaries(boundaries: Iterable<number>): ChunkRanges {
    const list = [...boundaries]
    list.forEach((end, i) => checkRange(list[i - 1] ?? -1, end, end))
    return new ChunkRanges(list)
  }

  /** Chunks `start` up to and without `end` (to the last one where `end` is absent). */
  static fromChunks(start: number, end?: number): ChunkRanges {
    return ChunkRanges.fromBoundaries(end === undefined ? [start] : end === start ? [] : [start, end])
  }

  /**
   * Every chunk that one of the byte ranges touches. They may overlap and need no order. An empty range touches nothing.
   *
   * @throws {VerifyError} `VERIFY_BAD_RANGE` when a range is not of whole numbers or ends before it starts.
   */
  static fromByteRanges(ranges: Iterable<ByteRange>): ChunkRanges {
    const spans: ChunkSpan[] = []
    for (const { start, end = Infinity } of ranges) {
      checkRange(-1, start, start)
      if (end !== start) spans.push(checkRange(start, end, start))
    }
    return ChunkRanges.joined(
      spans.sort((a, b) => a.start - b.start),
      CHUNK_BYTES,
      1,
    )
  }

  /** The selection of a Bao slice: `length` bytes from `start`, where no length still means one byte (spec §1.3). */
  static fromSlice(start: number, length: number): ChunkRanges {
    const end = start + Math.max(length, 1)
    return ChunkRanges.fromByteRanges([Number.isSafeInteger(end) ? { start, end } : { start }])
  }

  /** Whether no chunk is in the set. */
  get isEmpty(): boolean {
    return this.boundaries.length === 0
  }

  /** Whether every chunk is in the set. */
  get isAll(): boolean {
    return this.boundaries.length === 1 && this.boundaries[0] === 0
  }

  /** Whether the set has no last chunk of its own. */
  get isOpen(): boolean {
    return this.boundaries.length % 2 === 1
  }

  /** Whether the set is one range of chunks, or none, with no hole in it. */
  get isContiguous(): boolean {
    return this.boundaries.length <= 2
  }

  contains(chunk: number): boolean {
    return this.#above(chunk) % 2 === 1
  }

  /** How much of the chunks from `start` to before `end` is selected: 0 nothing, 1 a part, 2 everything. */
  coverage(start: number, end: number): 0 | 1 | 2 {
    const place = this.#above(start)
    return this.boundaries[place]! < end ? 1 : place % 2 === 1 ? 2 : 0
  }

  /** End (exclusive) of the run of selected chunks that holds `chunk`; `chunk` itself when it is not selected. */
  runEnd(chunk: number): number {
    const place = this.#above(chunk)
    return place % 2 === 1 ? (this.boundaries[place] ?? Infinity) : chunk
  }

  /** First place whose boundary is above `chunk`. */
  #above(chunk: number): number {
    let low = 0
    for (let high = this.boundaries.length; low < high; ) {
      const middle = (low + high) >>> 1
      if (this.boundaries[middle]! > chunk) high = middle
      else low = middle + 1
    }
    return low
  }

  /** The ranges in order; `end` is `Infinity` in an open one. */
  *spans(): IterableIterator<ChunkSpan> {
    for (let i = 0; i < this.boundaries.length; i += 2) {
      yield { start: this.boundaries[i]!, end: this.boundaries[i + 1] ?? Infinity }
    }
  }

  /** The bytes of these chunks in a blob of `size` bytes. */
  byteRanges(size: number): { start: number; end: number }[] {
    return Array.from(this.spans(), ({ start, end }) => ({ start: start * CHUNK_BYTES, end: Math.min(size, end * CHUNK_BYTES) })).filter(
      ({ start }) => start < size,
    )
  }

  equals(other: ChunkRanges): boolean {
    return this.boundaries.join() === other.boundaries.join()
  }

  union(other: ChunkRanges): ChunkRanges {
    return this.#merge(other, 1)
  }

  intersect(other: ChunkRanges): ChunkRanges {
    return this.#merge(other, 2)
  }

  /** What is here and not in `other`. */
  difference(other: ChunkRanges): ChunkRanges {
    return this.#merge(other, 2, 1)
  }

  /** Sweeps both lists; a chunk is in the result when at least `least` of the two sets have it, with `flip` of this and what is not in `other`. */
  #merge(other: ChunkRanges, least: 1 | 2, flip = 0): ChunkRanges {
    const a = this.boundaries
    const b = other.boundaries
    const out: number[] = []
    for (let i = 0, j = 0; i < a.length || j < b.length; ) {
      const at = Math.min(a[i] ?? Infinity, b[j] ?? Infinity)
      if (a[i] === at) i++
      if (b[j] === at) j++
      if ((i % 2) + ((j + flip) % 2) >= least !== (out.length % 2 === 1)) out.push(at)
    }
    return new ChunkRanges(out)
  }

  /** The smallest set of whole groups of 2^chunkGroupLog chunks that holds this one. */
  roundUpToGroups(chunkGroupLog: number): ChunkRanges {
    return ChunkRanges.joined(this.spans(), 2 ** chunkGroupLog, 2 ** chunkGroupLog)
  }

  /**
   * The chunks of a blob of `size` bytes that an encoding of this set has: those that exist, and the last one whenever
   * anything at or beyond it is selected. Both ends of a transfer apply this (bao-tree's `truncate_ranges`, spec §1.5);
   * the result is the closed form of theirs.
   */
  truncate(size: number): ChunkRanges {
    const count = chunkCountOf(size)
    if (this.isEmpty || (!this.isOpen && this.boundaries.at(-1)! < count)) return this
    return this.intersect(new ChunkRanges([0, count])).union(new ChunkRanges([count - 1, count]))
  }

  /** The sorted spans as a set, each divided by `unit`, rounded outwards, and in steps of `scale`. */
  private static joined(spans: Iterable<ChunkSpan>, unit: number, scale: number): ChunkRanges {
    const out: number[] = []
    for (const span of spans) {
      const start = Math.floor(span.start / unit) * scale
      const end = Math.ceil(span.end / unit) * scale
      if (out.length > 0 && start <= out.at(-1)!) out.push(Math.max(end, out.pop()!))
      else out.push(start, end)
    }
    if (out.at(-1) === Infinity) out.pop()
    return new ChunkRanges(out)
  }
}

/** Throws unless `end` is a whole number, or infinite, above `start`. */
function checkRange(start: number, end: number, from: number): ChunkSpan {
  if (!(end > start) || !(Number.isSafeInteger(end) || end === Infinity)) throw errorOf('VERIFY_BAD_RANGE', { start: from, end })
  return { start, end }
}
