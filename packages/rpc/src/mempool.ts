/**
 * Where the pool meets the ledger and consensus: admission of what arrives, and after every block whatever is due.
 * Refusals are told in the words of the ledger's codes, which for 5 to 8 and 10 are geth's: wallets know those.
 */
import {
  type AccountTransaction,
  CODE_WORDS,
  CODES,
  type Code,
  callGas,
  callOf,
  decodeTransaction,
  feeOf,
  microOfWei,
  senderOf,
  transactionId,
  WEI_PER_BASE_FEE,
} from '@selvedge/ledger-types'
import { RpcError } from './errors.ts'
import { hexOf, parseHex } from './hex.ts'
import type { LedgerView, StateView, Submitter } from './ports.ts'
import type { PoolTransaction, TransactionPool } from './transaction-pool.ts'

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

const gasOf = (transaction: AccountTransaction): number => callGas(callOf(transaction), transaction.data.length)

export class Mempool {
  readonly #ledger: LedgerView
  readonly #submitter: Submitter
  readonly #pool: TransactionPool
  readonly #nowMs: () => number

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
    const code = this.#ledger.checkAdmission(bytes)
    if (code !== CODES.ok && code !== CODES.nonceTooHigh) throw refusalOf(code)
    const decoded = decodeTransaction(bytes)
    if (!decoded.ok) throw refusalOf(decoded.code)
    const { transaction } = decoded
    const id = transactionId(bytes)
    if (transaction.form === 'node') {
      if (code !== CODES.ok) throw refusalOf(code)
      await this.#submitNow(bytes)
      return id
    }
    const sender = senderOf(transaction)
    if (sender === undefined) throw refusalOf(CODES.signature)
    const state = this.#state()
    const next = state.nonce(sender)
    const costMicros = (microOfWei(transaction.value) ?? 0n) + feeOf(gasOf(transaction), this.#ledger.nextBaseFee())
    const key = hexOf(sender)
    if (code === CODES.nonceTooHigh) this.#checkAhead(transaction, key, next, costMicros, state.balance(sender, 0))
    const { nonce, maxFeePerGas: feeCapWei } = transaction
    this.#pool.add({ id: hexOf(id), bytes, sender: key, nonce, feeCapWei, costMicros }, next, this.#nowMs())
    this.handOn()
    return id
  }

  /** To be called after every block. */
  handOn(): void {
    const state = this.#state()
    const ledger = {
      nonceOf: (sender: string) => state.nonce(parseHex(sender, 'sender')),
      baseFeeWei: this.#ledger.nextBaseFee() * WEI_PER_BASE_FEE,
    }
    for (const { id, bytes } of this.#pool.due(ledger, this.#nowMs())) {
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

  /** What admission did not look at because the nonce is not the next: the rest of its checks, in their order. */
  #checkAhead(transaction: AccountTransaction, sender: string, next: bigint, costMicros: bigint, balance: bigint): void {
    const { gasLimit, maxFeePerGas, value, nonce } = transaction
    if (gasLimit < BigInt(gasOf(transaction))) throw refusalOf(CODES.gasTooLow)
    if (maxFeePerGas < this.#ledger.nextBaseFee() * WEI_PER_BASE_FEE) throw refusalOf(CODES.feeTooLow)
    if (microOfWei(value) === undefined) throw refusalOf(CODES.valueNotMultiple)
    if (this.#pool.costBefore(sender, next, nonce) + costMicros > balance) throw refusalOf(CODES.insufficientFunds)
  }

  async #submitNow(bytes: Uint8Array): Promise<void> {
    try {
      await this.#submitter.submit(bytes)
    } catch (cause) {
      throw new RpcError('RPC_REFUSED', 'consensus has no room for it now', {}, { cause })
    }
  }

  #state(): StateView {
    const state = this.#ledger.state(this.#ledger.head().height)
    if (state === undefined) throw new RpcError('RPC_INTERNAL', 'the ledger does not hold the state of its head')
    return state
  }
}
