/** What is collected while one block runs: receipts and leaves in order, events numbered, gas and fees summed. */
import { encodeReceipt, leafHash, treeRoot, ZERO_DIGEST, type Code, type Digest, type LedgerEvent } from '@selvedge/ledger-types'
import { burnNative } from '../state/accounts.ts'
import type { State } from '../state/state.ts'
import type { Executed } from './block-contract.ts'
import type { BlockContext } from './handler.ts'

/** A receipt counts its events with 16 bits. */
const EVENTS_MAX = 65_535

export interface Trace {
  readonly id: Digest
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
  record({ id, bytes, code, gasUsed, fee, events }: Trace): void {
    const index = this.transactions.length
    this.transactions.push(bytes)
    this.#txLeaves.push(leafHash(bytes))
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

  /** The block's own receipt, the last. */
  close(): void {
    const events = this.blockEvents.slice(0, EVENTS_MAX)
    this.#addReceipt({ id: ZERO_DIGEST, index: this.transactions.length, code: 0, gasUsed: 0, fee: 0n, events })
  }

  txRoot(): Digest {
    return treeRoot(this.#txLeaves)
  }

  receiptsRoot(): Digest {
    return treeRoot(this.#receiptLeaves)
  }

  #addReceipt(receipt: Omit<Trace, 'bytes'> & { readonly index: number }): void {
    const bytes = encodeReceipt({ ...receipt, firstEvent: this.nextEvent })
    this.nextEvent += receipt.events.length
    this.receipts.push(bytes)
    this.#receiptLeaves.push(leafHash(bytes))
    this.executed.push({ id: receipt.id, code: receipt.code, events: receipt.events })
  }
}
