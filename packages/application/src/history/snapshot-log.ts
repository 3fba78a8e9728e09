/**
 * What it takes to stream the state of a final block although blocks went on and the process died: the rows as they were, written with the
 * very blocks that change them.
 *
 * A layer belongs to a final block and has the old value of every row that was changed after it and up to the next final block, once. The
 * state at final block h is the state now, with the layers from h on laid over it, the oldest on top. Layers are kept while a snapshot that
 * needs them has no root yet, so there is one copy of a row a layer at most, and none at all in the hours of an epoch after its snapshot was
 * hashed. A read transaction of the store would cost nothing, but dies with the process; that one is used by who streams.
 *
 * Invariant: while the list has an entry, every block writes what it overwrites into the layer of the newest entry.
 */
import { compareBytes, concatBytes, type Digest } from '@selvedge/ledger-types'
import { count64, decodeField, encodeField, fixed, flag, list, struct, type Field } from '../state/fields.ts'
import { SPACES, type KeyValueStore, type StoreReader, type Write } from '../store/contract.ts'
import { heightKey } from './records.ts'
import { decodeBefore, encodeBefore } from './value-before.ts'

/** Final blocks whose state is held on to; beyond, the oldest is given up: its checkpoint is signed by others. */
export const SNAPSHOTS_HELD_MAX = 4
/** Rows of layers that are not needed any more which go with each block. */
const PRUNED_A_BLOCK = 4_000
const LIST: Uint8Array = new TextEncoder().encode('snapshotsHeld')
const HEIGHT_BYTES = 8
const NOTHING = new Uint8Array(0)

/** A final block from which on old rows are kept. */
export interface HeldState {
  readonly height: number
  readonly stateRoot: Digest
  /** Its root was given; the layer stays for an older one. */
  readonly isDone: boolean
}

const heldStates: Field<readonly HeldState[]> = list(struct<HeldState>({ height: count64, stateRoot: fixed(32), isDone: flag }))

type Row = readonly [key: Uint8Array, value: Uint8Array]
/** `undefined` for a row that was not there. */
type OldRow = readonly [key: Uint8Array, value: Uint8Array | undefined]

export class SnapshotLog {
  readonly #store: KeyValueStore
  readonly #isKept: boolean

  /** @param isKept - `false` writes nothing, and forgets what an earlier life has kept: a layer with a gap would give a wrong state. */
  constructor(store: KeyValueStore, isKept: boolean) {
    this.#store = store
    this.#isKept = isKept
  }

  /** What is held on to, ascending. */
  held(): readonly HeldState[] {
    return heldIn(this.#store)
  }

  /** The list from `state` on: of a state that began here, at genesis or by an import. */
  beginning(state: HeldState): Write[] {
    return this.#isKept && !state.isDone ? [this.#listWrite([state])] : []
  }

  /** What a block adds, beside its own `writes`. @param final - the state after it, when it is the last of an epoch. */
  writesOf(writes: readonly Write[], final: HeldState | undefined): Write[] {
    const held = this.held()
    if (!this.#isKept) return [...(held.length > 0 ? [{ space: SPACES.local, key: LIST, value: undefined }] : []), ...this.#pruning([])]
    const out = held.length === 0 ? [] : this.#layerOf(held.at(-1)!.height, writes)
    if (final !== undefined) out.push(this.#listWrite(trimmed([...held, final].slice(-SNAPSHOTS_HELD_MAX))))
    return [...out, ...this.#pruning(held)]
  }

  /** The root of the state at `height` is known. */
  doneWith(height: number): Write[] {
    const held = this.held()
    if (!held.some((each) => each.height === height && !each.isDone)) return []
    return [this.#listWrite(trimmed(held.map((each) => (each.height === height ? { ...each, isDone: true } : each))))]
  }

  #listWrite(held: readonly HeldState[]): Write {
    return { space: SPACES.local, key: LIST, value: held.length === 0 ? undefined : encodeField(heldStates, held) }
  }

  #layerOf(height: number, writes: readonly Write[]): Write[] {
    const out: Write[] = []
    for (const { space, key } of writes) {
      const place = placeOf(height, space, key)
      if (this.#store.get(SPACES.rowsBefore, place) !== undefined) continue // changed before: what it was then counts
      out.push({ space: SPACES.rowsBefore, key: place, value: encodeBefore(this.#store.get(space, key)) })
    }
    return out
  }

  /** Layers below the oldest entry; those of this block are above. */
  #pruning(held: readonly HeldState[]): Write[] {
    const [oldest] = trimmed(held)
    const to = oldest === undefined ? undefined : encodeField(heightKey, oldest.height)
    const out: Write[] = []
    for (const [key] of this.#store.range(SPACES.rowsBefore, NOTHING, to)) {
      if (out.length === PRUNED_A_BLOCK) break
      out.push({ space: SPACES.rowsBefore, key, value: undefined })
    }
    return out
  }
}

/** What `store` holds on to. */
function heldIn(store: StoreReader): readonly HeldState[] {
  const bytes = store.get(SPACES.local, LIST)
  return bytes === undefined ? [] : decodeField(heldStates, bytes)
}

/** Rows of `table` as they stood after the final block at `height`, ascending by key; of a height that is held. */
export function* rowsAt(still: StoreReader, table: number, height: number): Iterable<Row> {
  const layers = heldIn(still).filter((each) => each.height >= height)
  const sources: Iterator<OldRow>[] = layers.map((layer) => oldRows(still, table, layer.height)[Symbol.iterator]())
  sources.push(still.range(table, NOTHING)[Symbol.iterator]())
  try {
    const heads = sources.map((source) => source.next())
    for (;;) {
      let first: OldRow | undefined
      for (const head of heads) {
        if (head.done !== true && (first === undefined || compareBytes(head.value[0], first[0]) < 0)) first = head.value // the oldest layer wins
      }
      if (first === undefined) return
      const [key, value] = first
      for (const [i, head] of heads.entries()) {
        if (head.done !== true && compareBytes(head.value[0], key) === 0) heads[i] = sources[i]!.next()
      }
      if (value !== undefined) yield [key, value]
    }
  } finally {
    for (const source of sources) source.return?.()
  }
}

function* oldRows(still: StoreReader, table: number, height: number): Iterable<OldRow> {
  for (const [place, value] of still.range(SPACES.rowsBefore, placeOf(height, table, NOTHING), placeOf(height, table + 1, NOTHING))) {
    yield [place.subarray(HEIGHT_BYTES + 1), decodeBefore(value).value]
  }
}

/** From the first that waits for its root on: what is done before it needs no layer. */
function trimmed(held: readonly HeldState[]): readonly HeldState[] {
  const first = held.findIndex(({ isDone }) => !isDone)
  return first < 0 ? [] : held.slice(first)
}

function placeOf(height: number, table: number, key: Uint8Array): Uint8Array {
  return concatBytes(encodeField(heightKey, height), Uint8Array.of(table), key)
}
