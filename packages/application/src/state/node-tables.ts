/** Tables 6 to 8, 13, 14, 21, 22 and 26: the registry of nodes and what is known about each. */
import type { NetworkAddress } from '@selvedge/ledger-types'
import { count64, fixed, flag, list, sized, struct, u16, u32, u32be, u64, u64be, u128, u8, u16be, type Field } from './fields.ts'
import { defineTable, type Table } from './table.ts'

export const NODE_STATES = { idle: 0, optingIn: 1, active: 2, optingOut: 3, jailed: 4 } as const

export interface NodeRow {
  readonly owner: Uint8Array
  readonly nodeKey: Uint8Array
  readonly bls: Uint8Array
  readonly noiseRecord: Uint8Array
  readonly stake: bigint
  readonly lockedUntil: number
  /** µ of delegators. */
  readonly delegated: bigint
  readonly shares: bigint
  /** Native µ a share since the beginning, times 2^64. */
  readonly rewardPerShare: bigint
  /** ppm. */
  readonly commission: number
  readonly state: number
  /** Epoch from which it is in `state`. */
  readonly since: number
  /** Last epoch in which it was slashed; 0 for never. */
  readonly slashedIn: number
  readonly nonceBase: bigint
  readonly nonceBits: bigint
  readonly newestVersion: number
  readonly addresses: readonly NetworkAddress[]
}

/** As in registrations: kind 4 or 6 says how long the address is. */
const addressField: Field<NetworkAddress> = {
  text: 'kind u8 (4, 6) · ip 4 or 16 bytes · ports of pool, sessions, websocket, pinger, u16 each',
  write: (out, { ip, pool, sessions, websocket, pinger }) => {
    u8.write(out, ip.length === 4 ? 4 : 6)
    out.raw(ip)
    for (const port of [pool, sessions, websocket, pinger]) u16.write(out, port)
  },
  read: (from) => {
    const ip = fixed(u8.read(from) === 4 ? 4 : 16).read(from)
    return { ip, pool: u16.read(from), sessions: u16.read(from), websocket: u16.read(from), pinger: u16.read(from) }
  },
}
export const addressList: Field<readonly NetworkAddress[]> = list(addressField, u8)

export const nodes: Table<number, NodeRow> = defineTable(
  6,
  'nodes',
  u32be,
  struct<NodeRow>({
    owner: fixed(20),
    nodeKey: fixed(32),
    bls: fixed(48),
    noiseRecord: fixed(136),
    stake: u64,
    lockedUntil: count64,
    delegated: u64,
    shares: u128,
    rewardPerShare: u128,
    commission: u32,
    state: u8,
    since: count64,
    slashedIn: count64,
    nonceBase: u64,
    nonceBits: u64,
    newestVersion: u32,
    addresses: addressList,
  }),
  'By nodeIndex, which is never given twice. State 0 Idle, 1 OptingIn, 2 Active, 3 OptingOut, 4 Jailed.',
)

export const nodeKeys: Table<Uint8Array, number> = defineTable(
  7,
  'nodeKeys',
  fixed(32),
  u32,
  'By SHA-256 of a node key or BLS key: the node that first registered it. Never deleted.',
)

export interface DelegationKey {
  readonly nodeIndex: number
  readonly address: Uint8Array
}
export interface DelegationRow {
  readonly shares: bigint
  /** `shares · rewardPerShare` when it was last drawn, divided by 2^64. */
  readonly rewardDebt: bigint
}
export const delegations: Table<DelegationKey, DelegationRow> = defineTable(
  8,
  'delegations',
  struct<DelegationKey>({ nodeIndex: u32be, address: fixed(20) }),
  struct<DelegationRow>({ shares: u128, rewardDebt: u128 }),
  'Shares of a node’s pool that an account holds.',
)

export interface EpochNodeKey {
  readonly epoch: number
  readonly nodeIndex: number
}
export const epochNodeKey: Field<EpochNodeKey> = struct<EpochNodeKey>({ epoch: u64be, nodeIndex: u32be })

export interface ReportRow {
  readonly commit: Uint8Array
  readonly opened: boolean
  /** 16 bytes a target, as revealed. */
  readonly rows: Uint8Array
}
export const reports: Table<EpochNodeKey, ReportRow> = defineTable(
  13,
  'reports',
  epochNodeKey,
  struct<ReportRow>({ commit: fixed(32), opened: flag, rows: sized }),
  'What a node committed about others in an epoch, and revealed in the next.',
)

export interface ScoreRow {
  /** Newest first, at most 5. */
  readonly history: readonly number[]
  readonly accuracy: number
}
export const scores: Table<number, ScoreRow> = defineTable(
  14,
  'scores',
  u32be,
  struct<ScoreRow>({ history: list(u32, u8), accuracy: u32 }),
  'By node: its scores of the last 5 epochs, newest first, and how well it reports.',
)

export interface MemberRow {
  readonly nodeKey: Uint8Array
  readonly bls: Uint8Array
  /** Whole native tokens, at least 1. */
  readonly stake: bigint
  readonly nodeIndex: number
}
export const committees: Table<number, readonly MemberRow[]> = defineTable(
  21,
  'committees',
  u64be,
  list(struct<MemberRow>({ nodeKey: fixed(32), bls: fixed(48), stake: u64, nodeIndex: u32 }), u16),
  'By epoch: its members in authority order. unbondEpochs + 1 are kept.',
)

export interface EvidenceKey {
  readonly nodeIndex: number
  readonly cause: number
  readonly epoch: number
}
export const evidences: Table<EvidenceKey, number> = defineTable(
  22,
  'evidence',
  struct<EvidenceKey>({ nodeIndex: u32be, cause: u16be, epoch: u64be }),
  count64,
  'Height at which a node was slashed for a cause in an epoch: once is enough.',
)

export interface CoordinateRow {
  readonly epoch: number
  /** 24 × u16, little endian. */
  readonly values: Uint8Array
  readonly receiptRoot: Uint8Array
}
export const coordinates: Table<number, CoordinateRow> = defineTable(
  26,
  'coordinates',
  u32be,
  struct<CoordinateRow>({ epoch: count64, values: fixed(48), receiptRoot: fixed(32) }),
  'By node: where it is, as it last said.',
)
