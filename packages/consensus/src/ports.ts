/**
 * What a validator needs of whoever embeds it, as narrow as it can be. Types are structural: nobody need import them to fit them.
 *
 * Validators are addressed by node key everywhere here. Authority indices belong to one epoch and stay inside it.
 */
import type { ClosedBy, StoredRecord, StoreView } from './core/contract.ts'
import type { NextEpoch, PeerKey } from './core/epochs-contract.ts'
import type { Authority, Digest, SubDag } from './wire/types.ts'

export interface Clock {
  /** Never falls. */
  nowMs(): number
  /** The wall's, Unix milliseconds; may jump. */
  unixMs(): number
  /** Runs `run` once after `delayMs`. @returns cancels it. */
  schedule(delayMs: number, run: () => void): () => void
}

export interface NetworkEvents {
  /** A whole frame of a peer whose key was proven. The bytes are the receiver's own from here on. */
  readonly onFrame: (from: PeerKey, frame: Uint8Array) => void
  readonly onPeer: (peer: PeerKey, isConnected: boolean) => void
}

/** Frames between validators who know one another's keys. In order for each peer while a connection lasts; nothing more is promised. */
export interface Network {
  start(events: NetworkEvents): Promise<void>
  /** Whoever may be connected from now on, this validator itself left out; connections of all others end. */
  setPeers(peers: readonly PeerKey[]): void
  /** Queues a frame. Dropped when there is no connection; never waits. `frame` must not change afterwards. */
  send(to: PeerKey, frame: Uint8Array): void
  /** Bytes that were given to `send` and not yet to the system. */
  queuedBytes(to: PeerKey): number
  /** No `onFrame` of this peer until `resume`; the peer is slowed down, nothing is dropped. */
  pause(peer: PeerKey): void
  resume(peer: PeerKey): void
  stop(): Promise<void>
}

/** The records of one epoch. Everything appended can be read at once; it is durable after the next `sync` of the store. */
export interface EpochStore extends StoreView {
  /** In order. The bytes are kept, not copied: they must not change. */
  append(records: readonly StoredRecord[]): void
}

/** An append-only log with one folder for each epoch. One process a store. */
export interface Store {
  /** Reads what is there. @throws {ConsensusError} `CONSENSUS_STORE_LOCKED`, `CONSENSUS_STORE_DAMAGED`, `CONSENSUS_STORE_FAILED` */
  start(): Promise<void>
  /** Epochs that have records, ascending. */
  epochs(): readonly number[]
  /** The records of `epoch`; made empty where there are none. */
  epoch(epoch: number): EpochStore
  /** Everything appended before this call, in every epoch, is durable. @throws {ConsensusError} `CONSENSUS_STORE_FAILED`, for ever after the first time */
  sync(): Promise<void>
  /** Deletes the records of `epoch`. */
  drop(epoch: number): Promise<void>
  stop(): Promise<void>
}

/** What an epoch is made from: equal on every member. */
export interface EpochPlan extends NextEpoch {
  /** The final sub-DAG of the epoch before; for the first epoch the genesis hash and the genesis time. */
  readonly previous: { readonly subDagDigest: Digest; readonly timestampMs: number }
}

/** What one vertex of a block brings, in order. */
export type BlockItem =
  | { readonly type: 'system'; readonly author: Authority; readonly bytes: Uint8Array }
  /** Views into one batch: copy what is kept. */
  | { readonly type: 'transactions'; readonly author: Authority; readonly transactions: readonly Uint8Array[] }

/** One sub-DAG with its bytes: the unit of execution. An empty one is a block too. */
export interface OrderedBlock {
  readonly epoch: number
  /** Counts from 1 in each epoch. */
  readonly index: number
  readonly subDag: SubDag
  readonly digest: Digest
  /** Never falls. The only time that execution may know. */
  readonly timestampMs: number
  readonly items: readonly BlockItem[]
}

export interface Executed {
  /** This block is the last of its epoch, and what follows it. */
  readonly final?: NextEpoch
  /**
   * Of a final block, where not all of it was executed: the system transaction that closed the epoch, the last item that was. What comes
   * after it is handed back to whoever submitted it. An executor that stops inside a block and does not say so loses the rest of it.
   */
  readonly closedBy?: ClosedBy | undefined
  /** What all members are to sign: the same 20 to 280 bytes on every honest one, beginning with chainId u32, epoch u64, height u64. */
  readonly checkpoint?: { readonly height: number; readonly bytes: Uint8Array }
  /** What this validator has to say in its next proposal (`encodeSystemTransaction`). */
  readonly systemTransactions?: readonly Uint8Array[]
  /** Node keys of the next epoch's members, once they are known: their early frames are held until it begins. */
  readonly nextMembers?: readonly Uint8Array[]
}

/** Where the executor's durable state stands. */
export interface Applied {
  /** Index of the last block that was applied in this epoch; 0 for none. */
  readonly index: number
  /** The epoch that the next block belongs to: after a final block `planAfter(block, final)`, with index 0. @default the genesis plan */
  readonly plan?: EpochPlan
  /**
   * `closedBy` of the final block before `plan`, as durable as the plan: this validator may have died between that block and what it does
   * about it. A state that was taken over from others may not have it: `'unknown'` hands back all that this validator brought into that block.
   */
  readonly closedBy?: ClosedBy | undefined
}

/** The state machine above. It sees each block once, in order. */
export interface Executor {
  /** Asked once, at start. */
  lastApplied(): Applied | Promise<Applied>
  /**
   * Applies one block and resolves when that is durable. Called with index `lastApplied + 1` after a restart, never before the call
   * before has settled. Must not fail on what a block holds: a rejection stops the validator.
   */
  execute(block: OrderedBlock): Executed | Promise<Executed>
}

/** Checks transactions by their own signatures, off the thread of consensus. */
export interface TransactionVerifier {
  /** Before the validator takes part. What it throws, `start` of the validator throws. */
  start?(): Promise<void>
  /**
   * One verdict for each, in order. The bytes are borrowed until it settles.
   * @param from - own clients' transactions may be held to anything that is known here. Of another member's only what their bytes alone show
   * may be found bad: honest members that say different things of one block or batch would wait for each other. What is let through is the
   * executor's to refuse.
   */
  verify(transactions: readonly Uint8Array[], from: 'client' | 'peer'): Promise<readonly boolean[]>
  stop?(): Promise<void>
}

/** The validator's own node key. `KeyPair` of `@selvedge/crypto/ed25519` fits. */
export interface NodeKey {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

/** BLS12-381 (min-pk), off the thread of consensus. */
export interface CheckpointSigner {
  /** 96 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>
  /** Which of the signatures over `message` are bad, by place; the aggregate of all of them where none is. */
  check(
    message: Uint8Array,
    keys: readonly Uint8Array[],
    signatures: readonly Uint8Array[],
  ): Promise<{ readonly bad: readonly number[]; readonly aggregate: Uint8Array | undefined }>
  /** Whether `aggregate` is one signature of all `keys` over `message`. */
  checkAggregate(message: Uint8Array, keys: readonly Uint8Array[], aggregate: Uint8Array): Promise<boolean>
  stop?(): Promise<void>
}
