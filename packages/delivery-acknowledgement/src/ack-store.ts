/** What the books keep for the ledger: the newest acknowledgement of each chain, durable (docs/architecture/durability.md). */
import type { Evidence } from './check.ts'

/** The newest of one chain: session, epoch and service. */
export interface ChainRecord {
  readonly evidence: Evidence
  readonly clientIndex: number
  /** µUSD. */
  readonly amount: bigint
}

/** What an account's past makes of its window (window.ts): a node that was started again is no fresh start for who owed it. Bytes, u32 each. */
export interface Standing {
  /** 20 bytes. */
  readonly account: Uint8Array
  /** In which `lostBytes` were written off. */
  readonly epoch: bigint
  readonly lostBytes: number
  readonly windowBytes: number
  /** Up to where the window grows slowly, since it was there at a default; 0: there was none. */
  readonly slowUntilBytes: number
  readonly defaults: number
}

export interface AckStore {
  /** The first of the next 2^16 lane nonces; durable before it returns. */
  nextNonceBlock(): bigint
  /** Replaces what the chain had. Durable after the next flush, which is at most 50 ms away. */
  put(record: ChainRecord): void
  /** Replaces what the account had; durable as a record is. Without it, and `standings`, a restart forgives. */
  putStanding?(standing: Standing): void
  standings?(): readonly Standing[]
  flush(): Promise<void>
  all(epoch: bigint): readonly ChainRecord[]
  forget(epoch: bigint): Promise<void>
  /** The last attempt to bring something to the disk failed, and it stands unwritten; without it, that never happens. */
  readonly isFailing?: boolean
  stop(): Promise<void>
}
