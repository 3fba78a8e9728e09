/**
 * Checkpoints: bytes that the executor makes after each block and every member signs alike with its BLS key.
 *
 * They are opaque here but for how they begin, which names what may be signed only once: chainId u32 · epoch u64 · height u64.
 * Signature: height u64 · bytes (u32 length) · signer u16 · signature 96. Certificate: bytes · signers (bitmap) · aggregate 96, where
 * the length of the bytes is what is left (for the ledger's checkpoint 253).
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { BLS_SIGNATURE_BYTES, CHECKPOINT_BYTES_MAX, CHECKPOINT_BYTES_MIN } from './limits.ts'
import { bitmapBytesOf, readSigners, writeSigners } from './signers.ts'
import type { Authority } from './types.ts'

export interface CheckpointSignature {
  /** The one that stands in `bytes`. */
  readonly height: number
  /** 20 to 280 bytes. */
  readonly bytes: Uint8Array
  readonly signer: Authority
  /** 96 bytes over `0x14 ‖ bytes`. */
  readonly signature: Uint8Array
}

/** Named by its checkpoint: several good ones differ in signers only. */
export interface BlockCertificate {
  readonly bytes: Uint8Array
  /** Ascending. */
  readonly signers: readonly Authority[]
  /** BLS aggregate of their signatures, 96 bytes. */
  readonly aggregate: Uint8Array
}

export interface CheckpointSlot {
  readonly chainId: number
  readonly epoch: number
  readonly height: number
}

/** How the bytes of a checkpoint begin. */
export function checkpointSlotOf(bytes: Uint8Array): CheckpointSlot {
  assertCheckpoint(bytes.length)
  const reader = new ByteReader(bytes)
  return { chainId: reader.u32(), epoch: reader.u64(), height: reader.u64() }
}

/** `0x14 ‖ bytes`. */
export function checkpointSigningBytes(bytes: Uint8Array): Uint8Array {
  return new ByteWriter(1 + bytes.length).u8(LEDGER_TAGS.checkpointSignature).raw(bytes).finish()
}

export function encodeCheckpointSignature({ height, bytes, signer, signature }: CheckpointSignature): Uint8Array {
  assertHeight(height, bytes)
  const out = new ByteWriter(14 + bytes.length + BLS_SIGNATURE_BYTES).u64(height).sized(bytes).u16(signer)
  return out.raw(signature, BLS_SIGNATURE_BYTES).finish()
}

/** Bytes are views; the signature is not looked at. */
export function decodeCheckpointSignature(bytes: Uint8Array): CheckpointSignature {
  const reader = new ByteReader(bytes)
  const value: CheckpointSignature = {
    height: reader.u64(),
    bytes: readCheckpoint(reader),
    signer: reader.u16(),
    signature: reader.raw(BLS_SIGNATURE_BYTES),
  }
  reader.end()
  assertHeight(value.height, value.bytes)
  return value
}

export function encodeBlockCertificate({ bytes, signers, aggregate }: BlockCertificate, committeeSize: number): Uint8Array {
  checkpointSlotOf(bytes)
  const out = new ByteWriter(bytes.length + bitmapBytesOf(committeeSize) + BLS_SIGNATURE_BYTES).raw(bytes)
  writeSigners(out, signers, committeeSize)
  return out.raw(aggregate, BLS_SIGNATURE_BYTES).finish()
}

/** Bytes are views; stake and signature are not looked at. */
export function decodeBlockCertificate(bytes: Uint8Array, committeeSize: number): BlockCertificate {
  const length = bytes.length - bitmapBytesOf(committeeSize) - BLS_SIGNATURE_BYTES
  if (length < CHECKPOINT_BYTES_MIN) {
    throw new ConsensusError('CONSENSUS_TRUNCATED', `a block certificate of ${bytes.length} bytes for ${committeeSize} members`)
  }
  assertCheckpoint(length)
  const reader = new ByteReader(bytes)
  const checkpoint = reader.raw(length)
  checkpointSlotOf(checkpoint)
  return { bytes: checkpoint, signers: readSigners(reader, committeeSize), aggregate: reader.raw(BLS_SIGNATURE_BYTES) }
}

/** u32 length, then the bytes of a checkpoint. */
export function readCheckpoint(reader: ByteReader): Uint8Array {
  const bytes = reader.sized(CHECKPOINT_BYTES_MAX)
  checkpointSlotOf(bytes)
  return bytes
}

function assertHeight(height: number, bytes: Uint8Array): void {
  const named = checkpointSlotOf(bytes).height
  if (named !== height) throw new ConsensusError('CONSENSUS_OUT_OF_RANGE', `checkpoint of height ${named} is said to be of ${height}`)
}

function assertCheckpoint(length: number): void {
  if (length < CHECKPOINT_BYTES_MIN) {
    throw new ConsensusError('CONSENSUS_BAD_LENGTH', `a checkpoint has at least ${CHECKPOINT_BYTES_MIN} bytes, got ${length}`)
  }
  if (length > CHECKPOINT_BYTES_MAX) {
    throw new ConsensusError('CONSENSUS_TOO_LARGE', `a checkpoint has at most ${CHECKPOINT_BYTES_MAX} bytes, got ${length}`)
  }
}
