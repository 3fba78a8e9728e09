/**
 * How many bytes of the packs the index stands on; the rest is dead, and comes back when its pack is compacted. Counted once at the start and then with
 * each change of the index. It is not kept on disk: a figure that is a function of the index cannot disagree with it.
 */
import { setImmediate } from 'node:timers/promises'
import { mapKeyOf } from './bytes.ts'
import { packBytesOf } from './index-entries.ts'
import { pagesOf, RECORD_TABLES } from './index-pages.ts'
import type { Index, IndexOp, Table } from './ports.ts'

export class LiveBytes {
  readonly #index: Index
  /** Of all records. */
  bytes = 0
  /** Of blocks that stand for themselves. */
  blockBytes = 0

  constructor(index: Index) {
    this.#index = index
  }

  /** Reads the whole index; others have a turn every few hundred entries. While nothing changes it. */
  async count(): Promise<void> {
    this.bytes = 0
    this.blockBytes = 0
    for (const table of RECORD_TABLES) {
      for (const page of pagesOf(this.#index, table)) {
        for (const [key, value] of page) this.#add(table, packBytesOf(table, key, value))
        await setImmediate()
      }
    }
  }

  /** Before `ops` are applied. */
  note(ops: readonly IndexOp[]): void {
    /** What one of these left of a key that another one changes. */
    const left = new Map<string, number>()
    for (const { table, key, value } of ops) {
      if (!(RECORD_TABLES as readonly Table[]).includes(table)) continue
      const name = table + mapKeyOf(key)
      const before = left.get(name) ?? packBytesOf(table, key, this.#index.get(table, key))
      const after = packBytesOf(table, key, value)
      left.set(name, after)
      this.#add(table, after - before)
    }
  }

  #add(table: Table, bytes: number): void {
    this.bytes += bytes
    if (table === 'blocks') this.blockBytes += bytes
  }
}
