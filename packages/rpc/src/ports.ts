/**
 * What this package needs of the node, as narrow types: an executed ledger to read, and a way to hand transactions to consensus. All
 * reads are synchronous and see one executed block at a time, so that what one method reads belongs together.
 */
import type { Code, LedgerEvent, Receipt } from '@selvedge/ledger-types'

export interface BlockView {
  readonly height: number
  /** `blockDigest`, 32 bytes: the block's hash for wallets. At height 0 the genesis hash. */
  readonly digest: Uint8Array
  /** Digest of the block before, 32 bytes; zeros at height 0. */
  readonly previousDigest: Uint8Array
  readonly epoch: number
  readonly timestampMs: number
  /** In 10^-9 native per gas. */
  readonly baseFee: bigint
  readonly gasUsed: number
  readonly stateRoot: Uint8Array
  readonly txRoot: Uint8Array
  readonly receiptsRoot: Uint8Array
}

export interface BlockBody {
  /** Executed transactions (refused ones are not among them), as they stand in txRoot. */
  readonly transactions: readonly Uint8Array[]
  /** One for each of them, and one more with a zero id for what the block itself did. */
  readonly receipts: readonly Receipt[]
}

/** A call that nobody has signed. */
export interface UnsignedCall {
  /** 20 bytes; zeros when the caller named nobody. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  /** Wei. */
  readonly value: bigint
  readonly data: Uint8Array
}

/** What a call would give on top of a state, nonce and fee aside; nothing of it stays. */
export interface Simulated {
  readonly code: Code
  /** What a view of a token answers, ABI encoded. */
  readonly output: Uint8Array
}

/** The state after one block. */
export interface StateView {
  /** Next nonce of an account. */
  nonce(address: Uint8Array): bigint
  /** Balance of a token, 0 is the native one; µ. */
  balance(address: Uint8Array, token: number): bigint
  /** The bytes under a key of a table. */
  read(table: number, key: Uint8Array): Uint8Array | undefined
  /** The root that the block's checkpoint names, 32 bytes. */
  stateRoot(): Uint8Array
  /** The tree proof of that key against `stateRoot()`, present or absent, in its wire form. */
  prove(table: number, key: Uint8Array): Uint8Array
  /** Runs a call as the next block would. */
  simulate(call: UnsignedCall): Simulated
}

/** Blocks whose state is held. */
export interface StatesHeld {
  /** Every block from this height to the head; the head alone where this is its height. */
  readonly from: number
  /** Single blocks before that, ascending: the last of recent epochs, and genesis, 0, in the first. */
  readonly epochEnds: readonly number[]
}

/** Whether a transaction would be taken on top of the head; a nonce may be up to 16 ahead, everything else must be good now. */
export type Admission =
  | { readonly code: 0; readonly id: Uint8Array; readonly sender: Uint8Array; readonly nonce: bigint; readonly isNext: boolean }
  | { readonly code: 0; readonly id: Uint8Array; readonly nodeIndex: number; readonly nonce: bigint }
  | { readonly code: Exclude<Code, 0>; readonly words: string }

export interface NumberedEvent {
  readonly seq: number
  /** Of the block that made it. */
  readonly height: number
  readonly event: LedgerEvent
}

export interface LedgerView {
  readonly chainId: number
  readonly genesisHash: Uint8Array
  /** The newest executed block; height 0 before the first. */
  head(): BlockView
  /** The oldest block whose body is kept. What is older is answered with -32001. */
  oldestHeight(): number
  /** Any height up to the head's, unless it is too old. */
  header(height: number): BlockView | undefined
  body(height: number): BlockBody | undefined
  heightOf(digest: Uint8Array): number | undefined
  /** Where a transaction was executed; `index` is its place in txRoot. */
  locate(id: Uint8Array): { readonly height: number; readonly index: number } | undefined
  /** `undefined` when that state is not held. */
  state(height: number): StateView | undefined
  /** For which heights `state` has an answer. */
  statesHeld(): StatesHeld
  /** Height of the last block before the running epoch; 0 in the first. */
  epochEnd(): number
  /** Of the block after the head, in 10^-9 native per gas. */
  nextBaseFee(): bigint
  gasTargetPerSecond(): number
  /** Signatures may be checked in another thread. */
  checkAdmission(bytes: Uint8Array): Admission | Promise<Admission>
  /** At most `limit` events from `fromSeq` on, ascending and without a hole, and the seq to go on from. */
  events(fromSeq: number, limit: number): { readonly events: readonly NumberedEvent[]; readonly next: number }
  /** Seq of the oldest event kept. */
  oldestSeq(): number
  /** Seq that the next event will have. */
  nextSeq(): number
  /** The block certificate of a height as on the wire, its checkpoint first; `undefined` while there is none, or too old. */
  certificate(height: number): Uint8Array | undefined
  /** What leads a light client from the committee of `epoch` to the next, as on the wire; `undefined` while that epoch is not over here. */
  epochProof(epoch: number): Uint8Array | undefined
  /** The current membership view. */
  membership(): object
  /** `listener` hears of every executed block, after it can be read here. @returns what ends that. */
  onBlock(listener: () => void): () => void
}

/** Hands a transaction to consensus; resolves when it was taken, and rejects when there is no room. */
export interface Submitter {
  submit(bytes: Uint8Array): Promise<unknown>
}

export interface NodeView {
  /** Connected nodes. */
  peerCount(): number
  /** Whether the node executes blocks as they come; a reason when it does not. */
  readiness(): { readonly ready: true } | { readonly ready: false; readonly reason: string }
  /** What it is just now, for `/health` and `/status`; left out where there are no committees. */
  standing?(): NodeStanding
}

export interface NodeStanding {
  /** Its place in the running committee; `undefined` while it follows. */
  readonly seat: number | undefined
  /** Of the newest block that it knows to be certified. */
  readonly certifiedHeight: number
  /** Of its clock above the time of its head; a ledger that makes blocks keeps it below some seconds. */
  readonly behindMs: number
  /** Version of the rules in force, and the newest that it can execute. */
  readonly rules: { readonly inForce: number; readonly newest: number }
}

export interface RpcComponents {
  readonly ledger: LedgerView
  readonly submitter: Submitter
  readonly node: NodeView
}
