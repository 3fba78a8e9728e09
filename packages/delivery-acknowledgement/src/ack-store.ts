/** What the books keep for the ledger: the newest acknowledgement of each chain, durable (docs/architecture/durability.md). */
import type { Evidence } from './check.ts'

/** The newest of one chain: session, epoch and service. */
export interface ChainRecord {
  readonly evidence: Evidence
  readonly clientIndex: number
  /** µUSD. */
  readonly amount: bigint
}

export interface AckStore {
  /** The first of the next 2^16 lane nonces; durable before it returns. */
  nextNonceBlock(): bigint
  /** Replaces what the chain had. Durable after the next flush, which is at most 50 ms away. */
  put(record: ChainRecord): void
  flush(): Promise<void>
  all(epoch: bigint): readonly ChainRecord[]
  forget(epoch: bigint): Promise<void>
  /** The last attempt to bring something to the disk failed, and it stands unwritten; without it, that never happens. */
  readonly isFailing?: boolean
  stop(): Promise<void>
}
