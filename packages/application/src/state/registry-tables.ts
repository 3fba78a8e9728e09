/** Tables 9, 10, 15 to 20 and 23: services, content, prices, parameters, governance, bridges, tokens, files. */
import { count64, fixed, list, sized, struct, text, u16be, u32, u32be, u64, u64be, u8, type Field } from './fields.ts'
import { defineTable, type Table } from './table.ts'

const nothing: Field<null> = { text: '–', write: () => undefined, read: () => null }

export const SERVICE_STATES = { pending: 0, active: 1, removed: 2 } as const

export interface ServiceRow {
  readonly owner: Uint8Array
  readonly bond: bigint
  readonly state: number
  /** Newest version. */
  readonly version: number
  /** Epoch from which it is in `state`. */
  readonly since: number
}
export const services: Table<number, ServiceRow> = defineTable(
  9,
  'services',
  u32be,
  struct<ServiceRow>({ owner: fixed(20), bond: u64, state: u8, version: u32, since: count64 }),
  'By serviceId. State 0 pending, 1 active, 2 removed.',
)

export interface Payee {
  readonly address: Uint8Array
  readonly ppm: number
}
export interface ServiceVersionKey {
  readonly serviceId: number
  readonly version: number
}
export interface ServiceVersionRow {
  readonly manifest: Uint8Array
  readonly multiplePpm: number
  readonly payees: readonly Payee[]
  readonly from: number
}
export const serviceVersions: Table<ServiceVersionKey, ServiceVersionRow> = defineTable(
  10,
  'serviceVersions',
  struct<ServiceVersionKey>({ serviceId: u32be, version: u32be }),
  struct<ServiceVersionRow>({
    manifest: fixed(32),
    multiplePpm: u32,
    payees: list(struct<Payee>({ address: fixed(20), ppm: u32 }), u8),
    from: count64,
  }),
  'What a service is and whom it pays, from an epoch on.',
)

export interface ContentKey {
  readonly root: Uint8Array
  readonly nodeIndex: number
}
export const content: Table<ContentKey, null> = defineTable(
  15,
  'content',
  struct<ContentKey>({ root: fixed(32), nodeIndex: u32be }),
  nothing,
  'A node holds the content of a root.',
)

/** 10^-12 USD a byte and a CPU microsecond. */
export interface PriceRow {
  readonly bytePrice: bigint
  readonly cpuPrice: bigint
  readonly from: number
}
export const prices: Table<number, PriceRow> = defineTable(
  16,
  'prices',
  u32be,
  struct<PriceRow>({ bytePrice: u64, cpuPrice: u64, from: count64 }),
  'By priceVersion: 10^-12 USD a byte and a CPU microsecond, from an epoch on.',
)

export interface ParameterRow {
  readonly value: bigint
  /** Holds from epoch `from` on. */
  readonly next: bigint
  readonly from: number
}
export const parameters: Table<number, ParameterRow> = defineTable(
  17,
  'params',
  u16be,
  struct<ParameterRow>({ value: u64, next: u64, from: count64 }),
  'By parameter: its value, and the one that holds from an epoch on.',
)

export interface GovernorsRow {
  readonly addresses: readonly Uint8Array[]
  readonly threshold: number
}
export const governorsRow: Table<null, GovernorsRow> = defineTable(
  18,
  'governance.governors',
  nothing,
  struct<GovernorsRow>({ addresses: list(fixed(20), u8), threshold: u8 }),
  'Who may propose, and how many it takes.',
  'g',
)

export interface ProposalRow {
  readonly action: Uint8Array
  /** Epoch at whose start it is applied. */
  readonly epoch: number
  /** Epoch of its first approval. */
  readonly proposedIn: number
  readonly approvals: readonly Uint8Array[]
  /** How often its activation was put off. */
  readonly delays: number
}
export const proposals: Table<Uint8Array, ProposalRow> = defineTable(
  18,
  'governance.proposals',
  fixed(32),
  struct<ProposalRow>({ action: sized, epoch: count64, proposedIn: count64, approvals: list(fixed(20), u8), delays: u8 }),
  'By H(action ‖ epoch): an action and who has approved it.',
  'p',
)

export interface BridgeKey {
  readonly token: number
  readonly sourceId: Uint8Array
}
export const bridge: Table<BridgeKey, number> = defineTable(
  19,
  'bridge',
  struct<BridgeKey>({ token: u32be, sourceId: fixed(32) }),
  count64,
  'The epoch in which a source id was used. Never deleted.',
)

export interface TokenRow {
  readonly symbol: string
  readonly name: string
  readonly keys: readonly Uint8Array[]
  readonly threshold: number
  /** Most that may be minted in an epoch, µ. */
  readonly cap: bigint
  readonly minted: bigint
  readonly supply: bigint
}
export const tokens: Table<number, TokenRow> = defineTable(
  20,
  'tokens',
  u32be,
  struct<TokenRow>({ symbol: text, name: text, keys: list(fixed(20), u8), threshold: u8, cap: u64, minted: u64, supply: u64 }),
  'By token (from 1): its names, its bridge’s keys and threshold, the cap of an epoch and what was minted in this one, its supply.',
)

export const epochFiles: Table<number, Uint8Array> = defineTable(
  23,
  'epochFiles',
  u64be,
  fixed(32),
  'By closed epoch: the BLAKE3 root of its file.',
)
