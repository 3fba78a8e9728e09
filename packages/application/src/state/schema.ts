/** All rows of the state, in order of their tables: from here come `state.md`, the snapshot and the checks on names. */
import { accounts, balances, clients, queue, reserves } from './account-tables.ts'
import { claims, debits, disputes } from './claim-tables.ts'
import * as meta from './meta-tables.ts'
import { committees, coordinates, delegations, evidences, nodeKeys, nodes, reports, scores } from './node-tables.ts'
import * as registry from './registry-tables.ts'
import type { StoreReader } from '../store/contract.ts'
import type { Table } from './table.ts'

/** Number of tables; their ids are 1 to this. */
export const TABLE_COUNT = 26

// biome-ignore format: one line a table
const rows: readonly Table<unknown, unknown>[] = [
  meta.blockRow, meta.epochRow, meta.supplyRow, meta.counterRow, meta.beacons, meta.roundRow, meta.readyRow, meta.fileVotes, meta.duties,
  meta.pendingNodes, meta.owners, meta.unstaking, meta.leavingPools, meta.seats, meta.contentCounts, meta.nativePrices, meta.untoldRow, meta.untoldChunks,
  meta.chainRow, meta.cursors,
  accounts, balances, clients, queue, nodes, nodeKeys, delegations, claims, debits, reports, scores, committees, evidences, reserves, disputes,
  coordinates, registry.services, registry.serviceVersions, registry.content, registry.prices, registry.parameters, registry.governorsRow,
  registry.proposals, registry.bridge, registry.tokens, registry.epochFiles,
].toSorted((a, b) => a.id - b.id)

/** Every kind of row, ascending by table; a table with several kinds has them in the order in which they are declared. */
export const SCHEMA: readonly Table<unknown, unknown>[] = rows

/** No row has a longer key. */
const KEY_BYTES_MAX = 256

/**
 * The bytes of a row that a stranger names, the receiver's own; `undefined` also for what can be no row: beside the state the store holds
 * what is this node's alone.
 */
export function rowBytes(store: StoreReader, table: number, key: Uint8Array): Uint8Array | undefined {
  return isRow(table, key) ? store.get(table, key)?.slice() : undefined
}

/** Whether a row can be there. */
export function isRow(table: number, key: Uint8Array): boolean {
  return table >= 1 && table <= TABLE_COUNT && key.length > 0 && key.length <= KEY_BYTES_MAX
}
