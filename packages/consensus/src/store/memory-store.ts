/** A store that forgets: for examples, tests and simulations. A process that ends with it is an amnesiac when it comes back. */
import type { RecordKind, StoredRecord } from '../core/contract.ts'
import type { EpochStore, Store } from '../ports.ts'
import { EpochIndex } from './epoch-index.ts'

interface Held {
  readonly kind: RecordKind
  readonly key: string
  readonly round: number | undefined
  readonly author: number | undefined
  readonly record: StoredRecord
}

class MemoryEpoch implements EpochStore {
  readonly #index = new EpochIndex<Held>()

  append(records: readonly StoredRecord[]): void {
    for (const record of records) {
      const { kind, key, round, author } = record
      this.#index.set({ kind, key, round, author, record })
    }
  }

  get(kind: RecordKind, key: string): Uint8Array | undefined {
    return this.#index.get(kind, key)?.record.bytes
  }

  has(kind: RecordKind, key: string): boolean {
    return this.#index.get(kind, key) !== undefined
  }

  *entries(kind: RecordKind, afterRound?: number): Iterable<StoredRecord> {
    for (const { record } of this.#index.entries(kind, afterRound)) yield record
  }
}

/** A `Store` in memory. */
export function createMemoryStore(): Store {
  const epochs = new Map<number, MemoryEpoch>()
  return {
    start: () => Promise.resolve(),
    epochs: () => [...epochs.keys()].toSorted((a, b) => a - b),
    epoch(epoch) {
      let held = epochs.get(epoch)
      if (held === undefined) epochs.set(epoch, (held = new MemoryEpoch()))
      return held
    },
    sync: () => Promise.resolve(),
    drop(epoch) {
      epochs.delete(epoch)
      return Promise.resolve()
    },
    stop: () => Promise.resolve(),
  }
}
