/** The node's end of all paying sessions: who is let in, how far ahead of its acknowledgements it is served, what is claimed. */
import type { AckStore } from './ack-store.ts'
import type { EpochRules } from './check.ts'
import type { ClaimedSession } from './claim-builder.ts'
import type { NodePayments, PriceFrame } from './ports.ts'

export interface BooksComponents {
  /** What the ledger judges a claim of `epoch` by; undefined: it knows no such epoch. */
  readonly rules: (epoch: bigint) => EpochRules | undefined
  /** What stands behind an account for this node; undefined: nobody who pays. */
  readonly means: (account: Uint8Array) => AccountMeans | undefined
  readonly store: AckStore
  readonly nowMs: () => number
  readonly rand: (bytes: number) => Uint8Array
}

/** Of the ledger's final state, in µUSD. */
export interface AccountMeans {
  readonly clientIndex: number
  /** Prepaid, less what is on its way out. */
  readonly free: bigint
  readonly epochCap: bigint
  readonly minNonce: bigint
  /** Set aside for this node alone. */
  readonly reserve: bigint
  /** Nodes that claimed from the account in the last settled epoch. */
  readonly creditors: number
}

export interface BooksOptions {
  readonly chainId: number
  readonly nodeKey: Uint8Array
  readonly nodeIndex: number
  readonly epochMs: number
}

export interface Books extends NodePayments {
  /** The ledger's view changed: EPOCH and PRICE to all sessions; the old chains close after their grace. */
  changeEpoch(place: { readonly epoch: bigint; readonly priceVersion: number; readonly price: PriceFrame }): void
  /** Payable evidence of a closed epoch, once its grace is over; durable, the same again after a restart. Undefined: not yet. */
  takeEpoch(epoch: bigint): readonly ClaimedSession[] | undefined
  /** The claim of `epoch` is paid or void under a final block. */
  forget(epoch: bigint): Promise<void>
  readonly losses: { readonly writtenOffBytes: bigint; readonly defaults: number }
}
