/** What a node trusts in place of genesis: the committee of an epoch that began by decree, and the state that it began from. */
import type { CommitteeMember } from '@selvedge/ledger-types'
import type { EpochStart } from '@selvedge/synchronizer'

export interface Pin {
  readonly chainId: number
  /** SHA-256 of the genesis file, 32 bytes: the network is still that one. */
  readonly genesisHash: Uint8Array
  readonly epoch: number
  /** In authority order. */
  readonly committee: readonly CommitteeMember[]
  readonly start: EpochStart
}
