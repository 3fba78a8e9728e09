/**
 * What everything below the ledger knows of it: made once an epoch, frozen, pushed down. Nobody asks the ledger anything.
 *
 * Keys, hashes and accounts are bytes; money is `bigint` of micro-units; all else a `number`. Of epoch 0 it is made from genesis alone.
 */

/** A node of the registry that is not Idle. */
export interface MembershipNode {
  /** Place in the node registry, given once. */
  readonly index: number
  /** Ed25519, 32 bytes. */
  readonly nodeKey: Uint8Array
  /** BLS, 48 bytes. */
  readonly bls: Uint8Array
  /** Signed X25519 key of its sessions, 136 bytes. */
  readonly noiseRecord: Uint8Array
  /** 1 to 4; what is judged by subnet reads the first. */
  readonly addresses: readonly MembershipAddress[]
  /** 20 bytes. */
  readonly owner: Uint8Array
  readonly stake: bigint
  readonly delegated: bigint
  readonly score: number
  readonly state: 'optingIn' | 'active' | 'optingOut' | 'jailed'
}

/** A port of 0 is not offered. */
export interface MembershipAddress {
  /** 4 or 16 bytes. */
  readonly ip: Uint8Array
  readonly pool: number
  readonly sessions: number
  readonly websocket: number
  readonly pinger: number
}

/** A seat: `authority` is the place in the committee, sorted by Ed25519 key. */
export interface CommitteeSeat {
  readonly authority: number
  readonly nodeIndex: number
  /** Whole tokens, at least 1. */
  readonly stake: number
}

export interface ViewPrices {
  /** 10^-12 USD a byte. */
  readonly bytePrice: bigint
  /** 10^-12 USD a CPU microsecond. */
  readonly cpuPrice: bigint
  /** µUSD for one native token. */
  readonly nativePrice: bigint
}

export interface ViewService {
  readonly id: number
  /** Root of its manifest, 32 bytes. */
  readonly manifest: Uint8Array
  readonly version: number
  /** Its price as a share of the table, at most 10^6. */
  readonly multiplePpm: number
}

export interface MembershipView {
  readonly chainId: number
  readonly epoch: number
  /** SHA-256 of the genesis file, 32 bytes. */
  readonly genesisHash: Uint8Array
  /** Drawn in the epoch before; the genesis hash before the first. 32 bytes. */
  readonly beacon: Uint8Array
  readonly startMs: number
  readonly endMs: number
  /** Protocol version in force. */
  readonly version: number
  /** All but Idle ones, by index. */
  readonly nodes: readonly MembershipNode[]
  /** In authority order. */
  readonly committee: readonly CommitteeSeat[]
  /** By name; money is `bigint`. */
  readonly params: Readonly<Record<string, number | bigint>>
  readonly prices: ViewPrices
  readonly priceVersion: number
  readonly services: readonly ViewService[]
  /** Of the epoch before; empty in epoch 0. */
  readonly previous: { readonly committee: readonly CommitteeSeat[]; readonly nodes: readonly MembershipNode[] }
}
