/**
 * Table 1: what there is once, or once a node, and belongs to no other table. Each kind of row has a name before its key; none of the
 * names is the beginning of another (tested).
 */
import { count64, fixed, flag, list, rest, sized, struct, u16, u16be, u32, u32be, u64, u64be, u8, type Field } from './fields.ts'
import { defineTable, type Table } from './table.ts'

/** No key behind the name. */
const single: Field<null> = { text: '–', write: () => undefined, read: () => null }

const meta = <K, V>(name: string, key: Field<K>, value: Field<V>, note: string): Table<K, V> =>
  defineTable(1, `meta.${name}`, key, value, note, name)

/** The last block that was executed, and what the next one needs of it. */
export interface BlockRow {
  readonly height: number
  /** Index of its sub-DAG in its epoch; 0 before the first block of an epoch. */
  readonly index: number
  readonly timestampMs: number
  readonly subDagDigest: Uint8Array
  readonly blockDigest: Uint8Array
  readonly gasUsed: number
  readonly excess: bigint
  /** Of the next block, 10^-9 native a gas. */
  readonly baseFee: bigint
  /** `seq` of the next event. */
  readonly nextEvent: number
}
export const blockRow: Table<null, BlockRow> = meta(
  'block',
  single,
  struct<BlockRow>({
    height: count64,
    index: count64,
    timestampMs: count64,
    subDagDigest: fixed(32),
    blockDigest: fixed(32),
    gasUsed: count64,
    excess: u64,
    baseFee: u64,
    nextEvent: count64,
  }),
  'The last block, the fee of the next one and the number of the next event.',
)

/** The running epoch. */
export interface EpochRow {
  readonly epoch: number
  /** Time of the final block before it. */
  readonly startMs: number
  readonly endMs: number
  /** Height of the final block before it; 0 is genesis. */
  readonly startHeight: number
  /** The same of the epoch before. */
  readonly previousHeight: number
  /** Digest of that block's sub-DAG; the genesis hash before the first. */
  readonly startSubDag: Uint8Array
  /** Version of the rules that hold. */
  readonly version: number
  /** Steps of the epoch's clock that are done, as bits: 1 T1, 2 beacon drawn, 4 T2, 8 points drawn, 16 last answers to disputes. */
  readonly clock: number
  /** Whether the committee is one that stayed since there were too few candidates. */
  readonly stayed: boolean
}
export const epochRow: Table<null, EpochRow> = meta(
  'epoch',
  single,
  struct<EpochRow>({
    epoch: count64,
    startMs: count64,
    endMs: count64,
    startHeight: count64,
    previousHeight: count64,
    startSubDag: fixed(32),
    version: u32,
    clock: u32,
    stayed: flag,
  }),
  'The running epoch; `clock` has a bit for each step of its clock that is done (1: T1, 2: beacon, 4: T2, 8: points of claims drawn, 16: last answer to a dispute).',
)

/** Sums of the native token, in µ. `native` = genesis + `minted` − `burnt`. */
export interface SupplyRow {
  readonly native: bigint
  readonly minted: bigint
  readonly burnt: bigint
  /** `native` when the year began. */
  readonly year: bigint
  /** Protocol fund, native. */
  readonly fund: bigint
  /** Protocol fund, µUSD. */
  readonly fundUsd: bigint
  /** Rewards of delegators that nobody has drawn yet, native. */
  readonly rewards: bigint
}
export const supplyRow: Table<null, SupplyRow> = meta(
  'supply',
  single,
  struct<SupplyRow>({ native: u64, minted: u64, burnt: u64, year: u64, fund: u64, fundUsd: u64, rewards: u64 }),
  'Sums of the native token, the protocol fund and what delegators have not drawn.',
)

/** What is given next, and never twice. */
export interface CounterRow {
  readonly node: number
  /** From 1: 0 in an account means that it is no client. */
  readonly client: number
  readonly service: number
  readonly priceVersion: number
  readonly queue: number
  readonly outgoing: number
}
export const counterRow: Table<null, CounterRow> = meta(
  'counters',
  single,
  struct<CounterRow>({ node: u32, client: u32, service: u32, priceVersion: u32, queue: count64, outgoing: count64 }),
  'The next nodeIndex, clientIndex (from 1), serviceId, priceVersion, place in the queue and number of a bridge exit.',
)

export interface BeaconRow {
  readonly beacon: Uint8Array
  readonly withheld: number
}
export const beacons: Table<number, BeaconRow> = meta(
  'beacon',
  u64be,
  struct<BeaconRow>({ beacon: fixed(32), withheld: u16 }),
  'By epoch: the beacon drawn in it, and how many commits had no reveal. Three epochs are kept.',
)

export interface AuthorityHash {
  readonly author: number
  readonly hash: Uint8Array
}
const authorityHashes = list(struct<AuthorityHash>({ author: u16, hash: fixed(32) }), u16)

/** The beacon's round of the running epoch. Both lists ascend by author. */
export interface RoundRow {
  readonly commits: readonly AuthorityHash[]
  readonly reveals: readonly AuthorityHash[]
}
export const roundRow: Table<null, RoundRow> = meta(
  'round',
  single,
  struct<RoundRow>({ commits: authorityHashes, reveals: authorityHashes }),
  'Commits and reveals of the running beacon round, ascending by author.',
)

/** Authorities whose ReadyToClose was ordered in this epoch, in that order. */
export const readyRow: Table<null, readonly number[]> = meta('ready', single, list(u16, u16), 'Who is ready to close the epoch, in order.')

/** Votes for the root of a closed epoch's file, by authorities of `voters`' committee. */
export interface FileVotesRow {
  readonly voters: number
  readonly votes: readonly AuthorityHash[]
}
export const fileVotes: Table<number, FileVotesRow> = meta(
  'files',
  u64be,
  struct<FileVotesRow>({ voters: count64, votes: authorityHashes }),
  'By closed epoch: votes for the root of its file. `voters` is the epoch whose committee voted.',
)

/** Gas of free duties that a node has used in `epoch`. */
export interface DutyRow {
  readonly epoch: number
  readonly gas: bigint
}
export const duties: Table<number, DutyRow> = meta(
  'duty',
  u32be,
  struct<DutyRow>({ epoch: count64, gas: u64 }),
  'By node: gas of free duties used in `epoch`.',
)

/** A node's changes that hold from the next epoch. */
export interface PendingNodeRow {
  /** 136 bytes, or none when it does not change. */
  readonly noiseRecord: Uint8Array
  /** As in the node's record; none when they do not change. */
  readonly addresses: Uint8Array
  /** ppm, or 2^32 − 1 when it does not change. */
  readonly commission: number
  /** Whether kind 3 was used in this epoch. */
  readonly byNode: boolean
}
export const pendingNodes: Table<number, PendingNodeRow> = meta(
  'pending',
  u32be,
  struct<PendingNodeRow>({ noiseRecord: sized, addresses: sized, commission: u32, byNode: flag }),
  'By node: key record, addresses and commission that hold from the next epoch.',
)

/** What is queued for an account, so that limits need no search. */
export interface OwnerRow {
  /** Entries of the unbonding queue. */
  readonly unbonding: number
  /** Entries of the withdrawal queue. */
  readonly withdrawals: number
  /** Unbonded, native µ: `claimUnbonded` pays it. */
  readonly claimable: bigint
}
export const owners: Table<Uint8Array, OwnerRow> = meta(
  'owner',
  fixed(20),
  struct<OwnerRow>({ unbonding: u8, withdrawals: u8, claimable: u64 }),
  'By account: entries in the queues, and what is unbonded and not drawn. No row when all are 0.',
)

export interface QueuePlace {
  readonly due: number
  readonly seq: number
}
/** Where a node's own stake stands in the queue, in the order in which it left: at most as many as its owner may have. */
export const unstaking: Table<number, readonly QueuePlace[]> = meta(
  'unstaking',
  u32be,
  list(struct<QueuePlace>({ due: count64, seq: count64 }), u8),
  'By node: places in the queue of its own stake, in the order in which it left.',
)

/**
 * Delegations that leave a node together: entries of the queue from number `from` on, up to the next pool's. `total` is what they say, `left`
 * what is there of it; a slash takes from `left`, so it touches no entry, and the next to leave begin a pool of their own.
 */
export interface LeavingPool {
  readonly from: number
  readonly total: bigint
  readonly left: bigint
}
export interface LeavingKey {
  readonly nodeIndex: number
  readonly due: number
}
export const leavingPools: Table<LeavingKey, readonly LeavingPool[]> = meta(
  'leaving',
  struct<LeavingKey>({ nodeIndex: u32be, due: u64be }),
  list(struct<LeavingPool>({ from: count64, total: u64, left: u64 }), u16),
  'By node and due epoch: delegations on their way out. Each pool has the entries of the queue from `from` on, which are worth `left` of `total`.',
)

/** A node as the view of an epoch has it; weight is 0 for one that was not Active. */
export interface SeatRow {
  readonly nodeIndex: number
  /** Stake and delegated when the epoch began. */
  readonly weight: bigint
  /** First address: kind 4 or 6, or 0 for none, and its bytes with zeros behind. */
  readonly addressKind: number
  readonly address: Uint8Array
}
export interface SeatsKey {
  readonly epoch: number
  readonly chunk: number
}
export const seats: Table<SeatsKey, readonly SeatRow[]> = meta(
  'seats',
  struct<SeatsKey>({ epoch: u64be, chunk: u16be }),
  list(struct<SeatRow>({ nodeIndex: u32, weight: u64, addressKind: u8, address: fixed(16) })),
  'By epoch and chunk of 512: the nodes that were Active when it began, with weight and first address. Three epochs are kept.',
)

/** Number of rows of the content index that a node has. */
export const contentCounts: Table<number, number> = meta('items', u32be, u32, 'By node: rows of the content index that it has.')

/** Values of the native token in µUSD with the epoch from which each holds, ascending; what ended 30 epochs ago is dropped. */
export interface PriceStep {
  readonly from: number
  readonly price: bigint
}
export const nativePrices: Table<null, readonly PriceStep[]> = meta(
  'native',
  single,
  list(struct<PriceStep>({ from: count64, price: u64 }), u16),
  'µUSD of one native token, each with the epoch from which it holds; those of the last 30 epochs.',
)

/** Events that wait for a receipt (`epoch/untold-events.ts`): chunks `first` to `end` − 1. No row when none waits. */
export interface UntoldRow {
  readonly first: number
  readonly end: number
}
export const untoldRow: Table<null, UntoldRow> = meta(
  'waiting',
  single,
  struct<UntoldRow>({ first: count64, end: count64 }),
  'Chunks of events that no receipt had room for: `first` to `end` − 1. No row when there is none.',
)
export const untoldChunks: Table<number, Uint8Array> = meta(
  'events',
  u64be,
  rest,
  'By chunk: events that wait, as a receipt without anything else has them; numbered from 0, since they have no number yet.',
)

/** The chain itself: what a state must say to be this chain's. */
export interface ChainRow {
  readonly chainId: number
  readonly genesisHash: Uint8Array
}
export const chainRow: Table<null, ChainRow> = meta(
  'chain',
  single,
  struct<ChainRow>({ chainId: u32, genesisHash: fixed(32) }),
  'Which chain this state belongs to.',
)

/** Where a bounded deletion goes on, by its name. */
export const cursors: Table<Uint8Array, Uint8Array> = meta('cursor', rest, sized, 'By name: the key at which a bounded deletion goes on.')
