/**
 * A batch of client transactions: epoch u64 · author u16 · worker u16 · seq u64 · createdAtMs u64 · transactions (u32 count, each u32
 * length and bytes). The transactions are opaque.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { hashTagged } from './digest.ts'
import { BATCH_BYTES_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX } from './limits.ts'
import type { Batch, Digest } from './types.ts'

const HEAD_BYTES = 28

/** What stands before the transactions, with their number and size. */
export interface BatchInfo extends Omit<Batch, 'transactions'> {
  readonly transactionCount: number
  /** Without their length fields. */
  readonly transactionBytes: number
}

/** @throws {ConsensusError} `CONSENSUS_TOO_LARGE`, `CONSENSUS_OUT_OF_RANGE` for what no decoder would take. */
export function encodeBatch(batch: Batch): Uint8Array {
  const out = new ByteWriter(batchSize(batch))
  writeBatch(out, batch)
  return out.finish()
}

/** What `encodeBatch` returns has this length. @throws {ConsensusError} as it does, for what is too large. */
export function batchSize({ transactions }: Batch): number {
  if (transactions.length > TRANSACTION_COUNT_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `${transactions.length} transactions`)
  let size = HEAD_BYTES + 4
  for (const { length } of transactions) {
    if (length > TRANSACTION_BYTES_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `a transaction of ${length} bytes`)
    size += 4 + length
  }
  assertSize(size)
  return size
}

/** The encoding, behind what `out` holds already. */
export function writeBatch(out: ByteWriter, { epoch, author, worker, seq, createdAtMs, transactions }: Batch): void {
  out.u64(epoch).u16(author).u16(worker).u64(seq).u64(createdAtMs).list(transactions)
}

/** The transactions are views of `bytes`. */
export function decodeBatch(bytes: Uint8Array): Batch {
  assertSize(bytes.length)
  const reader = new ByteReader(bytes)
  const head = readHead(reader)
  const transactions = reader.list(TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX)
  reader.end()
  return { ...head, transactions }
}

/** Accepts what `decodeBatch` accepts, and allocates nothing for each transaction: what the consensus thread does with a batch. */
export function decodeBatchInfo(bytes: Uint8Array): BatchInfo {
  assertSize(bytes.length)
  const reader = new ByteReader(bytes)
  const head = readHead(reader)
  const transactionCount = reader.count(4, TRANSACTION_COUNT_MAX)
  const start = reader.offset
  for (let left = transactionCount; left > 0; left--) {
    const length = reader.u32()
    if (length > TRANSACTION_BYTES_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `a transaction of ${length} bytes`)
    reader.skip(length)
  }
  reader.end()
  return { ...head, transactionCount, transactionBytes: reader.offset - start - 4 * transactionCount }
}

/** `H(0x03 ‖ chainId ‖ encoded batch)`. */
export function batchDigest(chainId: number, encoded: Uint8Array): Digest {
  return hashTagged(LEDGER_TAGS.batch, chainId, encoded)
}

function readHead(reader: ByteReader): Omit<Batch, 'transactions'> {
  return { epoch: reader.u64(), author: reader.u16(), worker: reader.u16(), seq: reader.u64(), createdAtMs: reader.u64() }
}

function assertSize(size: number): void {
  if (size > BATCH_BYTES_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `batch of ${size} bytes, the limit is ${BATCH_BYTES_MAX}`)
}
