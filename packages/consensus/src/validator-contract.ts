/** What a validator is made of, and what it does: `createValidator` (validator.ts) makes one. */
import type { CoreGauges, CoreOptions } from './core/contract.ts'
import type { Mode } from './dag/contract.ts'
import type { Submission } from './driver/submissions.ts'
import type { ConsensusError } from './errors.ts'
import type {
  CheckpointSigner,
  Clock,
  EpochPlan,
  Executed,
  Executor,
  Network,
  NodeKey,
  OrderedBlock,
  Store,
  TransactionVerifier,
} from './ports.ts'

export interface ValidatorComponents {
  readonly network: Network
  readonly store: Store
  readonly executor: Executor
  /** Signs headers, votes and blocks. `createKeyPair` of `@selvedge/crypto/ed25519` makes one. */
  readonly nodeKey: NodeKey
  /** Needed when the executor makes checkpoints (`createCheckpointSigner`). */
  readonly checkpointSigner?: CheckpointSigner
  /** Without one, transactions are not looked at, neither own nor others'. */
  readonly verifier?: TransactionVerifier
  /** @default the system's */
  readonly clock?: Clock
}

export interface ValidatorOptions {
  /** Not 0. */
  readonly chainId: number
  /** 32 bytes: two chains with one id cannot mix. */
  readonly genesisHash: Uint8Array
  /** The first epoch. */
  readonly genesis: EpochPlan
  /** Local settings of the core; what must be the same on every member stands in the plan of an epoch. */
  readonly core?: Omit<CoreOptions, 'parameters' | 'verifiesTransactions'>
  /** Bytes of own transactions that may wait for their batch, 64 more counted for each; beyond, they are refused with `CONSENSUS_OVERLOADED`. @default 16 MiB */
  readonly submitBytesMax?: number
  /** A block was applied by the executor. */
  readonly onBlock?: (block: OrderedBlock, executed: Executed) => void
  /** Members of stake Q have signed the checkpoint of this height (`decodeBlockCertificate`). */
  readonly onCertificate?: (epoch: number, height: number, certificate: Uint8Array) => void
  /**
   * Somebody has signed two things for one slot (`decodeEvidence`). While its epoch runs this validator orders it by itself; what is seen
   * later, as two signatures on a final checkpoint are, is ordered by whoever hears of it here. Told again at each start, as long as the
   * records of its epoch are here.
   */
  readonly onEvidence?: (epoch: number, evidence: Uint8Array) => void
  /**
   * Own transactions that this node cannot bring into any block, since it has no seat in the epoch that follows. Those that `submit` had
   * accepted are handed out again at each start, as long as the records of their epoch are here: keep them, and drop what was executed.
   */
  readonly onRetry?: (transactions: readonly Uint8Array[]) => void
}

/** What a validator is doing, for metrics. */
export interface ValidatorStatus {
  readonly phase: 'new' | 'running' | 'stopped' | 'failed'
  readonly epoch: number
  readonly mode: Mode
  /** Whether this node has a seat in the epoch. */
  readonly isMember: boolean
  /** Highest round with a quorum in the DAG; 0 before the first, and without a seat. */
  readonly round: number
  /** What the core holds; `undefined` without a seat. */
  readonly gauges: CoreGauges | undefined
  /** Index in the epoch of the last block that was applied. */
  readonly applied: number
  /** Sub-DAGs that wait for the executor. */
  readonly queued: number
  /** Node keys in hex. */
  readonly peers: readonly string[]
  /** Of own transactions that are in no batch yet. */
  readonly waitingBytes: number
  /** Frames that were not sent because their peer did not read. */
  readonly droppedFrames: number
  /** What the core counts, by name. */
  readonly counts: Readonly<Record<string, number>>
}

export interface Validator {
  /** Recovers what the store and the executor hold, and joins. */
  start(): Promise<void>
  /** Waits for the block that is being executed and for the disk. May be called twice. */
  stop(): Promise<void>
  /**
   * Brings transactions of own clients: 1 to 65,536 bytes each, borrowed until the promise settles. Settles when each is durable in a
   * batch of this validator, or refused; those that cannot wait are refused at once. Delivered is what `onBlock` and the executor see.
   * @throws {ConsensusError} `CONSENSUS_STOPPED` @throws the reason of `signal`: what it aborts may still be ordered.
   */
  submit(transactions: readonly Uint8Array[], options?: { readonly signal?: AbortSignal }): Promise<Submission>
  /** Puts a system transaction (`encodeSystemTransaction`) into the next proposal. */
  submitSystemTransaction(bytes: Uint8Array): void
  /** A checkpoint that was not ready when its block was executed. */
  addCheckpoint(epoch: number, checkpoint: { readonly height: number; readonly bytes: Uint8Array }): void
  status(): ValidatorStatus
  /** Settles when the validator has ended: with the failure that ended it, or with nothing after `stop`. */
  readonly closed: Promise<ConsensusError | undefined>
  [Symbol.asyncDispose](): Promise<void>
}
