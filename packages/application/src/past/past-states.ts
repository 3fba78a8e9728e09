/** The states of an archive, one a block: rows, what wallets ask for, and proofs against the root that the block's checkpoint names. */
import { isSameBytes, type Digest } from '@selvedge/ledger-types'
import { keyHash, type StateTree } from '@selvedge/state-tree'
import { ApplicationError } from '../errors.ts'
import { rowBytes } from '../state/schema.ts'
import type { StoreReader } from '../store/contract.ts'
import { type PastLog, rowAfter } from './past-log.ts'
import { type PastState, pastStateOf } from './past-state.ts'
import { treeAt } from './past-tree.ts'

/** Where a height stands, for what the log does not know itself. */
export interface PastHeads {
  /** The newest block. */
  readonly head: () => number
  /** The root that a block had; `undefined` where no block is. */
  readonly rootOf: (height: number) => Digest | undefined
}

export class PastStates {
  readonly #store: StoreReader
  readonly #log: PastLog
  readonly #heads: PastHeads
  /** The last tree that was made: who proves one row proves others of the same block. */
  #made: { readonly height: number; readonly head: number; readonly tree: StateTree } | undefined

  constructor(store: StoreReader, log: PastLog, heads: PastHeads) {
    this.#store = store
    this.#log = log
    this.#heads = heads
  }

  /** The oldest block whose state is kept, and that of every block since; `undefined` while none is. */
  from(): number | undefined {
    return this.#log.position()?.from
  }

  /** `undefined` where it is not kept. */
  at(height: number): PastState | undefined {
    const from = this.from()
    if (from === undefined || height < from || height > this.#heads.head() || !Number.isSafeInteger(height)) return undefined
    return pastStateOf(
      (table, key) => {
        const before = rowAfter(this.#store, keyHash(table, key), height)
        return before === undefined ? rowBytes(this.#store, table, key) : before.value
      },
      {
        prove: (place) => this.#treeAt(height).prove(place),
        root: () => this.#treeAt(height).root(),
      },
    )
  }

  #treeAt(height: number): StateTree {
    const head = this.#heads.head()
    if (this.#made?.height === height && this.#made.head === head) return this.#made.tree
    const tree = treeAt(this.#store, height, head)
    const expected = this.#heads.rootOf(height)
    if (expected !== undefined && !isSameBytes(tree.root(), expected)) {
      throw new ApplicationError('APPLICATION_DAMAGED', `the state kept for block ${height} has another root than its block`, { height })
    }
    this.#made = { height, head, tree }
    return tree
  }
}
