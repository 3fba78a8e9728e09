/** The JSON objects of `eth_` answers: every member that geth's have, with what the ledger knows. */
import { type AccountTransaction, senderOf, WEI_PER_BASE_FEE } from '@selvedge/ledger-types'
import { RpcError } from '../errors.ts'
import { hexOf, quantityOf, wordOf } from '../hex.ts'
import { type EthBlock, type EthLog, type EthTransaction, fieldsOf } from './chain.ts'

type Json = Readonly<Record<string, unknown>>

/** keccak256 of the RLP of an empty list: there are no uncles. */
const EMPTY_UNCLES = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'
const ZERO_WORD: string = wordOf(0n)
const NO_ADDRESS = `0x${'0'.repeat(40)}`
/** A bloom filter may say yes where there is nothing: all ones send every searcher into the block, zeros send none past a log. */
const BLOOM_FULL = `0x${'f'.repeat(512)}`
const BLOOM_EMPTY = `0x${'0'.repeat(512)}`

const bloomOf = (logs: readonly EthLog[]): string => (logs.length === 0 ? BLOOM_EMPTY : BLOOM_FULL)
const secondsOf = (timestampMs: number): string => quantityOf(Math.floor(timestampMs / 1_000))

/** What `newHeads` sends; a block has its transactions beside it. */
export function headerObject({ header, logs }: EthBlock, gasLimit: number): Json {
  return {
    number: quantityOf(header.height),
    hash: hexOf(header.digest),
    parentHash: hexOf(header.previousDigest),
    nonce: '0x0000000000000000',
    sha3Uncles: EMPTY_UNCLES,
    logsBloom: bloomOf(logs),
    transactionsRoot: hexOf(header.txRoot),
    stateRoot: hexOf(header.stateRoot),
    receiptsRoot: hexOf(header.receiptsRoot),
    miner: NO_ADDRESS,
    mixHash: ZERO_WORD,
    difficulty: '0x0',
    extraData: '0x',
    gasLimit: quantityOf(gasLimit),
    gasUsed: quantityOf(header.gasUsed),
    baseFeePerGas: quantityOf(header.baseFee * WEI_PER_BASE_FEE),
    timestamp: secondsOf(header.timestampMs),
  }
}

/** @param transactions - their hashes, or their objects. */
export function blockObject(block: EthBlock, gasLimit: number, transactions: readonly unknown[]): Json {
  return { ...headerObject(block, gasLimit), totalDifficulty: '0x0', size: quantityOf(block.size), uncles: [], transactions }
}

export function logObject({ header }: EthBlock, log: EthLog): Json {
  const { logIndex, transactionIndex, ...rest } = log
  return {
    ...rest,
    logIndex: quantityOf(logIndex),
    transactionIndex: quantityOf(transactionIndex),
    blockHash: hexOf(header.digest),
    blockNumber: quantityOf(header.height),
    blockTimestamp: secondsOf(header.timestampMs),
    removed: false,
  }
}

/** Kept with the bytes, because wallets poll for the same few: `from` costs the recovery of a public key. */
const known = new WeakMap<Uint8Array, { readonly fields: AccountTransaction; readonly from: string }>()

/** Whether its sender need not be recovered to show it. */
export function isSenderKnown(bytes: Uint8Array): boolean {
  return known.has(bytes)
}

/** @param bytes - of a transaction that the ledger has admitted. */
function signedFieldsOf(bytes: Uint8Array): { readonly fields: AccountTransaction; readonly from: string } {
  const before = known.get(bytes)
  if (before !== undefined) return before
  const fields = fieldsOf(bytes)
  const sender = fields === undefined ? undefined : senderOf(fields)
  if (fields === undefined || sender === undefined) throw new RpcError('RPC_INTERNAL', 'a transaction of the ledger cannot be read')
  const made = { fields, from: hexOf(sender) }
  known.set(bytes, made)
  return made
}

/** A transaction that waits in the pool: no block, so `null` where one would be named. */
export function pendingObject(hash: string, bytes: Uint8Array): Json {
  const { fields, from } = signedFieldsOf(bytes)
  const isLegacy = fields.form === 'legacy'
  const parity = quantityOf(fields.v)
  const fee = quantityOf(fields.maxFeePerGas)
  return {
    hash,
    type: isLegacy ? '0x0' : '0x2',
    chainId: quantityOf(fields.chainId),
    nonce: quantityOf(fields.nonce),
    from,
    to: hexOf(fields.to),
    value: quantityOf(fields.value),
    gas: quantityOf(fields.gasLimit),
    gasPrice: fee,
    ...(isLegacy ? {} : { maxFeePerGas: fee, maxPriorityFeePerGas: quantityOf(fields.maxPriorityFeePerGas), accessList: [] }),
    input: hexOf(fields.data),
    v: isLegacy ? quantityOf(BigInt(fields.chainId) * 2n + 35n + BigInt(fields.v)) : parity,
    ...(isLegacy ? {} : { yParity: parity }),
    r: quantityOf(BigInt(hexOf(fields.signature.subarray(0, 32)))),
    s: quantityOf(BigInt(hexOf(fields.signature.subarray(32)))),
    blockHash: null,
    blockNumber: null,
    transactionIndex: null,
  }
}

export function transactionObject({ header }: EthBlock, { hash, bytes, index }: EthTransaction): Json {
  const { fields } = signedFieldsOf(bytes)
  const price = fields.form === 'legacy' ? fields.maxFeePerGas : header.baseFee * WEI_PER_BASE_FEE
  return {
    ...pendingObject(hash, bytes),
    gasPrice: quantityOf(price),
    blockHash: hexOf(header.digest),
    blockNumber: quantityOf(header.height),
    transactionIndex: quantityOf(index),
  }
}

/** Status 0 is a failed transaction: code 32 or above, which stands in `selvedgeCode`. */
export function receiptObject(block: EthBlock, { hash, bytes, index, receipt, cumulativeGas, logs }: EthTransaction): Json {
  const { fields, from } = signedFieldsOf(bytes)
  return {
    transactionHash: hash,
    transactionIndex: quantityOf(index),
    blockHash: hexOf(block.header.digest),
    blockNumber: quantityOf(block.header.height),
    from,
    to: hexOf(fields.to),
    contractAddress: null,
    type: fields.form === 'legacy' ? '0x0' : '0x2',
    status: receipt.code === 0 ? '0x1' : '0x0',
    gasUsed: quantityOf(receipt.gasUsed),
    cumulativeGasUsed: quantityOf(cumulativeGas),
    effectiveGasPrice: quantityOf(block.header.baseFee * WEI_PER_BASE_FEE),
    logs: logs.map((log) => logObject(block, log)),
    logsBloom: bloomOf(logs),
    selvedgeCode: quantityOf(receipt.code),
  }
}
