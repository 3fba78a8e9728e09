/**
 * What a kind of transaction is to the executor. Envelope, nonce, gas, fee and balance are checked before a handler runs; it makes the
 * checks of its own kind, all before its first write, and returns a code. Whatever is not 0 takes back all it wrote and emitted.
 *
 * A handler is total: nothing in `args` makes it throw. `block` is all that it may know besides the state.
 */
import type {
  Code,
  LedgerEvent,
  NodeBodyOf,
  NodeKindName,
  SystemArguments,
  SystemFunctionName,
  SystemMessage,
} from '@selvedge/ledger-types'
import type { EvidenceRules } from '../evidence/contract.ts'
import type { MemberRow, NodeRow } from '../state/node-tables.ts'
import type { State } from '../state/state.ts'

/** The block that is being executed. */
export interface BlockContext {
  readonly chainId: number
  readonly genesisHash: Uint8Array
  readonly height: number
  readonly epoch: number
  readonly timestampMs: number
  /** 10^-9 native a gas. */
  readonly baseFee: bigint
  /** Time of the final block before this epoch, and when it is due to end. */
  readonly epochStartMs: number
  readonly epochEndMs: number
  /** In authority order. */
  readonly committee: readonly MemberRow[]
  readonly evidenceRules: EvidenceRules
}

interface Call {
  readonly state: State
  readonly block: BlockContext
  /** Kept only if the handler returns 0. */
  readonly emit: (event: LedgerEvent) => void
}

export interface AccountCall extends Call {
  /** 20 bytes. */
  readonly sender: Uint8Array
  /** µ of the native token that came along; the sender has them. A payable handler takes them (others never see any). */
  readonly value: bigint
}

export interface NodeCall extends Call {
  readonly nodeIndex: number
  /** As it was before this transaction, its nonce used. Read it again after a write. */
  readonly node: NodeRow
}

export interface SystemCall extends Call {
  /** Place in the committee. */
  readonly author: number
  readonly member: MemberRow
}

/** A function of the system address; whether value may come with it stands in its schema. */
export type AccountHandler<N extends SystemFunctionName> = (call: AccountCall, args: SystemArguments<N>) => Code

/** Some of the functions, as one file of `calls/` has them. */
export type AccountHandlers = { readonly [N in SystemFunctionName]?: AccountHandler<N> }

/** A kind of node transaction. */
export interface NodeHandler<K extends NodeKindName> {
  /**
   * `serving`: nodes that are Active (or leaving at the epoch's end); `registered`: any but Jailed ones, for handlers that ask for more
   * themselves. Others get code 51.
   */
  readonly who: 'serving' | 'registered'
  run(call: NodeCall, body: NodeBodyOf<K>): Code
}

/** Some of the kinds, as one file of `node-transactions/` has them. */
export type NodeHandlers = { readonly [K in NodeKindName]?: NodeHandler<K> }

export type SystemHandler<K extends SystemMessage['kind']> = (
  call: SystemCall,
  message: Extract<SystemMessage, { readonly kind: K }>,
) => Code
