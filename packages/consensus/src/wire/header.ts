/**
 * The header of a certified vertex: epoch u64 · round u64 · author u16 | createdAtMs u64 · payload (u32 count, each digest 32 · worker
 * u16 · bytes u32) · parents (u32 count, each author u16 · digest 32) · system transactions (u32 count, each u32 length and bytes).
 * Signed: that and 64 bytes.
 *
 * The digest takes what stands before the bar as it is, and the rest by its own hash, so that evidence is small. A header that was
 * decoded keeps a view of its rest for that (values are read-only: a changed copy is another object and is written anew).
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ConsensusError } from '../errors.ts'
import { assertAscending, ByteReader, ByteWriter, compareBytes } from './bytes.ts'
import { hashTagged, slotDigest, taggedBytes } from './digest.ts'
import { DIGEST_BYTES, PAYLOAD_COUNT_MAX, SIGNATURE_BYTES } from './limits.ts'
import { readSystemTransactions, systemTransactionsSize, writeSystemTransactions } from './system-transaction.ts'
import type { Digest, Header, Parent, PayloadEntry, SignedHeader } from './types.ts'

const SLOT_BYTES = 18
const PAYLOAD_ENTRY_BYTES = DIGEST_BYTES + 6
const PARENT_BYTES = DIGEST_BYTES + 2

const restOf = new WeakMap<Header, Uint8Array>()

export function encodeSignedHeader({ header, signature }: SignedHeader): Uint8Array {
  const out = new ByteWriter(headerSize(header) + SIGNATURE_BYTES)
  writeHeader(out, header)
  return out.raw(signature, SIGNATURE_BYTES).finish()
}

/** Digests, system transactions and signature are views of `bytes`. Committee and signature are not looked at: see `checkHeader`. */
export function decodeSignedHeader(bytes: Uint8Array): SignedHeader {
  const reader = new ByteReader(bytes)
  const header = readHeader(reader, bytes)
  const signature = reader.raw(SIGNATURE_BYTES)
  reader.end()
  return { header, signature }
}

/** `H(0x01 ‖ chainId ‖ epoch ‖ round ‖ author ‖ headerRestHash)`. */
export function headerDigest(chainId: number, header: Header): Digest {
  return slotDigest(LEDGER_TAGS.header, chainId, header, headerRestHash(header))
}

/** `H(0x0e ‖ encoding of all after the author)`. */
export function headerRestHash(header: Header): Digest {
  return hashTagged(LEDGER_TAGS.headerRest, undefined, restOf.get(header) ?? encodeRest(header))
}

/** `0x11 ‖ digest`. */
export function headerSigningBytes(digest: Digest): Uint8Array {
  return taggedBytes(LEDGER_TAGS.headerSignature, digest)
}

/** Encoded length without the signature. */
export function headerSize({ payload, parents, systemTransactions }: Header): number {
  const lists = 12 + payload.length * PAYLOAD_ENTRY_BYTES + parents.length * PARENT_BYTES
  return SLOT_BYTES + 8 + lists + systemTransactionsSize(systemTransactions)
}

export function writeHeader(out: ByteWriter, header: Header): void {
  out.u64(header.epoch).u64(header.round).u16(header.author)
  writeRest(out, header)
}

export function readHeader(reader: ByteReader, bytes: Uint8Array): Header {
  const epoch = reader.u64()
  const round = reader.u64()
  const author = reader.u16()
  const start = reader.offset
  const header: Header = {
    epoch,
    round,
    author,
    createdAtMs: reader.u64(),
    payload: readPayload(reader),
    parents: readParents(reader),
    systemTransactions: readSystemTransactions(reader),
  }
  restOf.set(header, bytes.subarray(start, reader.offset))
  return header
}

function encodeRest(header: Header): Uint8Array {
  const out = new ByteWriter(headerSize(header) - SLOT_BYTES)
  writeRest(out, header)
  return out.finish()
}

function writeRest(out: ByteWriter, { createdAtMs, payload, parents, systemTransactions }: Header): void {
  if (payload.length > PAYLOAD_COUNT_MAX) throw new ConsensusError('CONSENSUS_TOO_LARGE', `payload of ${payload.length} batches`)
  out.u64(createdAtMs).u32(payload.length)
  for (const [i, { digest, worker, bytes }] of payload.entries()) {
    if (i > 0) assertAscending(compareBytes(payload[i - 1]!.digest, digest), 'payload digests')
    out.digest(digest).u16(worker).u32(bytes)
  }
  out.u32(parents.length)
  for (const [i, { author, digest }] of parents.entries()) {
    if (i > 0) assertAscending(parents[i - 1]!.author - author, 'authors of parents')
    out.u16(author).digest(digest)
  }
  writeSystemTransactions(out, systemTransactions)
}

function readPayload(reader: ByteReader): PayloadEntry[] {
  const entries: PayloadEntry[] = []
  let previous: Digest | undefined
  for (let left = reader.count(PAYLOAD_ENTRY_BYTES, PAYLOAD_COUNT_MAX); left > 0; left--) {
    const digest = reader.digest()
    if (previous !== undefined) assertAscending(compareBytes(previous, digest), 'payload digests')
    entries.push({ digest, worker: reader.u16(), bytes: reader.u32() })
    previous = digest
  }
  return entries
}

function readParents(reader: ByteReader): Parent[] {
  const parents: Parent[] = []
  let previous = -1
  for (let left = reader.count(PARENT_BYTES); left > 0; left--) {
    const author = reader.u16()
    assertAscending(previous - author, 'authors of parents')
    parents.push({ author, digest: reader.digest() })
    previous = author
  }
  return parents
}
