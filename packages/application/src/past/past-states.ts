/** The states of an archive, one a block: rows, what wallets ask for, and proofs against the root that the block's checkpoint names. */
import { callOf, type Digest, encodeAbi, isSameBytes, TOKEN_FUNCTIONS } from '@selvedge/ledger-types'
import { encodeProof, keyHash, type StateTree } from '@selvedge/state-tree'
import { viewToken } from '../calls/token.ts'
import { ApplicationError } from '../errors.ts'
import type { SimulatedCall } from '../execute/simulate.ts'
import type { AccountRow } from '../state/account-tables.ts'
import { accountOf, balanceOf } from '../state/accounts.ts'
import { decodeField } from '../state/fields.ts'
import { rowBytes } from '../state/schema.ts'
import type { Rows } from '../state/state.ts'
import { keyOf } from '../state/table.ts'
import type { StoreReader } from '../store/contract.ts'
import { type PastLog, rowAfter } from './past-log.ts'
import { treeAt } from './past-tree.ts'

/** The state after one block. To be used at once: it reads the store as it is now. */
export interface PastState extends Rows {
  account(address: Uint8Array): AccountRow
  /** µ; token 0 is the native one. */
  balance(address: Uint8Array, token: number): bigint
  /** What a view of a token answers, ABI encoded; `undefined` for any other call. */
  view(call: SimulatedCall): Uint8Array | undefined
  /** The bytes of a row, `key` as in state.md. */
  read(table: number, key: Uint8Array): Uint8Array | undefined
  /** Proof of a row, or of its absence, against `stateRoot()`. */
  prove(table: number, key: Uint8Array): Uint8Array
  /** @throws {ApplicationError} `APPLICATION_DAMAGED` when it is not the root that the block had. */
  stateRoot(): Digest
}

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

  /** `undefined` where it is not kept. */
  at(height: number): PastState | undefined {
    const from = this.#log.position()?.from
    if (from === undefined || height < from || height > this.#heads.head() || !Number.isSafeInteger(height)) return undefined
    const read = (table: number, key: Uint8Array): Uint8Array | undefined => {
      const before = rowAfter(this.#store, keyHash(table, key), height)
      return before === undefined ? rowBytes(this.#store, table, key) : before.value
    }
    const rows: Rows = {
      get(table, key) {
        const bytes = read(table.id, keyOf(table, key))
        return bytes === undefined ? undefined : decodeField(table.value, bytes)
      },
    }
    return {
      ...rows,
      account: (address) => accountOf(rows, address),
      balance: (address, token) => balanceOf(rows, address, token),
      view: (call) => viewIn(rows, call),
      read,
      prove: (table, key) => encodeProof(this.#treeAt(height).prove(keyHash(table, key))),
      stateRoot: () => this.#treeAt(height).root(),
    }
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

function viewIn(rows: Rows, asked: SimulatedCall): Uint8Array | undefined {
  const call = callOf(asked)
  if (call.target !== 'token') return undefined
  const output = viewToken(rows, call)
  return output === undefined ? undefined : encodeAbi([TOKEN_FUNCTIONS[call.name].returns], [output])
}
