/**
 * The core of a validator for one epoch: an event in, effects out. Nothing here waits, reads a clock or throws on what a peer sent.
 *
 * Effects are done in order, and a `persist` is a barrier: what stands after it waits until it is durable. The driver (../validator.ts,
 * or a simulation) groups the persists of one turn into one sync, and decides nothing.
 *
 * Source: docs/protocol/consensus.md, "Core".
 */
import type { Commit, Mode } from '../dag/contract.ts'
import type { Authority, Digest, Member } from '../wire/types.ts'

/** Two clocks: `nowMs` never falls (time-outs), `unixMs` is the wall's (createdAt) and may jump. */
export interface Time {
  readonly nowMs: number
  readonly unixMs: number
}

/** What is kept, by kind and key. A later record of the same kind and key replaces the earlier one. */
export type RecordKind =
  | 'proposed' // own header, one record for each round: signed bytes
  | 'voted' // by author: the last vote given, encoded
  | 'batch' // by digest: encoded batch
  | 'certificate' // by digest
  | 'block' // by digest: signed block
  | 'subDag' // by index: encoded sub-DAG and the rule's snapshot after it
  | 'checkpoint' // by height: digest that was signed
  | 'floor' // slot floor after amnesia, boot counter
  | 'evidence'
  | 'plan' // what the epoch was made from, written by the driver: an epoch that is only served is set up from it

export interface StoredRecord {
  readonly kind: RecordKind
  /** Hex of a digest, or a decimal number. */
  readonly key: string
  /** For range reads in order: of certificates and blocks. */
  readonly round?: number
  readonly author?: Authority
  readonly bytes: Uint8Array
}

/** A synchronous view of the epoch's durable records: for recovery, and for answering peers. Nothing here waits on the network. */
export interface StoreView {
  get(kind: RecordKind, key: string): Uint8Array | undefined
  has(kind: RecordKind, key: string): boolean
  /** Certificates or blocks of rounds above `afterRound`, by (round, author); all records of another kind, in the order of writing. */
  entries(kind: RecordKind, afterRound?: number): Iterable<StoredRecord>
}

/**
 * What ended an epoch inside its final sub-DAG, by the word of the executor, which alone knows what it refuses: the last item of it that was
 * executed. `undefined` where all of it was; `'unknown'` where nobody can tell any more: then all of it counts as not executed, since what
 * is ordered twice does less harm than what is lost.
 */
export type ClosedBy = { readonly author: Authority; readonly bytes: Uint8Array } | 'unknown'

export type CoreEvent =
  | { readonly type: 'start' } // after construction, once; recovery has been read from the view
  | { readonly type: 'frame'; readonly from: Authority; readonly frame: Uint8Array } // the connection proved `from`; the bytes are the core's now
  /** Several at once, in order: each means what it means alone, and what they lead to is looked at once. */
  | { readonly type: 'frames'; readonly frames: readonly { readonly from: Authority; readonly frame: Uint8Array }[] }
  | { readonly type: 'connected'; readonly peer: Authority } // anew: it may have missed what was said before
  | { readonly type: 'tick' } // the time of the last `timer` has come
  | { readonly type: 'transactions'; readonly transactions: readonly Uint8Array[] } // own clients', already verified
  | { readonly type: 'systemTransaction'; readonly bytes: Uint8Array } // from the application above
  | { readonly type: 'verified'; readonly id: string; readonly isValid: boolean } // answers a `verify`
  | { readonly type: 'executed'; readonly index: number; readonly isFinal: false }
  | { readonly type: 'executed'; readonly index: number; readonly isFinal: true; readonly closedBy: ClosedBy | undefined }
  | { readonly type: 'checkpoint'; readonly height: number; readonly bytes: Uint8Array }
  | { readonly type: 'checkpointSigned'; readonly height: number; readonly signature: Uint8Array } // answers a `signCheckpoint`
  | {
      readonly type: 'checkpointChecked'
      readonly height: number
      readonly bad: readonly Authority[]
      /** Of all signers; `undefined` where one is bad. */
      readonly aggregate: Uint8Array | undefined
    }
  | { readonly type: 'certificateChecked'; readonly height: number; readonly isValid: boolean } // answers a `checkCertificate`

/** What a committed vertex brings to execution, in order. Bytes are in the store under these keys. */
export type OrderedItem =
  | { readonly type: 'system'; readonly author: Authority; readonly bytes: Uint8Array }
  | { readonly type: 'batch'; readonly author: Authority; readonly digest: Digest }
  | { readonly type: 'block'; readonly author: Authority; readonly digest: Digest }

export type CoreEffect =
  | { readonly type: 'send'; readonly to: Authority | 'others'; readonly frame: Uint8Array }
  | { readonly type: 'persist'; readonly records: readonly StoredRecord[] } // barrier
  | { readonly type: 'timer'; readonly atMs: number } // replaces the one before; monotonic
  | { readonly type: 'emit'; readonly commit: Commit; readonly items: readonly OrderedItem[] } // index by index
  | { readonly type: 'answer'; readonly to: Authority; readonly request: Uint8Array } // serve from the store: core/answers.ts does it
  | { readonly type: 'verify'; readonly id: string; readonly transactions: readonly Uint8Array[] } // signatures, in worker threads
  | { readonly type: 'signCheckpoint'; readonly height: number; readonly bytes: Uint8Array }
  | {
      readonly type: 'checkCheckpoint' // all over the same bytes
      readonly height: number
      readonly bytes: Uint8Array
      readonly signers: readonly Authority[]
      readonly signatures: readonly Uint8Array[]
    }
  | {
      readonly type: 'checkCertificate' // one aggregate over the keys of all signers
      readonly height: number
      readonly bytes: Uint8Array
      readonly signers: readonly Authority[]
      readonly aggregate: Uint8Array
    }
  | { readonly type: 'certified'; readonly height: number; readonly certificate: Uint8Array } // a block certificate is complete
  | { readonly type: 'evidence'; readonly bytes: Uint8Array } // proven equivocation
  | { readonly type: 'accepted'; readonly count: number } // the oldest own transactions not yet told of are durable in a batch (or block)
  | { readonly type: 'overloaded'; readonly transactions: readonly Uint8Array[] } // own, refused at once: too much of mine waits (2.14)
  /** Own, never to be ordered in this epoch. The first `told` were told of by `accepted` and are promised; the rest were still waiting. */
  | { readonly type: 'retry'; readonly transactions: readonly Uint8Array[]; readonly told: number }
  | { readonly type: 'halt'; readonly reason: string } // more than a third is faulty; nothing follows
  | { readonly type: 'count'; readonly name: CoreCount; readonly by: number } // for metrics and tests

export type CoreCount = string

/** Pure functions, so that large simulations may bring cheaper ones. Ed25519, but for the last. */
export interface CoreCrypto {
  sign(message: Uint8Array): Uint8Array
  isSigned(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean
  /** BLS, for evidence of two checkpoints only: rare, at most a few an epoch, and every member must find the same. */
  isCheckpointSigned(signature: Uint8Array, message: Uint8Array, blsKey: Uint8Array): boolean
}

export interface CoreComponents {
  readonly crypto: CoreCrypto
  readonly store: StoreView
  /** 32-bit unsigned, for retry targets only: it decides nothing that two members must agree on. */
  readonly random: () => number
}

/** One epoch, the same on every member but for `self`. */
export interface EpochSetup {
  readonly chainId: number
  readonly epoch: number
  readonly genesisHash: Digest
  readonly committee: readonly Member[]
  readonly self: Authority
  readonly mode: Mode
  readonly beacon: Digest
  readonly previous: { readonly subDagDigest: Digest; readonly timestampMs: number }
  /** Index of the last sub-DAG that the executor has applied in this epoch; 0 for none. */
  readonly lastApplied: number
  /** The records of this epoch may be lost (2.11, amnesia): true on every first boot. */
  readonly isFirstBoot: boolean
}

/** Local settings; members may differ in these. */
export interface CoreOptions {
  /** @default 500_000 */
  readonly batchBytesMax?: number
  /** @default 100 */
  readonly batchDelayMsMax?: number
  /** Longest wait of an empty proposal. @default 100 */
  readonly idleDelayMsMax?: number
  /** @default 50 */
  readonly roundDelayMsMin?: number
  /**
   * Certified rounds that take long are made less often, up to this (where checks of batches take long, up to 150 ms whatever it is):
   * what they cost is left to what they carry. @default roundDelayMsMin
   */
  readonly roundDelayMsMax?: number
  /** The adaptive leader time-out stays between these. @default 100 and 2_000 */
  readonly leaderTimeoutMsMin?: number
  readonly leaderTimeoutMsMax?: number
  /** Whether batches of others are checked transaction by transaction. @default true */
  readonly verifiesTransactions?: boolean
  /** The same on every member: gcDepth, scheduleCommits, leadersPerRound, workers. */
  readonly parameters?: {
    readonly gcDepth?: number
    readonly scheduleCommits?: number
    readonly leadersPerRound?: number
    readonly workers?: number
  }
}

/** Where a core stands, and the sizes of what peers could make grow. */
export interface CoreGauges {
  /** Highest round with a quorum in the DAG. */
  readonly round: number
  readonly gcRound: number
  readonly lastCommittedRound: number
  /** Headers, certificates or blocks that wait for something. */
  readonly waiting: number
  readonly vertices: number
  /** Committed vertices above gcRound. */
  readonly done: number
}

export interface Core {
  readonly mode: Mode
  /** For metrics and tests; decides nothing. */
  readonly gauges: CoreGauges
  /** A vertex that this very process made was ordered: so nothing of a later epoch can have been signed before it started (2.11). */
  readonly isLive: boolean
  step(event: CoreEvent, time: Time, effects: CoreEffect[]): void
}
