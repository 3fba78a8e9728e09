/** Tables 2 to 5 and 24: accounts, tokens' balances, paying clients, what waits in the queue, and reserves. */
import { count64, fixed, list, struct, u32, u32be, u64, u64be, u8 } from './fields.ts'
import { defineTable, type Table } from './table.ts'

export interface AccountRow {
  readonly nonce: bigint
  /** µ. */
  readonly native: bigint
  /** 0: no client. */
  readonly clientIndex: number
}
export const accounts: Table<Uint8Array, AccountRow> = defineTable(
  2,
  'accounts',
  fixed(20),
  struct<AccountRow>({ nonce: u64, native: u64, clientIndex: u32 }),
  'By address. No row is an account with nothing.',
)

export interface BalanceKey {
  readonly address: Uint8Array
  /** From 1; the native token stands in `accounts`. */
  readonly token: number
}
export const balances: Table<BalanceKey, bigint> = defineTable(
  3,
  'balances',
  struct<BalanceKey>({ address: fixed(20), token: u32be }),
  u64,
  'µ of a bridged token. No row is 0.',
)

/** What a client allows from `epoch` on. */
export interface ClientTerms {
  readonly epoch: number
  readonly epochCap: bigint
  readonly minNonce: bigint
}
export interface ClientRow {
  readonly address: Uint8Array
  /** µUSD, with what is pending. */
  readonly prepaid: bigint
  /** µUSD of `prepaid` that are asked back. */
  readonly pending: bigint
  readonly collateral: bigint
  /** µUSD of `collateral` that are on their way out; they can still be burnt. */
  readonly leaving: bigint
  /** Ascending by epoch, at most 4: what was in force for an epoch stays until that epoch is settled. */
  readonly terms: readonly ClientTerms[]
}
export const CLIENT_TERMS_MAX = 4
export const clients: Table<number, ClientRow> = defineTable(
  4,
  'clients',
  u32be,
  struct<ClientRow>({
    address: fixed(20),
    prepaid: u64,
    pending: u64,
    collateral: u64,
    leaving: u64,
    terms: list(struct<ClientTerms>({ epoch: count64, epochCap: u64, minNonce: u64 }), u8),
  }),
  'By clientIndex (from 1). Terms ascend by the epoch from which they hold.',
)

/** What an entry of the queue is. */
export const QUEUE_KINDS = { stake: 0, delegation: 1, prepaid: 2, collateral: 3, serviceBond: 4 } as const

export interface QueueKey {
  readonly due: number
  readonly seq: number
}
export interface QueueRow {
  readonly kind: number
  readonly address: Uint8Array
  /** nodeIndex for stake and delegations, clientIndex for prepaid and collateral, serviceId for a bond. */
  readonly place: number
  /** Of a delegation: its part of the pool in which it leaves (`leavingPools`). */
  readonly amount: bigint
}
export const queue: Table<QueueKey, QueueRow> = defineTable(
  5,
  'queue',
  struct<QueueKey>({ due: u64be, seq: u64be }),
  struct<QueueRow>({ kind: u8, address: fixed(20), place: u32, amount: u64 }),
  'By due epoch and a running number: what leaves later. Kind 0 stake, 1 delegation (native, of node `place`), 2 prepaid, 3 collateral (µUSD, of client `place`), 4 bond of service `place`.',
)

export interface ReserveKey {
  readonly clientIndex: number
  readonly nodeIndex: number
}
export interface ReserveVersion {
  /** First epoch for which it holds, until the next version does. */
  readonly from: number
  /** µUSD an epoch. */
  readonly amount: bigint
  readonly lastEpoch: number
}
/** Ascending by `from`; those that an epoch still to be settled is judged by, and one to come. */
export type ReserveRow = readonly ReserveVersion[]
export const reserves: Table<ReserveKey, ReserveRow> = defineTable(
  24,
  'reserves',
  struct<ReserveKey>({ clientIndex: u32be, nodeIndex: u32be }),
  list(struct<ReserveVersion>({ from: count64, amount: u64, lastEpoch: count64 }), u8),
  'What a client sets aside for one node an epoch, until `lastEpoch`: versions, each from the epoch on from which it holds.',
)
