/**
 * Where the pool meets the ledger and consensus: admission of what arrives, and after every block whatever is due.
 * Refusals are told in the words of the ledger's codes, which for 5 to 8 and 10 are geth's: wallets know those.
 */
import {
  CODE_WORDS,
  CODES,
  type Code,
  callGas,
  callOf,
  decodeTransaction,
  feeOf,
  microOfWei,
  NATIVE_TOKEN,
  WEI_PER_BASE_FEE,
} from '@selvedge/ledger-types'
import { RpcError } from './errors.ts'
import { hexOf, parseHex } from './hex.ts'
import type { Admission, LedgerView, StateView, Submitter } from './ports.ts'
import type { PoolTransaction, TransactionPool } from './transaction-pool.ts'

/** For how long a node's transaction that was handed on is not handed on again, and how many of them are remembered. */
const SUBMITTED_AGAIN_MS = 10_000
const SUBMITTED_MAX = 4_096

export interface MempoolComponents {
  readonly ledger: LedgerView
  readonly submitter: Submitter
  readonly pool: TransactionPool
  readonly nowMs: () => number
}

/** The refusal of `code` in its words, the number beside them. */
export function refusalOf(code: Code): RpcError {
  return new RpcError('RPC_REFUSED', CODE_WORDS[code], { code })
}

type AccountAdmission = Extract<Admission, { readonly sender: Uint8Array }>

export class Mempool {
  readonly #ledger: LedgerView
  readonly #submitter: Submitter
  readonly #pool: TransactionPool
  readonly #nowMs: () => number
  /** Transactions of nodes that were handed to consensus, by id: when. */
  readonly #submitted = new Map<string, number>()

  constructor({ ledger, submitter, pool, nowMs }: MempoolComponents) {
    this.#ledger = ledger
    this.#submitter = submitter
    this.#pool = pool
    this.#nowMs = nowMs
  }

  get size(): number {
    return this.#pool.size
  }

  /** Admits a transaction and hands it on when it is its turn. @returns its id. @throws {RpcError} `RPC_REFUSED`. */
  async send(bytes: Uint8Array): Promise<Uint8Array> {
    const admission = await this.#ledger.checkAdmission(bytes)
    if (admission.code !== CODES.ok) throw refusalOf(admission.code)
    if ('nodeIndex' in admission) await this.#submitNow(hexOf(admission.id), bytes)
    else {
      this.#keep(bytes, admission)
      this.handOn(hexOf(admission.sender)) // not all: a full pool must not make each admission dear
    }
    return admission.id
  }

  /** To be called after every block. @param only - the one account whose transactions are looked at. */
  handOn(only?: string): void {
    const state = this.#state()
    const ledger = {
      nonceOf: (sender: string) => state.nonce(parseHex(sender, 'sender')),
      baseFeeWei: this.#ledger.nextBaseFee() * WEI_PER_BASE_FEE,
    }
    for (const { id, bytes } of this.#pool.due(ledger, this.#nowMs(), only)) {
      this.#submitter.submit(bytes).catch(() => this.#pool.returned(id)) // no room: it is due again after the next block
    }
  }

  /** The nonce that an account signs next, given the state's. */
  nonceAfter(address: Uint8Array, next: bigint): bigint {
    return this.#pool.nonceAfter(hexOf(address), next)
  }

  find(id: string): PoolTransaction | undefined {
    return this.#pool.find(id)
  }

  #keep(bytes: Uint8Array, { id, sender, nonce, isNext }: AccountAdmission): void {
    const decoded = decodeTransaction(bytes)
    if (!decoded.ok || decoded.transaction.form === 'node') throw new RpcError('RPC_INTERNAL', 'the ledger admitted what it cannot read')
    const { transaction } = decoded
    const state = this.#state()
    const next = state.nonce(sender)
    const key = hexOf(sender)
    const gas = callGas(callOf(transaction), transaction.data.length)
    const costMicros = (microOfWei(transaction.value) ?? 0n) + feeOf(gas, this.#ledger.nextBaseFee())
    const isCovered = this.#pool.costBefore(key, next, nonce) + costMicros <= state.balance(sender, NATIVE_TOKEN)
    if (!isNext && !isCovered) throw refusalOf(CODES.insufficientFunds) // by itself it would be, after those before it not
    const kept = { id: hexOf(id), bytes, sender: key, nonce, feeCapWei: transaction.maxFeePerGas, costMicros }
    this.#pool.add(kept, next, this.#nowMs())
  }

  /** A node's, which no pool keeps. Whoever has seen it may send it again until it is executed: once in a while is enough. */
  async #submitNow(id: string, bytes: Uint8Array): Promise<void> {
    const nowMs = this.#nowMs()
    for (const [each, atMs] of this.#submitted) {
      if (nowMs - atMs < SUBMITTED_AGAIN_MS && this.#submitted.size < SUBMITTED_MAX) break // they are in the order of time
      this.#submitted.delete(each)
    }
    if (this.#submitted.has(id)) throw new RpcError('RPC_REFUSED', 'already known')
    this.#submitted.set(id, nowMs)
    try {
      await this.#submitter.submit(bytes)
    } catch (cause) {
      this.#submitted.delete(id)
      throw new RpcError('RPC_REFUSED', 'consensus has no room for it now', {}, { cause })
    }
  }

  #state(): StateView {
    const state = this.#ledger.state(this.#ledger.head().height)
    if (state === undefined) throw new RpcError('RPC_INTERNAL', 'the ledger does not hold the state of its head')
    return state
  }
}
