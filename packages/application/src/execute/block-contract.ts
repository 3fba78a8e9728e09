/** What goes into `execute` and what comes out. The input fits what consensus hands on, without either knowing the other. */
import type { MembershipView } from '@selvedge/interface'
import type { Code, LedgerEvent } from '@selvedge/ledger-types'

/** What a worker thread found out about one transaction, so that execution need not. */
export interface Verdict {
  /** Whether the signature is good: of a node transaction under `nodeKey`. */
  readonly isSigned: boolean
  /** Who signed, 20 bytes, of an account's transaction. */
  readonly sender?: Uint8Array
  /** Of a node's transaction the key that was asked about. The verdict is of use only while the registry has the same. */
  readonly nodeKey?: Uint8Array
  /** `transactionId`, 32 bytes. */
  readonly id?: Uint8Array
  /** The leaf of the bytes in txRoot, 32 bytes. */
  readonly leaf?: Uint8Array
}

export type BlockItem =
  | { readonly type: 'system'; readonly author: number; readonly bytes: Uint8Array }
  | {
      readonly type: 'transactions'
      readonly author: number
      readonly transactions: readonly Uint8Array[]
      /** One a transaction, `undefined` where nobody looked. They are trusted: they come from this node's own threads. */
      readonly verdicts?: readonly (Verdict | undefined)[]
    }

/** One sub-DAG with its bytes. */
export interface LedgerBlock {
  readonly epoch: number
  /** Counts from 1 in each epoch. */
  readonly index: number
  /** Digest of the sub-DAG. */
  readonly digest: Uint8Array
  /** Never falls. The only time that execution knows. */
  readonly timestampMs: number
  readonly items: readonly BlockItem[]
}

/** One transaction of a block that left a trace, or the block itself (`id` zero). */
export interface Executed {
  readonly id: Uint8Array
  readonly code: Code
  readonly events: readonly LedgerEvent[]
}

export interface Outcome {
  readonly height: number
  readonly epoch: number
  readonly blockDigest: Uint8Array
  readonly stateRoot: Uint8Array
  /** 253 bytes to be signed; `undefined` while the snapshot that it must name is not hashed (`provideSnapshotRoot`). */
  readonly checkpoint: Uint8Array | undefined
  readonly gasUsed: number
  /** Base fee of the next block, 10^-9 native a gas. */
  readonly nextBaseFee: bigint
  /** Number of the first event of this block, and of the next one's. */
  readonly firstEvent: number
  readonly nextEvent: number
  readonly executed: readonly Executed[]
  /** By batch author: how many of his transactions were refused. */
  readonly refused: ReadonlyMap<number, number>
  /** Transactions after the closing one: not seen, to be offered again. */
  readonly retried: number
  /** The last block of its epoch: what holds now. */
  readonly final: { readonly view: MembershipView } | undefined
}
