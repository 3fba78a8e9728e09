/** The state after an earlier block, from however its rows and its tree are found. */
import { callOf, type Digest, encodeAbi, TOKEN_FUNCTIONS } from '@selvedge/ledger-types'
import { encodeProof, keyHash, type Proof } from '@selvedge/state-tree'
import { viewToken } from '../calls/token.ts'
import type { SimulatedCall } from '../execute/simulate.ts'
import type { AccountRow } from '../state/account-tables.ts'
import { accountOf, balanceOf } from '../state/accounts.ts'
import { decodeField } from '../state/fields.ts'
import type { Rows } from '../state/state.ts'
import { keyOf } from '../state/table.ts'

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

/** The tree of that block. */
export interface PastTree {
  prove(keyHash: Uint8Array): Proof
  root(): Digest
}

/** @param read - the bytes of a row as that block left it, the receiver's own; `undefined` too for what can be no row. */
export function pastStateOf(read: (table: number, key: Uint8Array) => Uint8Array | undefined, tree: PastTree): PastState {
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
    prove: (table, key) => encodeProof(tree.prove(keyHash(table, key))),
    stateRoot: () => tree.root(),
  }
}

function viewIn(rows: Rows, asked: SimulatedCall): Uint8Array | undefined {
  const call = callOf(asked)
  if (call.target !== 'token') return undefined
  const output = viewToken(rows, call)
  return output === undefined ? undefined : encodeAbi([TOKEN_FUNCTIONS[call.name].returns], [output])
}
