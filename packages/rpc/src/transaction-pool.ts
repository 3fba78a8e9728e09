/**
 * The transactions of accounts that were admitted here and are not yet executed: a wallet's room for several nonces at once, and its
 * patience when the fee rises between admission and execution.
 *
 * Rules (docs: README, "The pool"). An account's next transaction is handed to consensus at once, later ones when their turn has come: the
 * ledger refuses a nonce that is too high, so nothing is gained by sending it early. What consensus was given may still be refused there
 * when the base fee rose over its cap meanwhile; such a transaction is given again once the fee is under its cap. Everything leaves when it
 * is executed, when another one of its nonce is, or after `keepMs`.
 *
 * Invariants: of an account only nonces from its next on, at most `aheadMax` beyond it, one transaction each; at most `transactionsMax`
 * transactions and `bytesMax` bytes; nothing is handed on whose nonce is not the next. No clock and no timer: time comes in.
 */
import { RpcError } from './errors.ts'

/** What the pool must know of a transaction; it never looks into `bytes`. */
export interface PoolTransaction {
  /** 32 bytes as data. */
  readonly id: string
  readonly bytes: Uint8Array
  /** 20 bytes as data. */
  readonly sender: string
  readonly nonce: bigint
  /** `maxFeePerGas` (legacy: `gasPrice`), wei. */
  readonly feeCapWei: bigint
  /** Value and fee at admission, µ. */
  readonly costMicros: bigint
}

export interface PoolLedger {
  /** The next nonce of an account. */
  readonly nonceOf: (sender: string) => bigint
  /** Of the next block, wei per gas. */
  readonly baseFeeWei: bigint
}

export interface PoolOptions {
  /** Nonces beyond an account's next that are kept. @default 16 */
  readonly aheadMax?: number
  /** Transactions of all accounts. @default 4,096 */
  readonly transactionsMax?: number
  /** Bytes of all transactions together. @default 16,777,216 */
  readonly bytesMax?: number
  /** How long a transaction is kept from its admission on. @default 60,000 */
  readonly keepMs?: number
  /** What was handed on and not executed for so long is handed on again: its batch may have been lost. @default 10,000 */
  readonly againMs?: number
}

/** Replacements of one nonce: each may be in consensus already, and only one of them will pay. */
const REPLACEMENTS_MAX = 8

interface Entry {
  readonly transaction: PoolTransaction
  readonly acceptedMs: number
  readonly replacements: number
  handedMs: number | undefined
  /** The fee stood over the cap after it was handed on, so consensus may have refused it. */
  mayBeRefused: boolean
}

const refused = (message: string): RpcError => new RpcError('RPC_REFUSED', message)

export class TransactionPool {
  readonly #accounts = new Map<string, Map<bigint, Entry>>()
  readonly #byId = new Map<string, Entry>()
  readonly #aheadMax: bigint
  readonly #transactionsMax: number
  readonly #bytesMax: number
  readonly #keepMs: number
  readonly #againMs: number
  #bytes = 0

  constructor(options: PoolOptions = {}) {
    const { aheadMax = 16, transactionsMax = 4_096, bytesMax = 2 ** 24, keepMs = 60_000, againMs = 10_000 } = options
    this.#aheadMax = BigInt(aheadMax)
    this.#transactionsMax = transactionsMax
    this.#bytesMax = bytesMax
    this.#keepMs = keepMs
    this.#againMs = againMs
  }

  get size(): number {
    return this.#byId.size
  }

  get bytes(): number {
    return this.#bytes
  }

  find(id: string): PoolTransaction | undefined {
    return this.#byId.get(id)?.transaction
  }

  /** The first nonce at or after `next` that nothing here uses: what a wallet signs next. */
  nonceAfter(sender: string, next: bigint): bigint {
    const entries = this.#accounts.get(sender)
    let nonce = next
    while (entries?.has(nonce)) nonce++
    return nonce
  }

  /** Cost of what stands here of `sender` from `next` up to `nonce`, µ: what a balance must cover before it covers that one. */
  costBefore(sender: string, next: bigint, nonce: bigint): bigint {
    let sum = 0n
    for (const [each, { transaction }] of this.#accounts.get(sender) ?? []) {
      if (each >= next && each < nonce) sum += transaction.costMicros
    }
    return sum
  }

  /**
   * Takes an admitted transaction whose nonce is `next` or up to `aheadMax` beyond.
   * @throws {RpcError} `RPC_REFUSED` in geth's words: already known, nonce too high, replacement transaction underpriced, txpool is full.
   */
  add(transaction: PoolTransaction, next: bigint, nowMs: number): void {
    const { id, sender, nonce, feeCapWei, bytes } = transaction
    if (this.#byId.has(id)) throw refused('already known')
    if (nonce < next) throw refused('nonce too low')
    if (nonce > next + this.#aheadMax) throw refused('nonce too high')
    const old = this.#accounts.get(sender)?.get(nonce)
    if (old !== undefined) {
      const enough = old.transaction.feeCapWei + (old.transaction.feeCapWei + 9n) / 10n
      if (feeCapWei < enough || old.replacements >= REPLACEMENTS_MAX) throw refused('replacement transaction underpriced')
    }
    const count = this.size - (old === undefined ? 0 : 1)
    const size = this.#bytes - (old?.transaction.bytes.length ?? 0) + bytes.length
    // What waits behind a hole may never be executed, so it finds only half of the room.
    const share = nonce > this.nonceAfter(sender, next) ? 2 : 1
    if (count >= this.#transactionsMax / share || size > this.#bytesMax / share) throw refused('txpool is full')
    if (old !== undefined) this.#remove(old)
    const entry: Entry = {
      transaction,
      acceptedMs: nowMs,
      replacements: old === undefined ? 0 : old.replacements + 1,
      handedMs: undefined,
      mayBeRefused: false,
    }
    const entries = this.#accounts.get(sender) ?? new Map<bigint, Entry>()
    this.#accounts.set(sender, entries.set(nonce, entry))
    this.#byId.set(id, entry)
    this.#bytes += bytes.length
  }

  /**
   * Forgets what is executed, overtaken or too old, and names what must be handed to consensus now; each counts as handed on until
   * `returned`. To be called after every block, and after every admission for its sender alone. At most one transaction an account.
   */
  due(ledger: PoolLedger, nowMs: number, only?: string): PoolTransaction[] {
    const due: PoolTransaction[] = []
    for (const [sender, entries] of only === undefined ? this.#accounts : this.#entriesOf(only)) {
      const next = ledger.nonceOf(sender)
      for (const [nonce, entry] of entries) if (nonce < next || nowMs - entry.acceptedMs >= this.#keepMs) this.#remove(entry)
      const entry = entries.get(next)
      if (entry === undefined) continue
      const isPayable = entry.transaction.feeCapWei >= ledger.baseFeeWei
      if (!isPayable) entry.mayBeRefused = true
      else if (entry.handedMs === undefined || entry.mayBeRefused || nowMs - entry.handedMs >= this.#againMs) {
        entry.handedMs = nowMs
        entry.mayBeRefused = false
        due.push(entry.transaction)
      }
    }
    return due
  }

  /** Consensus did not take it: it is due again. */
  returned(id: string): void {
    const entry = this.#byId.get(id)
    if (entry !== undefined) entry.handedMs = undefined
  }

  #entriesOf(sender: string): readonly (readonly [string, Map<bigint, Entry>])[] {
    const entries = this.#accounts.get(sender)
    return entries === undefined ? [] : [[sender, entries]]
  }

  #remove(entry: Entry): void {
    const { id, sender, nonce, bytes } = entry.transaction
    const entries = this.#accounts.get(sender)
    entries?.delete(nonce)
    if (entries?.size === 0) this.#accounts.delete(sender)
    this.#byId.delete(id)
    this.#bytes -= bytes.length
  }
}
