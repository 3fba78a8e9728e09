/**
 * Where the records of one kind stand: some 45 bytes for each in typed arrays (reserved are up to twice as many),
 * since a log has millions of them in an epoch.
 *
 * Keys are not held. A look-up finds rows by a hash of the key, and whoever asks compares the key itself, which stands in the record. The
 * hash is seeded, so that nobody can choose digests that collide in this process. Rows are numbered in the order of writing; of certificates
 * and blocks those of one round are chained, by author. A row that was removed stays, unseen, until `compacted` makes a table without it.
 */

/** What is kept of a record. */
export interface Place {
  /** Where it begins, counted through all segments of the log. */
  readonly position: number
  readonly recordBytes: number
  readonly round: number | undefined
  readonly author: number | undefined
}

const BUCKETS_MIN = 64
/** Of the buckets, so many may be taken. */
const LOAD = 0.75
const ROWS_MIN: number = LOAD * BUCKETS_MIN
const NO_AUTHOR = 0xffff
const NO_ROUND = -1
const NONE = 0xffff_ffff
/** Removed rows beyond those that are seen: then a new table costs less than they do. */
const REMOVED_MAX = 1_024

export class RecordTable {
  readonly #isByRound: boolean
  readonly #seed: number
  #hashes = new Uint32Array(ROWS_MIN)
  #positions = new Float64Array(ROWS_MIN)
  /** 0 of a row that was removed: a record has a header. */
  #recordBytes = new Uint32Array(ROWS_MIN)
  #rounds = new Float64Array(ROWS_MIN)
  #authors = new Uint16Array(ROWS_MIN)
  /** The next row of the same round. */
  #next: Uint32Array<ArrayBuffer>
  /** Rows plus one by hash, the next free place where one is taken. */
  #buckets = new Uint32Array(BUCKETS_MIN)
  readonly #firstOf = new Map<number, number>()
  #highest = 0
  #rowCount = 0
  #removedCount = 0

  constructor(isByRound: boolean, seed: number) {
    this.#isByRound = isByRound
    this.#seed = seed
    this.#next = new Uint32Array(isByRound ? ROWS_MIN : 0)
  }

  /** @returns its row. */
  add(key: string, place: Place): number {
    return this.#addHashed(this.#hashOf(key), place)
  }

  /** The row for which `isOf` says that it is the one, of those with the hash of `key`. */
  find(key: string, isOf: (row: number) => boolean): number | undefined {
    const hash = this.#hashOf(key)
    const mask = this.#buckets.length - 1
    for (let at = hash & mask; this.#buckets[at] !== 0; at = (at + 1) & mask) {
      const row = this.#buckets[at]! - 1
      if (this.#hashes[row] === hash && this.#recordBytes[row] !== 0 && isOf(row)) return row
    }
    return undefined
  }

  remove(row: number): void {
    if (this.#isByRound && this.#rounds[row] !== NO_ROUND) this.#unchain(row)
    this.#recordBytes[row] = 0
    this.#removedCount++
  }

  placeOf(row: number): Place {
    const round = this.#rounds[row]!
    const author = this.#authors[row]!
    return {
      position: this.#positions[row]!,
      recordBytes: this.#recordBytes[row]!,
      round: round === NO_ROUND ? undefined : round,
      author: author === NO_AUTHOR ? undefined : author,
    }
  }

  /** In the order of writing. */
  *rows(): Iterable<number> {
    for (let row = 0; row < this.#rowCount; row++) if (this.#recordBytes[row] !== 0) yield row
  }

  /** By (round, author), of rounds above `afterRound`; for a table by round. */
  *rowsAfter(afterRound: number): Iterable<number> {
    const isSparse = this.#highest - afterRound > 2 * this.#firstOf.size
    const ascending = isSparse ? [...this.#firstOf.keys()].filter((round) => round > afterRound).toSorted((a, b) => a - b) : undefined
    if (ascending !== undefined) for (const round of ascending) yield* this.#chainOf(round)
    else for (let round = afterRound + 1; round <= this.#highest; round++) yield* this.#chainOf(round)
  }

  /** A table without the rows that were removed, once these are many, and where each row went. Whoever walks this one may go on. */
  compacted(): { readonly table: RecordTable; readonly rowOf: (row: number) => number } | undefined {
    if (this.#removedCount <= this.#rowCount - this.#removedCount + REMOVED_MAX) return undefined
    const table = new RecordTable(this.#isByRound, this.#seed)
    const moved = new Uint32Array(this.#rowCount)
    for (const row of this.rows()) moved[row] = table.#addHashed(this.#hashes[row]!, this.placeOf(row))
    return { table, rowOf: (row) => moved[row]! }
  }

  #addHashed(hash: number, { position, recordBytes, round, author }: Place): number {
    if (this.#rowCount === this.#hashes.length) this.#grow()
    const row = this.#rowCount++
    this.#hashes[row] = hash
    this.#positions[row] = position
    this.#recordBytes[row] = recordBytes
    this.#rounds[row] = round ?? NO_ROUND
    this.#authors[row] = author ?? NO_AUTHOR
    this.#enter(row)
    if (this.#isByRound && round !== undefined) this.#chain(row, round)
    return row
  }

  /** Pages that were never written cost nothing, so that twice as much is not twice as much memory. */
  #grow(): void {
    const count = 2 * this.#hashes.length
    this.#hashes = grown(this.#hashes, new Uint32Array(count))
    this.#positions = grown(this.#positions, new Float64Array(count))
    this.#recordBytes = grown(this.#recordBytes, new Uint32Array(count))
    this.#rounds = grown(this.#rounds, new Float64Array(count))
    this.#authors = grown(this.#authors, new Uint16Array(count))
    if (this.#isByRound) this.#next = grown(this.#next, new Uint32Array(count))
    this.#buckets = new Uint32Array(count / LOAD)
    for (const row of this.rows()) this.#enter(row)
  }

  #enter(row: number): void {
    const mask = this.#buckets.length - 1
    let at = this.#hashes[row]! & mask
    while (this.#buckets[at] !== 0) at = (at + 1) & mask
    this.#buckets[at] = row + 1
  }

  *#chainOf(round: number): Iterable<number> {
    for (let row = this.#firstOf.get(round) ?? NONE; row !== NONE; row = this.#next[row]!) yield row
  }

  /** Behind those of lower or equal authors; a row without an author stands first. */
  #chain(row: number, round: number): void {
    const author = rankOf(this.#authors[row]!)
    let before = NONE
    let after = this.#firstOf.get(round) ?? NONE
    while (after !== NONE && rankOf(this.#authors[after]!) <= author) {
      before = after
      after = this.#next[after]!
    }
    this.#next[row] = after
    if (before === NONE) this.#firstOf.set(round, row)
    else this.#next[before] = row
    if (round > this.#highest) this.#highest = round
  }

  #unchain(row: number): void {
    const round = this.#rounds[row]!
    const after = this.#next[row]!
    if (this.#firstOf.get(round) === row) {
      if (after === NONE) this.#firstOf.delete(round)
      else this.#firstOf.set(round, after)
      return
    }
    for (const before of this.#chainOf(round)) if (this.#next[before] === row) this.#next[before] = after
  }

  #hashOf(key: string): number {
    let hash = this.#seed
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x0100_0193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
    return (hash ^ (hash >>> 13)) >>> 0
  }
}

const rankOf = (author: number): number => (author === NO_AUTHOR ? -1 : author)

function grown<T extends Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(from: T, to: T): T {
  to.set(from)
  return to
}
