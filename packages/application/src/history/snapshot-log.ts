/**
 * Final blocks whose state is held on to until the root of its snapshot is known (what it takes is in row-layers.ts): a list that is written with
 * the blocks themselves, so a process that died goes on hashing where it was.
 *
 * None is held in the hours of an epoch after its snapshot was hashed.
 */
import type { Digest } from '@selvedge/ledger-types'
import { count64, decodeField, encodeField, fixed, flag, list, struct, type Field } from '../state/fields.ts'
import { SPACES, type KeyValueStore, type StoreReader, type Write } from '../store/contract.ts'

/** Final blocks whose state is held on to; beyond, the oldest is given up: its checkpoint is signed by others. */
export const SNAPSHOTS_HELD_MAX = 4
const LIST: Uint8Array = new TextEncoder().encode('snapshotsHeld')

/** A final block from which on old rows are kept. */
export interface HeldState {
  readonly height: number
  readonly stateRoot: Digest
  /** Its root was given; the layer stays for an older one. */
  readonly isDone: boolean
}

const heldStates: Field<readonly HeldState[]> = list(struct<HeldState>({ height: count64, stateRoot: fixed(32), isDone: flag }))

export class SnapshotLog {
  readonly #store: KeyValueStore
  readonly #isKept: boolean

  /** @param isKept - `false` holds nothing, and forgets what an earlier life has held: a layer with a gap would give a wrong state. */
  constructor(store: KeyValueStore, isKept: boolean) {
    this.#store = store
    this.#isKept = isKept
  }

  /** What is held on to, ascending. */
  held(): readonly HeldState[] {
    return heldIn(this.#store)
  }

  /** Heights that this life goes on with, for the layers. */
  live(): readonly number[] {
    return this.#isKept ? this.held().map(({ height }) => height) : []
  }

  /** The list from `state` on: of a state that began here, at genesis or by an import. */
  beginning(state: HeldState): Write[] {
    return this.#isKept && !state.isDone ? [listWrite([state])] : []
  }

  /** What a block adds. @param final - the state after it, when it is the last of an epoch. */
  writesOf(final: HeldState | undefined): Write[] {
    const held = this.held()
    if (!this.#isKept) return held.length > 0 ? [listWrite([])] : []
    return final === undefined ? [] : [listWrite(trimmed([...held, final].slice(-SNAPSHOTS_HELD_MAX)))]
  }

  /** The root of the state at `height` is known. */
  doneWith(height: number): Write[] {
    const held = this.held()
    if (!held.some((each) => each.height === height && !each.isDone)) return []
    return [listWrite(trimmed(held.map((each) => (each.height === height ? { ...each, isDone: true } : each))))]
  }
}

function listWrite(held: readonly HeldState[]): Write {
  return { space: SPACES.local, key: LIST, value: held.length === 0 ? undefined : encodeField(heldStates, held) }
}

/** What `store` holds on to. */
export function heldIn(store: StoreReader): readonly HeldState[] {
  const bytes = store.get(SPACES.local, LIST)
  return bytes === undefined ? [] : decodeField(heldStates, bytes)
}

/** From the first that waits for its root on: what is done before it needs no layer. */
function trimmed(held: readonly HeldState[]): readonly HeldState[] {
  const first = held.findIndex(({ isDone }) => !isDone)
  return first < 0 ? [] : held.slice(first)
}
