/**
 * Rows as they were at the end of an epoch, written with the very blocks that change them: what it takes to stream the state of a final block
 * (snapshot-log.ts) or to answer for it (retained-roots.ts) although blocks went on and the process died.
 *
 * A layer belongs to a final block and has the old value of every row that was changed after it and up to the next final block, once. The
 * state at final block h is the state now, with the layers from h on laid over it, the oldest on top. A layer is kept while somebody holds on
 * to its block or to an older one. A read transaction of the store would cost nothing, but dies with the process; that one is used by who streams.
 *
 * Invariant: while anybody holds on to a block, every block writes what it overwrites into the layer of the newest that is held. Whoever does
 * not go on with a list deletes it with the first block that would leave a gap.
 */
import { compareBytes, concatBytes } from '@selvedge/ledger-types'
import { encodeField } from '../state/fields.ts'
import type { RowMemo, StateWrite } from '../state/state.ts'
import { SPACES, type StoreReader, type Write } from '../store/contract.ts'
import { heightKey } from './records.ts'
import { retainedIn } from './retained-roots.ts'
import { heldIn } from './snapshot-log.ts'
import { type Before, decodeBefore, encodeBefore } from './value-before.ts'

/** Rows of layers that are not needed any more which go with each block. */
const PRUNED_A_BLOCK = 4_000
const HEIGHT_BYTES = 8
const NOTHING = new Uint8Array(0)

/** Somebody who holds on to final blocks. */
export interface LayerHolder {
  /** Heights that this life goes on with, ascending. */
  live(): readonly number[]
}

type Row = readonly [key: Uint8Array, value: Uint8Array]
/** `undefined` for a row that was not there. */
type OldRow = readonly [key: Uint8Array, value: Uint8Array | undefined]

export class RowLayers {
  readonly #store: StoreReader
  readonly #holders: readonly LayerHolder[]
  /** The running layer, and rows that stand in it once this block is committed. */
  #running = -1
  #copied: RowMemo[] = []

  constructor(store: StoreReader, holders: readonly LayerHolder[]) {
    this.#store = store
    this.#holders = holders
  }

  /** What a block adds, beside its own `writes`. Reads what is still stored: to be called before the commit. */
  writesOf(writes: readonly StateWrite[]): Write[] {
    const heights = ascending(this.#holders.flatMap((holder) => holder.live()))
    const newest = heights.at(-1)
    const layer = newest === undefined ? [] : this.#layerOf(newest, writes)
    return layer.concat(this.#pruning(heights[0]))
  }

  /** The store now has what `writesOf` gave. */
  settle(): void {
    for (const memo of this.#copied) memo.layer = this.#running
    this.#copied = []
  }

  #layerOf(height: number, writes: readonly StateWrite[]): Write[] {
    const out: Write[] = []
    this.#running = height
    this.#copied = []
    for (const { space, key, memo } of writes) {
      if (memo.layer === height) continue // it changes with every block, say, and is not looked for again
      this.#copied.push(memo)
      const place = placeOf(height, space, key)
      if (this.#store.get(SPACES.rowsBefore, place) !== undefined) continue // changed before: what it was then counts
      out.push({ space: SPACES.rowsBefore, key: place, value: encodeBefore(this.#store.get(space, key)) })
    }
    return out
  }

  /** Layers below the oldest that is held. */
  #pruning(oldest: number | undefined): Write[] {
    const to = oldest === undefined ? undefined : encodeField(heightKey, oldest)
    const out: Write[] = []
    for (const [key] of this.#store.range(SPACES.rowsBefore, NOTHING, to)) {
      if (out.length === PRUNED_A_BLOCK) break
      out.push({ space: SPACES.rowsBefore, key, value: undefined })
    }
    return out
  }
}

/** Rows of `table` as they stood after the final block at `height`, ascending by key; of a height that is held. */
export function* rowsAt(still: StoreReader, table: number, height: number): Iterable<Row> {
  const sources: Iterator<OldRow>[] = layersFrom(still, height).map((layer) => oldRows(still, table, layer)[Symbol.iterator]())
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

/** One row as it stood after the final block at `height`, which is held, the receiver's own; `undefined`: it is what it is now. */
export function rowAt(store: StoreReader, table: number, key: Uint8Array, height: number): Before | undefined {
  for (const layer of layersFrom(store, height)) {
    const bytes = store.get(SPACES.rowsBefore, placeOf(layer, table, key))
    if (bytes !== undefined) return { value: decodeBefore(bytes).value?.slice() }
  }
  return undefined
}

/** Heights of the layers that lie over the state at `height`, the oldest first. */
function layersFrom(store: StoreReader, height: number): readonly number[] {
  const held = [...heldIn(store), ...retainedIn(store)].map((each) => each.height)
  return ascending(held.filter((each) => each >= height))
}

function* oldRows(still: StoreReader, table: number, height: number): Iterable<OldRow> {
  for (const [place, value] of still.range(SPACES.rowsBefore, placeOf(height, table, NOTHING), placeOf(height, table + 1, NOTHING))) {
    yield [place.subarray(HEIGHT_BYTES + 1), decodeBefore(value).value]
  }
}

/** Without repeats. */
function ascending(heights: readonly number[]): readonly number[] {
  return [...new Set(heights)].toSorted((a, b) => a - b)
}

function placeOf(height: number, table: number, key: Uint8Array): Uint8Array {
  return concatBytes(encodeField(heightKey, height), Uint8Array.of(table), key)
}
