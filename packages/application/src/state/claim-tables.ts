/** Tables 11, 12 and 25: claims for delivery, what they debit, and disputes. */
import { count64, fixed, list, sized, struct, u16, u16be, u32, u32be, u64, u64be, u8, type Field } from './fields.ts'
import { epochNodeKey, type EpochNodeKey } from './node-tables.ts'
import { defineTable, type Table } from './table.ts'

export const CLAIM_STATES = { committed: 0, complete: 1, challenged: 2, passed: 3, settled: 4, void: 5 } as const

/** Where a part of the debits begins: what was read before it. */
export interface DebitPlace {
  /** µUSD of all pairs before. */
  readonly sum: bigint
  /** Pairs before. */
  readonly pairs: number
  /** Of the last pair. */
  readonly serviceId: number
  readonly clientIndex: number
  /** Pairs that the section still owes. */
  readonly left: number
}
const debitPlace: Field<DebitPlace> = struct<DebitPlace>({ sum: u64, pairs: u32, serviceId: u32, clientIndex: u32, left: u32 })

export interface ClaimRow {
  readonly root: Uint8Array
  /** µUSD. */
  readonly total: bigint
  readonly count: number
  readonly debitsDigest: Uint8Array
  readonly state: number
  /** Parts of the debits as the first part said; 0 before it. */
  readonly parts: number
  /** Bitmap of the parts that are here. */
  readonly partsHere: Uint8Array
  /** Parts that were read, each after the one before it. */
  readonly read: number
  /** Where the first part that is not read begins. */
  readonly place: DebitPlace
  /** Points to be opened; 0 before the beacon. */
  readonly points: number
  /** Bitmap of the points that are opened. */
  readonly opened: Uint8Array
}
export const claims: Table<EpochNodeKey, ClaimRow> = defineTable(
  11,
  'claims',
  epochNodeKey,
  struct<ClaimRow>({
    root: fixed(32),
    total: u64,
    count: u32,
    debitsDigest: fixed(32),
    state: u8,
    parts: u16,
    partsHere: sized,
    read: u16,
    place: debitPlace,
    points: u16,
    opened: sized,
  }),
  'A node’s claim for an epoch. State 0 Committed, 1 Complete, 2 Challenged, 3 Passed, 4 Settled, 5 Void.',
)

export interface DebitKey {
  readonly epoch: number
  readonly nodeIndex: number
  readonly part: number
}
export interface DebitRow {
  /** Where it begins; means nothing before all parts before it were read. */
  readonly place: DebitPlace
  readonly bytes: Uint8Array
}
export const debits: Table<DebitKey, DebitRow> = defineTable(
  12,
  'debits',
  struct<DebitKey>({ epoch: u64be, nodeIndex: u32be, part: u16be }),
  struct<DebitRow>({ place: debitPlace, bytes: sized }),
  'One part of what a claim debits, with sum and section at its beginning.',
)

export const DISPUTE_STATES = { open: 0, answered: 1, lost: 2, dropped: 3 } as const

export interface DisputeKey {
  readonly epoch: number
  readonly nodeIndex: number
  readonly clientIndex: number
  readonly serviceId: number
}
export interface SpentRow {
  /** Beginning of the SHA-256 of the delegation. */
  readonly delegation: Uint8Array
  readonly sum: bigint
}
export interface DisputeRow {
  /** Native µ; 0 once it was burnt or given back. */
  readonly bond: bigint
  readonly state: number
  /** Height at which it was demanded. */
  readonly openedAt: number
  /** Leaves that the node has opened. */
  readonly leaves: number
  /** µUSD of them. */
  readonly sum: bigint
  /** Key of the last one, 24 bytes; none before the first. */
  readonly lastKey: Uint8Array
  /** What they spend of each delegation. */
  readonly spent: readonly SpentRow[]
}
export const disputes: Table<DisputeKey, DisputeRow> = defineTable(
  25,
  'disputes',
  struct<DisputeKey>({ epoch: u64be, nodeIndex: u32be, clientIndex: u32be, serviceId: u32be }),
  struct<DisputeRow>({
    bond: u64,
    state: u8,
    openedAt: count64,
    leaves: u16,
    sum: u64,
    lastKey: sized,
    spent: list(struct<SpentRow>({ delegation: fixed(16), sum: u64 })),
  }),
  'A client’s demand to open its entry of a claim, and what was opened of it. State 0 open, 1 answered, 2 lost by the node, 3 dropped because the network left no time.',
)
