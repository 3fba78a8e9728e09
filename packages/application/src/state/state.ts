/**
 * The state while a block runs: rows are read through to the store once, changed in memory, and handed out as one list of writes.
 *
 * Rows are immutable: a change replaces one. So a transaction that fails is undone by putting back what it replaced (`mark`, `rollback`),
 * and nothing is encoded before the block is done. What was read stays in memory for later blocks, up to a bound.
 *
 * Invariant: between blocks (after `settle`) the rows in memory are those of the store.
 */
import { keyHash } from '@selvedge/state-tree'
import type { StoreReader, Write } from '../store/contract.ts'
import { decodeField, encodeField } from './fields.ts'
import { keyTextOf } from './key-text.ts'
import { TABLE_COUNT } from './schema.ts'
import { afterPrefix, keyOf, type Table } from './table.ts'

/** Rows of one table that are kept in memory after a block. */
const ROWS_KEPT_MAX = 100_000
/** The same where it is another number: rows of debits (table 12) have up to 60 KiB each. */
const ROWS_KEPT_MAX_OF: Readonly<Record<number, number>> = { 12: 64 }

/** What is remembered of a row while it is in memory. */
export interface RowMemo {
  /** Height of the layer of old rows in which it is known to stand; -1 where nobody has looked. */
  layer: number
}

/** A change with the place of its key in the tree. */
export interface StateWrite extends Write {
  readonly keyHash: Uint8Array
  readonly memo: RowMemo
}

interface Entry extends RowMemo {
  readonly table: Table<unknown, unknown>
  readonly key: Uint8Array
  /** Of the tree; made when it is first needed, since most rows are only read. */
  keyHash: Uint8Array | undefined
  value: unknown
  /** What the store has, while `isChanged`. */
  stored: unknown
  isChanged: boolean
}

interface Undo {
  readonly entry: Entry
  readonly value: unknown
}

/** What only reads single rows needs: the state of a block, whichever. */
export interface Rows {
  /** The row, or `undefined`. It must not be changed. */
  get<K, V>(table: Table<K, V>, key: K): V | undefined
}

export class State implements Rows {
  readonly #store: StoreReader
  readonly #entries: Map<string, Entry>[] = Array.from({ length: TABLE_COUNT + 1 }, () => new Map<string, Entry>())
  readonly #changed: Set<Entry>[] = Array.from({ length: TABLE_COUNT + 1 }, () => new Set<Entry>())
  readonly #undo: Undo[] = []

  constructor(store: StoreReader) {
    this.#store = store
  }

  /** Rows in memory. */
  get size(): number {
    return this.#entries.reduce((sum, { size }) => sum + size, 0)
  }

  /** The row, or `undefined`. It must not be changed. */
  get<K, V>(table: Table<K, V>, key: K): V | undefined {
    return this.#entryOf(table, keyOf(table, key)).value as V | undefined
  }

  put<K, V>(table: Table<K, V>, key: K, value: V): void {
    this.#replace(this.#entryOf(table, keyOf(table, key)), value)
  }

  delete<K>(table: Table<K, never> | Table<K, unknown>, key: K): void {
    this.#replace(this.#entryOf(table as Table<K, unknown>, keyOf(table, key)), undefined)
  }

  /**
   * Rows whose keys begin with `prefix` (encoded fields of the key; none is the whole table), ascending by key, at most `limit` of them,
   * beginning at the key `from` (encoded, without the table's own prefix). A list: it may be changed while it is walked.
   */
  rows<K, V>(
    table: Table<K, V>,
    prefix: Uint8Array = new Uint8Array(0),
    limit: number = Number.POSITIVE_INFINITY,
    from?: Uint8Array,
  ): readonly (readonly [K, V])[] {
    const start = joined(table.prefix, prefix)
    const first = from === undefined ? start : joined(table.prefix, from)
    return this.#between(table, first, afterPrefix(start), limit)
  }

  /** Rows with `from` <= key < `to`, ascending, at most `limit` of them. */
  between<K, V>(table: Table<K, V>, from: K, to: K, limit: number = Number.POSITIVE_INFINITY): readonly (readonly [K, V])[] {
    return this.#between(table, keyOf(table, from), keyOf(table, to), limit)
  }

  /** Where the state stands, for `rollback`. */
  mark(): number {
    return this.#undo.length
  }

  /** Takes back everything since `mark`. */
  rollback(mark: number): void {
    while (this.#undo.length > mark) {
      const { entry, value } = this.#undo.pop() as Undo
      entry.value = value
    }
  }

  /** All that differs from the store, a key once, in no order that means anything. */
  writes(): StateWrite[] {
    const out: StateWrite[] = []
    for (const changed of this.#changed) {
      for (const entry of changed) {
        const { table, key, value, stored } = entry
        if (value === stored) continue
        entry.keyHash ??= keyHash(table.id, key)
        const bytes = value === undefined ? undefined : encodeField(table.value, value)
        out.push({ space: table.id, key, value: bytes, keyHash: entry.keyHash, memo: entry })
      }
    }
    return out
  }

  /** The store now has what `writes` gave. */
  settle(): void {
    this.#undo.length = 0
    for (let table = 1; table <= TABLE_COUNT; table++) {
      for (const entry of this.#changed[table] as Set<Entry>) {
        entry.isChanged = false
        entry.stored = undefined
      }
      this.#changed[table]?.clear()
      const entries = this.#entries[table] as Map<string, Entry>
      if (entries.size > (ROWS_KEPT_MAX_OF[table] ?? ROWS_KEPT_MAX)) entries.clear()
    }
  }

  #entryOf<K, V>(table: Table<K, V>, key: Uint8Array): Entry {
    const entries = this.#entries[table.id] as Map<string, Entry>
    const text = keyTextOf(key)
    const known = entries.get(text)
    if (known !== undefined) return known
    const bytes = this.#store.get(table.id, key)
    const value = bytes === undefined ? undefined : decodeField(table.value, bytes)
    const own = new Uint8Array(key) // not slice: a Buffer's would be a view
    const entry: Entry = {
      table: table as Table<unknown, unknown>,
      key: own,
      keyHash: undefined,
      layer: -1,
      value,
      stored: undefined,
      isChanged: false,
    }
    entries.set(text, entry)
    return entry
  }

  #replace(entry: Entry, value: unknown): void {
    this.#undo.push({ entry, value: entry.value })
    if (!entry.isChanged) {
      entry.isChanged = true
      entry.stored = entry.value
      this.#changed[entry.table.id]?.add(entry)
    }
    entry.value = value
  }

  #between<K, V>(table: Table<K, V>, from: Uint8Array, to: Uint8Array | undefined, limit: number): (readonly [K, V])[] {
    const first = keyTextOf(from)
    const end = to === undefined ? undefined : keyTextOf(to)
    const found = new Map<string, V | undefined>()
    for (const entry of this.#changed[table.id] as Set<Entry>) {
      const text = keyTextOf(entry.key)
      if (text >= first && (end === undefined || text < end)) found.set(text, entry.value as V | undefined)
    }
    const own = found.size
    for (const [key, bytes] of this.#store.range(table.id, from, to)) {
      const text = keyTextOf(key)
      if (!found.has(text)) found.set(text, decodeField(table.value, bytes))
      if (found.size >= limit + own) break // as many as can be hidden by changes
    }
    const skip = table.prefix.length
    const out: (readonly [K, V])[] = []
    for (const text of [...found.keys()].toSorted()) {
      const value = found.get(text)
      if (value === undefined) continue
      if (out.length >= limit) break
      out.push([decodeField(table.key, bytesOf(text).subarray(skip)), value])
    }
    return out
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}
