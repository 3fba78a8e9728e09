/** What the devnet and the process of a validator tell one another, over the channel of `fork` with structured cloning. */
import type { Mode } from '@selvedge/consensus'
import type { PublicIdentity, Seeds } from './identity.ts'

export interface ValidatorSettings {
  readonly self: number
  readonly seeds: Seeds
  readonly identities: readonly PublicIdentity[]
  /** Who sits in each epoch and by which mode it is ordered; the last one is repeated. */
  readonly epochs: readonly { readonly validators: readonly number[]; readonly mode: Mode }[]
  readonly genesisMs: number
  /** Holds `wal/` and `journal`. */
  readonly folder: string
  /** A joiner's journal must lead to this checkpoint, signed by a quorum of the epoch that it closed. */
  readonly joinsAt?: { readonly epoch: number; readonly certificate: Uint8Array }
}

export type ToValidator =
  | { readonly type: 'start'; readonly settings: ValidatorSettings }
  | { readonly type: 'submit'; readonly ticket: number; readonly transactions: readonly Uint8Array[] }
  | { readonly type: 'closeEpoch' }
  /** Connections to all others end, and are refused until they are named again. */
  | { readonly type: 'reach'; readonly validators: readonly number[] }
  | { readonly type: 'stop' }

export type FromValidator =
  | { readonly type: 'started' }
  | { readonly type: 'settled'; readonly ticket: number; readonly refused: readonly number[] }
  /** Given back: never to be ordered through this validator. */
  | { readonly type: 'returned'; readonly transactions: readonly Uint8Array[] }
  | { readonly type: 'applied'; readonly block: AppliedBlock }
  | { readonly type: 'certified'; readonly epoch: number; readonly height: number; readonly certificate: Uint8Array }
  | { readonly type: 'failed'; readonly reason: string }

export interface AppliedBlock {
  readonly epoch: number
  readonly index: number
  readonly height: number
  readonly isFinal: boolean
  /** Hex of the delivered transfers' ids. */
  readonly ids: readonly string[]
}
