/** Tables 11, 12 and 25: claims for delivery, what they debit, and disputes. */
import { count64, fixed, sized, struct, u16, u16be, u32, u32be, u64, u64be, u8 } from './fields.ts'
import { epochNodeKey, type EpochNodeKey } from './node-tables.ts'
import { defineTable, type Table } from './table.ts'

export const CLAIM_STATES = { committed: 0, complete: 1, challenged: 2, passed: 3, settled: 4, void: 5 } as const

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
  /** Points to be opened; 0 before the beacon. */
  readonly points: number
  /** Bitmap of the points that are opened. */
  readonly opened: Uint8Array
  /** Sum of the parts that are here. */
  readonly debited: bigint
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
    points: u16,
    opened: sized,
    debited: u64,
  }),
  'A node’s claim for an epoch. State 0 Committed, 1 Complete, 2 Challenged, 3 Passed, 4 Settled, 5 Void.',
)

export interface DebitKey {
  readonly epoch: number
  readonly nodeIndex: number
  readonly part: number
}
export interface DebitRow {
  /** Sum of the parts before. */
  readonly start: bigint
  /** Section in which it begins, and pairs of it that are still to come then. */
  readonly serviceId: number
  readonly left: number
  readonly bytes: Uint8Array
}
export const debits: Table<DebitKey, DebitRow> = defineTable(
  12,
  'debits',
  struct<DebitKey>({ epoch: u64be, nodeIndex: u32be, part: u16be }),
  struct<DebitRow>({ start: u64, serviceId: u32, left: u32, bytes: sized }),
  'One part of what a claim debits, with the sum and the section at its beginning.',
)

export const DISPUTE_STATES = { open: 0, answered: 1, lost: 2 } as const

export interface DisputeKey {
  readonly epoch: number
  readonly nodeIndex: number
  readonly clientIndex: number
  readonly serviceId: number
}
export interface DisputeRow {
  readonly bond: bigint
  readonly state: number
  readonly openedAt: number
}
export const disputes: Table<DisputeKey, DisputeRow> = defineTable(
  25,
  'disputes',
  struct<DisputeKey>({ epoch: u64be, nodeIndex: u32be, clientIndex: u32be, serviceId: u32be }),
  struct<DisputeRow>({ bond: u64, state: u8, openedAt: count64 }),
  'A client’s demand to open its entry of a claim. State 0 open, 1 answered, 2 lost by the node.',
)
