/** What a chain of epochs is made from in tests, and what its executors keep. */
import type { ClosedBy, CoreOptions, EpochSetup } from '../../src/core/contract.ts'
import type { ClosedEpoch, EpochsEffect } from '../../src/core/epochs-contract.ts'
import type { Commit, Mode } from '../../src/dag/contract.ts'
import type { Authority } from '../../src/wire/types.ts'

export interface ChainOptions {
  readonly seed: number
  /** By epoch: its mode, and which of the nodes sit in it. */
  readonly epochs: readonly { readonly mode: Mode; readonly nodes: readonly number[]; readonly parameters?: CoreOptions['parameters'] }[]
  /** Block time of an epoch. */
  readonly epochMs: number
  readonly core?: CoreOptions
  /** Nodes that say `readyToClose` as soon as an epoch begins, when every executor refuses it. */
  readonly hasty?: readonly number[]
}

export interface ExecutedBlock {
  readonly epoch: number
  readonly index: number
  readonly digest: string
  readonly transactions: readonly string[]
}

/** What an executor keeps, whatever happens to the process. */
export interface Applied {
  blocks: ExecutedBlock[]
  setup: EpochSetup
  index: number
  startedAtMs: number
  readonly ready: Set<Authority>
  readonly closed: ClosedEpoch[]
  /** How the epoch before ended. */
  readonly closedBy?: ClosedBy
}

export type Emitted = { readonly epoch: number; readonly commit: Commit; readonly items: readonly Item[] }
export type Item = Extract<Extract<EpochsEffect, { type: 'epoch' }>['effect'], { type: 'emit' }>['items'][number]
