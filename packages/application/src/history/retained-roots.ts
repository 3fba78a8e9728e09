/**
 * Ends of epochs whose state a node that is no archive still answers for, with proofs: those of the last two, or the state that it took over
 * and the ends since. Source: ledger rules, "Storage and state tree".
 *
 * The tree keeps what it needs for such a root in copies of its own (`retain`), the rows are in layers (row-layers.ts); here is the list of
 * them, written with the very block that ends an epoch. Of what is given up a few copies go with each block, so that no block pays for an epoch.
 * None of it is in the root: a node that retains and one that does not have the same.
 *
 * Invariant: each height in the list has its version in the tree, and every block since was executed by a life that went on with the list. A
 * life that does not deletes it with its first block.
 */
import type { StateTree } from '@selvedge/state-tree'
import { count64, decodeField, encodeField, list, struct, u32, type Field } from '../state/fields.ts'
import { SPACES, type StoreReader, type Write } from '../store/contract.ts'

/** Ends of epochs whose roots are kept. */
export const EPOCH_ENDS_KEPT = 2
/** Copies of groups of the tree, some 2 KB each, that go with each block. */
const GROUPS_RELEASED_A_BLOCK = 256
/** Above every version of a tree. */
const ALL_VERSIONS = 2 ** 32
const LIST: Uint8Array = new TextEncoder().encode('retainedRoots')

/** A block that ended an epoch, or whose state was taken over. */
export interface RetainedRoot {
  readonly height: number
  /** Of the tree: what `prove` names it by. */
  readonly version: number
}

const retainedRoots: Field<readonly RetainedRoot[]> = list(struct<RetainedRoot>({ height: count64, version: u32 }))

export class RetainedRoots {
  readonly #store: StoreReader
  readonly #tree: StateTree
  readonly #isKept: boolean
  /** Whether nothing is left in the tree of what was given up. */
  #isReleased = false

  /** @param isKept - `false` retains nothing, and gives up what an earlier life has retained. */
  constructor(store: StoreReader, tree: StateTree, isKept: boolean) {
    this.#store = store
    this.#tree = tree
    this.#isKept = isKept
  }

  /** Ascending; at most `EPOCH_ENDS_KEPT`. */
  held(): readonly RetainedRoot[] {
    return this.#isKept ? retainedIn(this.#store) : []
  }

  /** Heights that this life goes on with, for the layers. */
  live(): readonly number[] {
    return this.held().map(({ height }) => height)
  }

  /**
   * What a block adds beside what the tree itself writes: to be called after its update, and before its writes are taken.
   * @param final - height of the block, when it is the last of an epoch.
   */
  writesOf(final: number | undefined): Write[] {
    const before = retainedIn(this.#store)
    const next = final === undefined || !this.#isKept ? [] : [{ height: final, version: this.#tree.retain() }]
    const after = this.#isKept ? [...before, ...next].slice(-EPOCH_ENDS_KEPT) : []
    const isSame = next.length === 0 && after.length === before.length
    if (!isSame) this.#isReleased = false
    if (!this.#isReleased) {
      const oldest = after[0]?.version ?? ALL_VERSIONS
      this.#isReleased = this.#tree.release(oldest - 1, GROUPS_RELEASED_A_BLOCK)
    }
    return isSame ? [] : [retainedWrite(after)]
  }
}

export function retainedWrite(roots: readonly RetainedRoot[]): Write {
  return { space: SPACES.local, key: LIST, value: roots.length === 0 ? undefined : encodeField(retainedRoots, roots) }
}

/** What `store` has retained. */
export function retainedIn(store: StoreReader): readonly RetainedRoot[] {
  const bytes = store.get(SPACES.local, LIST)
  return bytes === undefined ? [] : decodeField(retainedRoots, bytes)
}
