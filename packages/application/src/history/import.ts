/**
 * A state taken over from a snapshot: rows as they arrive, then the root over all of them against the one that a certified checkpoint
 * names. Nothing is a ledger before that root was right: a process that dies meanwhile finds the mark of an unfinished import, and whoever
 * opens the store is told to begin again.
 */
import { isSameBytes, type Digest } from '@selvedge/ledger-types'
import { createStateTree, keyHash, valueHash, type Change } from '@selvedge/state-tree'
import { ApplicationError } from '../errors.ts'
import { encodeField } from '../state/fields.ts'
import { TABLE_COUNT } from '../state/schema.ts'
import { SPACES, type KeyValueStore, type Write } from '../store/contract.ts'
import { createTreeNodes } from '../store/tree-nodes.ts'
import { historyRow } from './records.ts'
import { retainedWrite } from './retained-roots.ts'

/** Rows that are written in one commit. */
const ROWS_A_COMMIT = 20_000
/** Says in `SPACES.local` that what is there is no state yet. */
export const IMPORTING: Uint8Array = new TextEncoder().encode('importing')
export const STATE_ROOT: Uint8Array = new TextEncoder().encode('stateRoot')
export const HISTORY: Uint8Array = new TextEncoder().encode('history')
const DELETED_A_COMMIT = 50_000

/** Whether `store` holds a ledger's state, whole: one that began at genesis, or was imported to its end. */
export function hasState(store: Pick<KeyValueStore, 'get'>): boolean {
  return store.get(SPACES.local, STATE_ROOT) !== undefined
}

export interface ImportedRow {
  readonly table: number
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface StateImport {
  /** Rows of the stream, in its order. @throws {ApplicationError} `APPLICATION_MALFORMED` for a table that is none */
  add(rows: Iterable<ImportedRow>): void
  /**
   * Ends it: afterwards `createApplication` opens the state at `height`, which stays provable as the end of an epoch does.
   * @throws {ApplicationError} `APPLICATION_WRONG_ROOT` when the rows are not those of `stateRoot`; the store is empty then.
   */
  finish(expected: { readonly height: number; readonly stateRoot: Digest }): void
}

/**
 * Begins an import into `store`, which is emptied first.
 * @example for each piece: importer.add(reader.push(piece)); importer.finish({ height, stateRoot })
 */
export function createStateImport({ store }: { readonly store: KeyValueStore }): StateImport {
  // The mark first: whoever dies while old rows go finds no state, not half of one.
  store.commit([
    { space: SPACES.local, key: IMPORTING, value: Uint8Array.of(1) },
    { space: SPACES.local, key: STATE_ROOT, value: undefined },
  ])
  clear(store)
  const nodes = createTreeNodes(store)
  const tree = createStateTree({ nodes })
  let waiting: ImportedRow[] = []
  const flush = (): void => {
    if (waiting.length === 0) return
    tree.update(changesOf(waiting))
    const writes = waiting.map(({ table, key, value }) => ({ space: table, key, value }))
    store.commit([...writes, ...nodes.writes()])
    nodes.settle()
    waiting = []
  }
  return {
    add(rows) {
      for (const row of rows) {
        if (row.table < 1 || row.table > TABLE_COUNT)
          throw new ApplicationError('APPLICATION_MALFORMED', `no table has number ${row.table}`)
        waiting.push(row)
        if (waiting.length >= ROWS_A_COMMIT) flush()
      }
    },
    finish({ height, stateRoot }) {
      flush()
      if (!isSameBytes(tree.root(), stateRoot)) {
        clear(store)
        store.commit([{ space: SPACES.local, key: IMPORTING, value: undefined }])
        throw new ApplicationError('APPLICATION_WRONG_ROOT', `the rows are not those of the state at height ${height}`, { height })
      }
      const retained = retainedWrite([{ height, version: tree.retain() }])
      store.commit([
        ...nodes.writes(),
        retained,
        { space: SPACES.local, key: IMPORTING, value: undefined },
        { space: SPACES.local, key: STATE_ROOT, value: stateRoot },
        { space: SPACES.local, key: HISTORY, value: encodeField(historyRow, { oldest: height + 1, keepFrom: height + 1 }) },
      ])
    },
  }
}

function* changesOf(rows: readonly ImportedRow[]): Iterable<Change> {
  for (const { table, key, value } of rows) yield { keyHash: keyHash(table, key), valueHash: valueHash(value) }
}

/** Deletes all that this package keeps but the mark, in bounded commits. */
function clear(store: KeyValueStore): void {
  const spaces = [...Array.from({ length: TABLE_COUNT }, (_, i) => i + 1), ...Object.values(SPACES)]
  for (const space of spaces) {
    for (;;) {
      const writes: Write[] = []
      for (const [key] of store.range(space, new Uint8Array(0))) {
        if (space === SPACES.local && isSameBytes(key, IMPORTING)) continue
        writes.push({ space, key, value: undefined })
        if (writes.length === DELETED_A_COMMIT) break
      }
      if (writes.length === 0) break
      store.commit(writes)
    }
  }
}
