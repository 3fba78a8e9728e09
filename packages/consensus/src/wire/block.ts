/**
 * The vertex of the uncertified mode: epoch u64 · round u64 · author u16 | createdAtMs u64 · ancestors (u32 count, each round u64 ·
 * author u16 · digest 32) · transactions · system transactions (each list u32 count, each element u32 length and bytes) · commit votes
 * (u32 count, which must be 0). Signed: that and 64 bytes. The bar as in header.ts.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { hashTagged, slotDigest, taggedBytes } from './digest.ts'
import { BATCH_BYTES_MAX, DIGEST_BYTES, SIGNATURE_BYTES, TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX } from './limits.ts'
import { readSystemTransactions, systemTransactionsSize, writeSystemTransactions } from './system-transaction.ts'
import type { Ancestor, Block, Digest, SignedBlock } from './types.ts'

const SLOT_BYTES = 18
const ANCESTOR_BYTES = 10 + DIGEST_BYTES

const restOf = new WeakMap<Block, Uint8Array>()

/** @throws {ConsensusError} for what no decoder would take. */
export function encodeSignedBlock({ block, signature }: SignedBlock): Uint8Array {
  const out = new ByteWriter(blockSize(block) + SIGNATURE_BYTES)
  out.u64(block.epoch).u64(block.round).u16(block.author)
  writeRest(out, block)
  out.raw(signature, SIGNATURE_BYTES)
  assertSize(out.length)
  return out.finish()
}

/** All bytes in the result are views of `bytes`. Committee and signature are not looked at: see `checkBlock`. */
export function decodeSignedBlock(bytes: Uint8Array): SignedBlock {
  assertSize(bytes.length)
  const reader = new ByteReader(bytes)
  const epoch = reader.u64()
  const round = reader.u64()
  const author = reader.u16()
  const start = reader.offset
  const block: Block = {
    epoch,
    round,
    author,
    createdAtMs: reader.u64(),
    ancestors: readAncestors(reader),
    transactions: reader.list(TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX),
    systemTransactions: readSystemTransactions(reader),
  }
  reader.count(1, 0) // commit votes: none
  restOf.set(block, bytes.subarray(start, reader.offset))
  const signature = reader.raw(SIGNATURE_BYTES)
  reader.end()
  return { block, signature }
}

/** `H(0x04 ‖ chainId ‖ epoch ‖ round ‖ author ‖ blockRestHash)`. */
export function blockDigest(chainId: number, block: Block): Digest {
  return slotDigest(LEDGER_TAGS.block, chainId, block, blockRestHash(block))
}

/** `H(0x0f ‖ encoding of all after the author)`. */
export function blockRestHash(block: Block): Digest {
  return hashTagged(LEDGER_TAGS.blockRest, undefined, restOf.get(block) ?? encodeRest(block))
}

/** `0x13 ‖ digest`. */
export function blockSigningBytes(digest: Digest): Uint8Array {
  return taggedBytes(LEDGER_TAGS.blockSignature, digest)
}

function blockSize({ ancestors, transactions, systemTransactions }: Block): number {
  let size = SLOT_BYTES + 8 + 12 + ancestors.length * ANCESTOR_BYTES + systemTransactionsSize(systemTransactions)
  for (const { length } of transactions) size += 4 + length
  return size + 4
}

function encodeRest(block: Block): Uint8Array {
  const out = new ByteWriter(blockSize(block) - SLOT_BYTES)
  writeRest(out, block)
  return out.finish()
}

function writeRest(out: ByteWriter, { createdAtMs, ancestors, transactions, systemTransactions }: Block): void {
  out.u64(createdAtMs).u32(ancestors.length)
  for (const { round, author, digest } of ancestors) out.u64(round).u16(author).digest(digest)
  if (transactions.length > TRANSACTION_COUNT_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `${transactions.length} transactions`)
  for (const { length } of transactions) {
    if (length > TRANSACTION_BYTES_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `a transaction of ${length} bytes`)
  }
  out.list(transactions)
  writeSystemTransactions(out, systemTransactions)
  out.u32(0)
}

function readAncestors(reader: ByteReader): Ancestor[] {
  const ancestors: Ancestor[] = []
  for (let left = reader.count(ANCESTOR_BYTES); left > 0; left--) {
    ancestors.push({ round: reader.u64(), author: reader.u16(), digest: reader.digest() })
  }
  return ancestors
}

function assertSize(size: number): void {
  if (size > BATCH_BYTES_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `block of ${size} bytes, the limit is ${BATCH_BYTES_MAX}`)
}
