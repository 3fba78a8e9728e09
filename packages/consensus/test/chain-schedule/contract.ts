/** The port of a chain's schedules (schedule.ts): a state machine above the order, small or shipped, with what it takes to drive it. */
import type { Random } from '@selvedge/simulator'
import type { CoreCrypto } from '../../src/core/contract.ts'
import type { Applied, EpochPlan, Executed, OrderedBlock } from '../../src/ports.ts'

/** The state machine of one member. What it has applied outlives every crash, as one atomic write a block. */
export interface ScheduledExecutor {
  lastApplied(): Applied & { readonly plan: EpochPlan }
  execute(block: OrderedBlock): Executed
  /** Of all that it has applied: equal where the same blocks were. */
  readonly roots: string
  /** The order has proven that somebody signed two things. */
  addEvidence(bytes: Uint8Array): void
  /** What this member wants to bring of its own accord; asked after each block. */
  takeTransactions(): readonly Uint8Array[]
}

export interface ScheduledLedger {
  readonly chainId: number
  readonly genesisHash: Uint8Array
  readonly genesis: EpochPlan
  /** Of all nodes there will ever be, by place: Ed25519 keys, and what signs and checks for the order. */
  readonly nodes: readonly { readonly key: Uint8Array; readonly crypto: CoreCrypto }[]
  /** Milliseconds of block time for each pick of the scheduler. */
  readonly paceMs: number
  /** The state machine of `place`, over what it has applied before. */
  open(place: number): ScheduledExecutor
  /** Of a client, never the same twice. */
  transaction(number: number, random: Random): Uint8Array
}
