/** The durable records of one node in memory: what was synced survives a crash, nothing else does. */
import type { Authority } from '../../src/wire/types.ts'
import type { RecordKind, StoredRecord, StoreView } from '../../src/core/contract.ts'

export class MemoryRecords implements StoreView {
  readonly #kinds = new Map<RecordKind, Map<string, StoredRecord>>()

  write(records: readonly StoredRecord[]): void {
    for (const record of records) {
      let keys = this.#kinds.get(record.kind)
      if (keys === undefined) this.#kinds.set(record.kind, (keys = new Map()))
      keys.delete(record.key)
      keys.set(record.key, { ...record, bytes: record.bytes.slice() })
    }
  }

  get(kind: RecordKind, key: string): Uint8Array | undefined {
    return this.#kinds.get(kind)?.get(key)?.bytes
  }

  has(kind: RecordKind, key: string): boolean {
    return this.#kinds.get(kind)?.has(key) ?? false
  }

  *entries(kind: RecordKind, afterRound = -1): Iterable<StoredRecord> {
    const records = [...(this.#kinds.get(kind)?.values() ?? [])]
    if (kind !== 'certificate' && kind !== 'block') {
      yield* records
      return
    }
    const place = ({ round = 0, author = 0 }: StoredRecord): number => round * 65_536 + author
    yield* records.filter(({ round = 0 }) => round > afterRound).toSorted((a, b) => place(a) - place(b))
  }

  /** How many records of a kind there are, of one author or of all. */
  count(kind: RecordKind, author?: Authority): number {
    return [...(this.#kinds.get(kind)?.values() ?? [])].filter((record) => author === undefined || record.author === author).length
  }
}
