/**
 * Small messages of the members to the executor, ordered with the rest: kind u8 · body. The author of the header or block is the
 * sender, its signature the signature. Order passes them on as bytes; whether they mean anything is found when they are executed.
 */
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { SYSTEM_TRANSACTION_BYTES_MAX } from './limits.ts'
import type { Digest } from './types.ts'

export type SystemTransaction =
  | { readonly kind: 'readyToClose'; readonly epoch: number }
  | { readonly kind: 'evidence'; readonly evidence: Uint8Array } // encoded: evidence.ts
  | { readonly kind: 'beaconCommit'; readonly commitment: Digest }
  | { readonly kind: 'beaconReveal'; readonly secret: Uint8Array } // 32 bytes
  | { readonly kind: 'epochFile'; readonly epoch: number; readonly root: Digest }

const KINDS: readonly SystemTransaction['kind'][] = ['readyToClose', 'evidence', 'beaconCommit', 'beaconReveal', 'epochFile']

export function encodeSystemTransaction(transaction: SystemTransaction): Uint8Array {
  const out = new ByteWriter(41).u8(KINDS.indexOf(transaction.kind))
  switch (transaction.kind) {
    case 'readyToClose':
      return out.u64(transaction.epoch).finish()
    case 'evidence':
      return out.raw(transaction.evidence).finish()
    case 'beaconCommit':
      return out.digest(transaction.commitment).finish()
    case 'beaconReveal':
      return out.digest(transaction.secret).finish()
    case 'epochFile':
      return out.u64(transaction.epoch).digest(transaction.root).finish()
  }
}

/** Evidence is handed out as it stands: decode it apart. */
export function decodeSystemTransaction(bytes: Uint8Array): SystemTransaction {
  const reader = new ByteReader(bytes)
  const transaction = readBody(reader)
  reader.end()
  return transaction
}

function readBody(reader: ByteReader): SystemTransaction {
  const kind = reader.u8()
  switch (KINDS[kind]) {
    case 'readyToClose':
      return { kind: 'readyToClose', epoch: reader.u64() }
    case 'evidence':
      return { kind: 'evidence', evidence: reader.raw(reader.remaining) }
    case 'beaconCommit':
      return { kind: 'beaconCommit', commitment: reader.digest() }
    case 'beaconReveal':
      return { kind: 'beaconReveal', secret: reader.digest() }
    case 'epochFile':
      return { kind: 'epochFile', epoch: reader.u64(), root: reader.digest() }
    default:
      throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', `no system transaction has kind ${kind}`)
  }
}

export function systemTransactionsSize(transactions: readonly Uint8Array[]): number {
  let size = 4
  for (const { length } of transactions) size += 4 + length
  return size
}

/** The list in a header or block: u32 count, each u32 length and bytes. None is empty, and all together have their limit. */
export function writeSystemTransactions(out: ByteWriter, transactions: readonly Uint8Array[]): void {
  let left = SYSTEM_TRANSACTION_BYTES_MAX
  for (const { length } of transactions) left = spend(left, length)
  out.list(transactions)
}

export function readSystemTransactions(reader: ByteReader): Uint8Array[] {
  const transactions: Uint8Array[] = []
  let left = SYSTEM_TRANSACTION_BYTES_MAX
  for (let count = reader.count(5, SYSTEM_TRANSACTION_BYTES_MAX); count > 0; count--) {
    const bytes = reader.sized(SYSTEM_TRANSACTION_BYTES_MAX)
    left = spend(left, bytes.length)
    transactions.push(bytes)
  }
  return transactions
}

function spend(left: number, length: number): number {
  if (length === 0) throw new ConsensusError('CONSENSUS_BAD_LENGTH', 'a system transaction has at least its kind')
  if (length > left) {
    throw new ConsensusError('CONSENSUS_TOO_LARGE', `system transactions have ${SYSTEM_TRANSACTION_BYTES_MAX} bytes together at most`)
  }
  return left - length
}
