/**
 * What an archive writes beside each block so that every state since can be asked for: of each row that the block changes the value before
 * it, and of each group of the tree its bytes before the first change in a *window*.
 *
 * Rows are exact to the block, since most questions are for one row. Groups are large (up to 4,320 bytes, and the top one changes with every
 * block), so they are kept a window only, and the tree of a block within one is made from the window's end by taking back rows. A window ends
 * after `WINDOW_ROWS` changed rows: that bounds what a proof costs, and an idle ledger writes next to nothing. Keeping every group of every
 * block was tried on paper and given up: some 6 KB a block without a single transaction.
 *
 * Invariant: for heights from `from` on nothing is missing. A store that was opened without the log begins anew.
 */
import { concatBytes } from '@selvedge/ledger-types'
import { type Before, decodeBefore, encodeBefore } from '../history/value-before.ts'
import type { StateWrite } from '../state/state.ts'
import { SPACES, type StoreReader, type Write } from '../store/contract.ts'
import { count64, decodeField, encodeField, struct, u64be, type Field } from '../state/fields.ts'

/** Rows that may change before a window ends, with the block in which they do. */
const WINDOW_ROWS = 4_096
const POSITION: Uint8Array = new TextEncoder().encode('past')
const HASH_BYTES = 32

export interface PastPosition {
  /** The oldest block whose state can be asked for. */
  readonly from: number
  /** The block with which the running window begins. */
  readonly window: number
  /** Rows that changed in it. */
  readonly changed: number
}
const pastPosition: Field<PastPosition> = struct<PastPosition>({ from: count64, window: count64, changed: count64 })

export class PastLog {
  readonly #store: StoreReader
  readonly #isKept: boolean
  readonly #windowRows: number

  /** @param isKept - `false` writes nothing, and forgets what an earlier life has kept: with a gap it would be wrong. */
  constructor(store: StoreReader, isKept: boolean, windowRows: number = WINDOW_ROWS) {
    this.#store = store
    this.#isKept = isKept
    this.#windowRows = windowRows
  }

  /** `undefined` while nothing was kept yet. */
  position(): PastPosition | undefined {
    const bytes = this.#isKept ? this.#store.get(SPACES.local, POSITION) : undefined
    return bytes === undefined ? undefined : decodeField(pastPosition, bytes)
  }

  /** What block `height` adds, of its changes to rows and to the tree. Reads what is still stored: to be called before the commit. */
  writesOf(height: number, rows: readonly StateWrite[], groups: readonly Write[]): Write[] {
    if (!this.#isKept) return this.#forget()
    const position = this.position() ?? { from: height - 1, window: height - 1, changed: 0 }
    const out: Write[] = []
    for (const { space, key, keyHash } of rows) {
      out.push({ space: SPACES.rowsPast, key: rowPlace(keyHash, height), value: encodeBefore(this.#store.get(space, key)) })
    }
    out.push({ space: SPACES.changedRows, key: encodeField(u64be, height), value: hashesOf(rows) })
    for (const { space, key } of groups) {
      const place = groupPlace(key, position.window)
      if (this.#store.get(SPACES.groupsPast, place) !== undefined) continue // changed before in this window
      out.push({ space: SPACES.groupsPast, key: place, value: encodeBefore(this.#store.get(space, key)) })
    }
    const changed = position.changed + rows.length
    const isOver = changed >= this.#windowRows
    if (isOver) out.push({ space: SPACES.pastWindows, key: encodeField(u64be, height), value: Uint8Array.of(1) })
    const next = isOver ? { from: position.from, window: height, changed: 0 } : { ...position, changed }
    out.push({ space: SPACES.local, key: POSITION, value: encodeField(pastPosition, next) })
    return out
  }

  #forget(): Write[] {
    return this.#store.get(SPACES.local, POSITION) === undefined ? [] : [{ space: SPACES.local, key: POSITION, value: undefined }]
  }
}

/** The row with this place in the tree before the first block after `height` that changed it; `undefined`: none did. */
export function rowAfter(store: StoreReader, keyHash: Uint8Array, height: number): Before | undefined {
  return firstOf(store, SPACES.rowsPast, rowPlace(keyHash, height + 1), rowPlace(keyHash, Number.MAX_SAFE_INTEGER))
}

/** The row before block `height`, which changed it. */
export function rowBefore(store: StoreReader, keyHash: Uint8Array, height: number): Before | undefined {
  const bytes = store.get(SPACES.rowsPast, rowPlace(keyHash, height))
  return bytes === undefined ? undefined : copied(bytes)
}

/** A group of the tree after the block with which a window begins; `undefined`: it is what it was. */
export function groupAfter(store: StoreReader, key: Uint8Array, window: number): Before | undefined {
  return firstOf(store, SPACES.groupsPast, groupPlace(key, window), groupPlace(key, Number.MAX_SAFE_INTEGER))
}

/** The beginning of the first window at or after `height`; `undefined`: the state now is the next whose tree is there. */
export function windowFrom(store: StoreReader, height: number): number | undefined {
  for (const [key] of store.range(SPACES.pastWindows, encodeField(u64be, height))) return decodeField(u64be, key)
  return undefined
}

/** Places in the tree of the rows that block `height` changed, 32 bytes each. */
export function* changedIn(store: StoreReader, height: number): Iterable<Uint8Array> {
  const bytes = store.get(SPACES.changedRows, encodeField(u64be, height))?.slice() ?? new Uint8Array(0)
  for (let at = 0; at < bytes.length; at += HASH_BYTES) yield bytes.subarray(at, at + HASH_BYTES)
}

function firstOf(store: StoreReader, space: number, from: Uint8Array, to: Uint8Array): Before | undefined {
  for (const [, bytes] of store.range(space, from, to)) return copied(bytes)
  return undefined
}

/** One after another; of as many rows as an epoch's end may change. */
function hashesOf(rows: readonly StateWrite[]): Uint8Array {
  const out = new Uint8Array(rows.length * HASH_BYTES)
  for (const [i, { keyHash }] of rows.entries()) out.set(keyHash, i * HASH_BYTES)
  return out
}

/** The store's bytes live until its next read. */
function copied(bytes: Uint8Array): Before {
  return { value: decodeBefore(bytes).value?.slice() }
}

function rowPlace(keyHash: Uint8Array, height: number): Uint8Array {
  return concatBytes(keyHash, encodeField(u64be, height))
}

/** A length before the key: none is the beginning of another. */
function groupPlace(key: Uint8Array, window: number): Uint8Array {
  return concatBytes(Uint8Array.of(key.length), key, encodeField(u64be, window))
}
