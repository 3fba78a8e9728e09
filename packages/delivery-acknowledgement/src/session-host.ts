import type { AckStore } from './ack-store.ts'
import type { EpochRules } from './check.ts'
import type { PriceFrame } from './ports.ts'

/** What all sessions of a node share. */
export interface SessionHost {
  readonly chainId: number
  readonly nodeKey: Uint8Array
  readonly rules: (epoch: bigint) => EpochRules | undefined
  readonly store: AckStore
  readonly nowMs: () => number
  /** Delegations that were found signed. */
  readonly signed: Set<string>
  readonly losses: { writtenOffBytes: bigint; defaults: number }
  /** Of the running epoch. */
  price: PriceFrame
  /** When the grace of the epoch before ends; undefined: it is over. */
  closesMs: number | undefined
  closeOld(): void
}
