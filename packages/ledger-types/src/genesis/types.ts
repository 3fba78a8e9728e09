/** A network's beginning, as values. */
import type { Payee } from '../calls/abi.ts'
import type { KeySet } from '../governance/actions.ts'
import type { Parameters } from '../governance/parameters.ts'
import type { Digest } from '../hash.ts'

export interface Prices {
  /** 10^-12 USD a byte. */
  readonly bytePrice: bigint
  /** 10^-12 USD a CPU microsecond. */
  readonly cpuPrice: bigint
  /** µUSD for one native token. */
  readonly nativePrice: bigint
}

/** Token 1 is the first of the list, which clients pay with. */
export interface GenesisToken {
  readonly symbol: string
  readonly name: string
  /** Of its bridge. */
  readonly keys: KeySet
  /** Most that is minted in an epoch. */
  readonly cap: bigint
}

export interface GenesisAccount {
  readonly address: Uint8Array
  readonly native: bigint
  /** Ascending by token. */
  readonly balances: readonly { readonly token: number; readonly amount: bigint }[]
}

/** Its nodeIndex is its place in the list. */
export interface GenesisNode {
  readonly owner: Uint8Array
  readonly nodeKey: Uint8Array
  readonly bls: Uint8Array
  readonly pop: Uint8Array
  /** By the node key, over the registration with the file's time. */
  readonly nodeSig: Uint8Array
  readonly noiseRecord: Uint8Array
  /** Encoded: see `decodeAddresses`. */
  readonly addresses: Uint8Array
  readonly stake: bigint
}

/** Its serviceId is its place in the list; service 0 is `cdn`. */
export interface GenesisService {
  readonly owner: Uint8Array
  readonly manifest: Uint8Array
  readonly multiplePpm: number
  readonly payees: readonly Payee[]
}

export interface GenesisContents {
  readonly chainId: number
  readonly timeMs: number
  readonly parameters: Parameters
  readonly governors: KeySet
  readonly tokens: readonly GenesisToken[]
  readonly prices: Prices
  /** Ascending by address. */
  readonly accounts: readonly GenesisAccount[]
  readonly nodes: readonly GenesisNode[]
  /** nodeIndex of each member, ascending. */
  readonly committee: readonly number[]
  readonly services: readonly GenesisService[]
}

export interface Genesis extends GenesisContents {
  /** SHA-256 of the file as it stands: what configurations pin. */
  readonly hash: Digest
}
