/** Bytes of the flat file: `end` is exclusive, absent means to the end. */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/**
 * A set of byte ranges, kept sorted and merged, that answers which parts of a file a walk needs.
 * Immutable. `undefined` in the public options means everything; an empty list means nothing but the root block.
 */
export class RangeSet {
  /** start, end, start, end … strictly ascending; the last end may be Infinity. */
  readonly #bounds: readonly number[]

  private constructor(bounds: readonly number[]) {
    this.#bounds = bounds
  }

  /** @throws {RangeError} a bound that is no safe whole number, or an end before its start. */
  static of(ranges: readonly ByteRange[] | undefined): RangeSet {
    if (ranges === undefined) return new RangeSet([0, Number.POSITIVE_INFINITY])
    const pairs = ranges.map(({ start, end }): [number, number] => {
      if (!Number.isSafeInteger(start) || start < 0) throw new RangeError(`a range must start at a whole number of bytes, got ${start}`)
      if (end === undefined) return [start, Number.POSITIVE_INFINITY]
      if (!Number.isSafeInteger(end) || end < start) throw new RangeError(`a range must end at or after its start ${start}, got ${end}`)
      return [start, end]
    })
    const bounds: number[] = []
    for (const [start, end] of pairs.filter(([from, to]) => to > from).sort(([a], [b]) => a - b)) {
      const last = bounds.at(-1)
      if (last !== undefined && start <= last) bounds[bounds.length - 1] = Math.max(last, end)
      else bounds.push(start, end)
    }
    return new RangeSet(bounds)
  }

  /** Whether the part of `size` bytes at `offset` has a wanted byte; an empty part is wanted where a byte at its offset would be. */
  overlaps(offset: number, size: number): boolean {
    const index = this.#firstEndingAfter(offset)
    const start = this.#bounds[index * 2]
    return start !== undefined && (start < offset + size || start <= offset)
  }

  /** The wanted parts of `[offset, offset + size)`, in order, as offsets from the start of the file. */
  *within(offset: number, size: number): Generator<{ start: number; end: number }> {
    for (let index = this.#firstEndingAfter(offset); index * 2 < this.#bounds.length; index++) {
      const start = Math.max(offset, this.#bounds[index * 2]!)
      const end = Math.min(offset + size, this.#bounds[index * 2 + 1]!)
      if (start >= end) return
      yield { start, end }
    }
  }

  /** Binary search: a lane's request may name a thousand ranges, and a node sixty thousand links. */
  #firstEndingAfter(offset: number): number {
    let low = 0
    let high = this.#bounds.length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#bounds[middle * 2 + 1]! > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}
