/** What is collected while one block runs: receipts and leaves in order, events numbered, gas and fees summed. */
import { sha256 } from '@selvedge/crypto/sha256'
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { treeRoot, ZERO_DIGEST, type Code, type Digest, type LedgerEvent } from '@selvedge/ledger-types'
import { eventsToTell } from '../epoch/untold-events.ts'
import { burnNative } from '../state/accounts.ts'
import type { State } from '../state/state.ts'
import type { Executed } from './block-contract.ts'
import type { BlockContext } from './handler.ts'
import { receiptBytes } from './receipt-bytes.ts'

export interface Trace {
  readonly id: Digest
  /** Of `bytes`, where somebody has hashed them already. */
  readonly leaf?: Digest | undefined
  readonly bytes: Uint8Array
  readonly code: Code
  readonly gasUsed: number
  readonly fee: bigint
  readonly events: readonly LedgerEvent[]
}

export class BlockRun {
  readonly state: State
  readonly block: BlockContext
  readonly transactions: Uint8Array[] = []
  readonly receipts: Uint8Array[] = []
  readonly executed: Executed[] = []
  /** By author. */
  readonly refused: Map<number, number> = new Map()
  /** Events of no transaction. */
  readonly blockEvents: LedgerEvent[] = []
  /** Ids of system messages that were recorded in this block, as text. */
  readonly said: Set<string> = new Set()
  readonly firstEvent: number
  nextEvent: number
  gasUsed = 0
  /** ReadyToClose of a quorum was ordered: the rest of the block is not executed. */
  isClosing = false
  #fees = 0n
  readonly #txLeaves: Digest[] = []
  readonly #receiptLeaves: Digest[] = []

  constructor(state: State, block: BlockContext, nextEvent: number) {
    this.state = state
    this.block = block
    this.firstEvent = nextEvent
    this.nextEvent = nextEvent
  }

  /** A transaction that has a receipt. */
  record({ id, leaf, bytes, code, gasUsed, fee, events }: Trace): void {
    const index = this.transactions.length
    this.transactions.push(bytes)
    this.#txLeaves.push(leaf ?? leafOf(bytes))
    this.#addReceipt({ id, index, code, gasUsed, fee, events })
    this.gasUsed += gasUsed
  }

  refuse(author: number): void {
    this.refused.set(author, (this.refused.get(author) ?? 0) + 1)
  }

  /** A fee that was taken from an account. */
  burn(fee: bigint): void {
    this.#fees += fee
  }

  /** Writes the fees so far into the supply: to be called before anything asks for it, and at the end. */
  settleFees(): void {
    burnNative(this.state, this.#fees)
    this.#fees = 0n
  }

  /** The block's own receipt, the last. What it has no room for is told by the next block's. */
  close(): void {
    const events = eventsToTell(this.state, this.blockEvents)
    this.#addReceipt({ id: ZERO_DIGEST, index: this.transactions.length, code: 0, gasUsed: 0, fee: 0n, events })
  }

  txRoot(): Digest {
    return treeRoot(this.#txLeaves)
  }

  receiptsRoot(): Digest {
    return treeRoot(this.#receiptLeaves)
  }

  #addReceipt(receipt: Omit<Trace, 'bytes' | 'leaf'> & { readonly index: number }): void {
    const bytes = receiptBytes({ ...receipt, firstEvent: this.nextEvent })
    this.nextEvent += receipt.events.length
    this.receipts.push(bytes)
    this.#receiptLeaves.push(leafOf(bytes))
    this.executed.push({ id: receipt.id, code: receipt.code, events: receipt.events })
  }
}

/** Room for a leaf's preimage, kept: thousands of leaves a block are hashed, none is larger than a transaction or receipt of most blocks. */
let preimage = new Uint8Array(4_096)

/** `leafHash` of `ledger-types` without an allocation for each leaf; a test holds them equal. */
export function leafOf(bytes: Uint8Array): Digest {
  if (bytes.length >= preimage.length) preimage = new Uint8Array(2 * bytes.length)
  preimage[0] = LEDGER_TAGS.leaf
  preimage.set(bytes, 1)
  return sha256(preimage.subarray(0, 1 + bytes.length))
}
