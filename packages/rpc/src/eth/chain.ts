/**
 * Blocks as wallets see them: the account transactions of a block, and the transfers of bridged tokens as ERC-20 logs.
 *
 * Transactions of nodes and of the system have no Ethereum form, so they are left out and places are counted without them; what they move
 * shows in logs all the same, under their own ids (32 zero bytes for what the block itself did), or balances would not add up.
 * A block is projected once and kept while it is among the last `BLOCKS_KEPT` that were asked for.
 */
import { type AccountTransaction, decodeTransaction, type Receipt, tokenAddress, WEI_PER_BASE_FEE } from '@selvedge/ledger-types'
import { RpcError } from '../errors.ts'
import { hexOf, wordOf } from '../hex.ts'
import type { BlockName } from '../params.ts'
import type { Caller } from '../json-rpc.ts'
import type { BlockBody, BlockView, LedgerView, StateView } from '../ports.ts'

const BLOCKS_KEPT = 64
/** Receipts of a block that is read for somebody which count as one of his allowance, at some 5 µs each. */
export const RECEIPTS_A_COST = 200

/** keccak256 of `Transfer(address,address,uint256)`. */
export const TRANSFER_TOPIC = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

export interface EthLog {
  readonly address: string
  readonly topics: readonly [string, string, string]
  readonly data: string
  readonly logIndex: number
  readonly transactionHash: string
  readonly transactionIndex: number
}

export interface EthTransaction {
  readonly id: Uint8Array
  readonly hash: string
  /** Among the account transactions of its block. */
  readonly index: number
  readonly receipt: Receipt
  /** Gas used in the block up to and with it. */
  readonly cumulativeGas: number
  readonly logs: readonly EthLog[]
  readonly bytes: Uint8Array
}

export interface EthBlock {
  readonly header: BlockView
  readonly transactions: readonly EthTransaction[]
  readonly logs: readonly EthLog[]
  /** All transactions and receipts, those of nodes and of the system too. */
  readonly body: BlockBody
  /** Of all its transactions. */
  readonly size: number
}

export class Chain {
  readonly ledger: LedgerView
  readonly #blocks = new Map<number, EthBlock>() // finality is instant: a height has one block for ever

  constructor(ledger: LedgerView) {
    this.ledger = ledger
  }

  /** The height that a caller named, `undefined` when no block is there. @throws {RpcError} `RPC_NOT_ARCHIVE`. */
  heightOf(name: BlockName): number | undefined {
    const head = this.ledger.head().height
    if (name === 'latest' || name === 'pending') return head
    if (name === 'earliest') return 0
    if (name === 'epochEnd') return this.ledger.epochEnd()
    if ('digest' in name) return this.ledger.heightOf(name.digest)
    return name.height > head ? undefined : name.height
  }

  header(height: number): BlockView {
    return this.ledger.header(height) ?? notKept()
  }

  /** @param caller - owes what reading it has cost, unless it was in memory. @throws {RpcError} `RPC_NOT_ARCHIVE`. */
  block(height: number, caller?: Pick<Caller, 'owe'>): EthBlock {
    const made = this.blockInPassing(height)
    if (this.#blocks.has(height)) return made
    caller?.owe?.(Math.floor(made.body.receipts.length / RECEIPTS_A_COST))
    this.#blocks.set(height, made)
    if (this.#blocks.size > BLOCKS_KEPT) this.#blocks.delete(this.#blocks.keys().next().value ?? height)
    return made
  }

  /** The same for one of many: it pushes nothing out of what is kept. */
  blockInPassing(height: number): EthBlock {
    if (height < this.ledger.oldestHeight()) return notKept() // what is dropped is dropped for all, also what is still in memory
    return this.#blocks.get(height) ?? this.#project(height)
  }

  /** The state that a caller named. @throws {RpcError} `RPC_REFUSED` (no such block), `RPC_NOT_ARCHIVE`. */
  state(name: BlockName): StateView {
    const height = this.heightOf(name)
    if (height === undefined) throw new RpcError('RPC_REFUSED', 'header not found')
    return this.stateAt(height)
  }

  /** The state after a block that there is. @throws {RpcError} `RPC_NOT_ARCHIVE`, which says whose states are kept. */
  stateAt(height: number): StateView {
    const state = this.ledger.state(height)
    if (state !== undefined) return state
    const { from, epochEnds } = this.ledger.statesHeld()
    const head = this.ledger.head().height
    const kept = [
      ...epochEnds.map((end) => (end === 0 ? '0 (genesis)' : `${end} (end of an epoch)`)),
      from < head ? `${from} to ${head}` : `${head} (the newest)`,
    ]
    throw new RpcError('RPC_NOT_ARCHIVE', `not an archive node: no state of block ${height} is kept, but of ${kept.join(', ')}`)
  }

  /** An executed account transaction and its block. */
  find(id: Uint8Array, caller: Pick<Caller, 'owe'>): { readonly block: EthBlock; readonly transaction: EthTransaction } | undefined {
    const place = this.ledger.locate(id)
    if (place === undefined) return undefined
    const block = this.block(place.height, caller)
    const hash = hexOf(id)
    const transaction = block.transactions.find((each) => each.hash === hash)
    return transaction === undefined ? undefined : { block, transaction }
  }

  /** Wei per gas in the next block. */
  nextBaseFeeWei(): bigint {
    return this.ledger.nextBaseFee() * WEI_PER_BASE_FEE
  }

  #project(height: number): EthBlock {
    const header = this.header(height)
    const body = this.ledger.body(height) ?? notKept()
    const { transactions: recorded, receipts } = body
    const transactions: EthTransaction[] = []
    const logs: EthLog[] = []
    let cumulativeGas = 0
    for (const [place, receipt] of receipts.entries()) {
      const bytes = recorded[place]
      const own = transferLogsOf(receipt, logs.length, transactions.length)
      for (const log of own) logs.push(log)
      cumulativeGas += receipt.gasUsed
      if (bytes === undefined || !isOfAccount(bytes)) continue
      const { id } = receipt
      transactions.push({ id, hash: hexOf(id), index: transactions.length, receipt, cumulativeGas, logs: own, bytes })
    }
    const size = recorded.reduce((sum, bytes) => sum + bytes.length, 0)
    return { header, transactions, logs, body, size }
  }
}

export function notKept(): never {
  throw new RpcError('RPC_NOT_ARCHIVE', 'not an archive node')
}

/** By its first byte: EIP-1559, or the list that a legacy one is. */
const isOfAccount = (bytes: Uint8Array): boolean => bytes[0] === 0x02 || (bytes[0] ?? 0) >= 0xc0

/** The fields of an account's transaction, decoded when somebody asks. `undefined` for what is none. */
export function fieldsOf(bytes: Uint8Array): AccountTransaction | undefined {
  const decoded = decodeTransaction(bytes)
  return decoded.ok && decoded.transaction.form !== 'node' ? decoded.transaction : undefined
}

function transferLogsOf({ id, events }: Receipt, firstLog: number, transactionIndex: number): EthLog[] {
  const logs: EthLog[] = []
  for (const event of events) {
    if (event.kind !== 'transfer' || event.token === 0) continue
    logs.push({
      address: hexOf(tokenAddress(event.token)),
      topics: [TRANSFER_TOPIC, addressTopic(event.from), addressTopic(event.to)],
      data: wordOf(event.amount),
      logIndex: firstLog + logs.length,
      transactionHash: hexOf(id),
      transactionIndex,
    })
  }
  return logs
}

const addressTopic = (address: Uint8Array): string => `0x${'0'.repeat(24)}${hexOf(address).slice(2)}`
