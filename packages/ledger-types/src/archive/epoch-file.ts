/**
 * A closed epoch as a file: `"selvedge/epoch/1\0" ‖ chainId u32 ‖ epoch u64 ‖ count u32 ‖ count × block`, each block `certificate ·
 * subDagDigest 32 · n u32 · n × transaction · n + 1 × receipt`, certificate, transactions and receipts with their u32 length.
 *
 * Bytes of the file are kept as they stand: a reader compares their hashes with the certificate's roots. It reads one block at a time.
 */
import { DOMAINS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter, isSameBytes } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { DIGEST_BYTES, type Digest } from '../hash.ts'
import { CHECKPOINT_BYTES, checkpointOfCertificate } from '../blocks/checkpoint.ts'

export interface ArchivedBlock {
  /** Encoded `BlockCertificate`. */
  readonly certificate: Uint8Array
  readonly subDagDigest: Digest
  /** Those that got a receipt, as they stand in `txRoot`. */
  readonly transactions: readonly Uint8Array[]
  /** Encoded, one more than transactions: the block's own is the last. */
  readonly receipts: readonly Uint8Array[]
}

export interface EpochFileHeader {
  readonly chainId: number
  readonly epoch: number
  /** Blocks that follow. */
  readonly count: number
}

const DOMAIN = /* @__PURE__ */ new TextEncoder().encode(DOMAINS.epoch)
/** Checkpoint, bitmap, aggregate: no block has less. */
const BLOCK_BYTES_MIN = 4 + CHECKPOINT_BYTES + 97 + DIGEST_BYTES + 4 + 4

export function encodeEpochFileHeader({ chainId, epoch, count }: EpochFileHeader): Uint8Array {
  return new ByteWriter(DOMAIN.length + 16).raw(DOMAIN).u32(chainId).epoch(epoch).u32(count).finish()
}

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE` */
export function encodeArchivedBlock({ certificate, subDagDigest, transactions, receipts }: ArchivedBlock): Uint8Array {
  if (receipts.length !== transactions.length + 1) {
    throw new LedgerError('LEDGER_OUT_OF_RANGE', `${receipts.length} receipts for ${transactions.length} transactions and the block`)
  }
  const out = new ByteWriter(1_024).sized(certificate).raw(subDagDigest, DIGEST_BYTES).u32(transactions.length)
  for (const bytes of [...transactions, ...receipts]) out.sized(bytes)
  return out.finish()
}

/** Header, then blocks one by one. @throws {LedgerError} `LEDGER_MALFORMED` as far as it is read. */
export function readEpochFile(bytes: Uint8Array): { readonly header: EpochFileHeader; readonly blocks: Iterable<ArchivedBlock> } {
  const reader = new ByteReader(bytes)
  if (!isSameBytes(reader.raw(DOMAIN.length), DOMAIN)) throw new LedgerError('LEDGER_MALFORMED', 'not an epoch file: another domain')
  const header = { chainId: reader.u32(), epoch: reader.epoch(), count: reader.count(BLOCK_BYTES_MIN) }
  return { header, blocks: blocksOf(reader, header.count) }
}

function* blocksOf(reader: ByteReader, count: number): Generator<ArchivedBlock, void, undefined> {
  for (let left = count; left > 0; left--) yield readBlock(reader)
  reader.end()
}

function readBlock(reader: ByteReader): ArchivedBlock {
  const certificate = reader.sized()
  checkpointOfCertificate(certificate) // malformed here, not where it is used
  const subDagDigest = reader.raw(DIGEST_BYTES)
  const count = reader.count(8)
  const transactions = Array.from({ length: count }, () => reader.sized())
  return { certificate, subDagDigest, transactions, receipts: Array.from({ length: count + 1 }, () => reader.sized()) }
}
