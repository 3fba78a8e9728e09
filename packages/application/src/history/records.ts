/** What this node keeps of each block, outside the state: layouts of the store's own spaces. */
import { CHECKPOINT_BYTES } from '@selvedge/ledger-types'
import { count64, fixed, flag, list, sized, struct, u32, u64, u64be, type Field } from '../state/fields.ts'

export interface BlockRecord {
  /** With a zero `snapshotRoot` while `isPending`. */
  readonly checkpoint: Uint8Array
  /** Whether the checkpoint waits for the root of a snapshot. */
  readonly isPending: boolean
  /** Place of its sub-DAG in the epoch. */
  readonly index: number
  readonly previousDigest: Uint8Array
  readonly subDagDigest: Uint8Array
  /** What its transactions paid, 10^-9 native a gas. */
  readonly baseFee: bigint
  readonly gasUsed: number
  readonly transactionCount: number
  /** Number of its first event, and of the next block's. */
  readonly firstEvent: number
  readonly nextEvent: number
}

export const blockRecord: Field<BlockRecord> = struct<BlockRecord>({
  checkpoint: fixed(CHECKPOINT_BYTES),
  isPending: flag,
  index: count64,
  previousDigest: fixed(32),
  subDagDigest: fixed(32),
  baseFee: u64,
  gasUsed: count64,
  transactionCount: u32,
  firstEvent: count64,
  nextEvent: count64,
})

/** Byte strings one after another: transactions or receipts of one block. */
export const byteLists: Field<readonly Uint8Array[]> = list(sized)

export interface TransactionPlace {
  readonly height: number
  readonly index: number
}
export const transactionPlace: Field<TransactionPlace> = struct<TransactionPlace>({ height: count64, index: u32 })

/** How far back the history goes. */
export interface HistoryRow {
  /** Lowest height that is kept; heights below are gone. */
  readonly oldest: number
  /** Heights below this may go. */
  readonly keepFrom: number
}
export const historyRow: Field<HistoryRow> = struct<HistoryRow>({ oldest: count64, keepFrom: count64 })

/** Heights of the blocks of a closed epoch. */
export interface EpochSpan {
  readonly first: number
  readonly last: number
}
export const epochSpan: Field<EpochSpan> = struct<EpochSpan>({ first: count64, last: count64 })

export const heightKey: Field<number> = u64be
