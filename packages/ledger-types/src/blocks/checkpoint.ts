/**
 * Checkpoints and block certificates. After each block every member signs the same 253 bytes with its BLS key; the sum of the signatures
 * of a quorum is a certificate that anybody can check who knows the committee.
 */
import { LEDGER_TAGS } from '@selvedge/crypto/transcript'
import { ByteReader, ByteWriter, decodeWhole } from '../bytes.ts'
import { LedgerError } from '../errors.ts'
import { DIGEST_BYTES, type Digest } from '../hash.ts'

/** `chainId u32 · epoch u64 · height u64 · timestampMs u64 · flags u8 (1 = final) · seven digests`: 253 bytes. */
export interface Checkpoint {
  readonly chainId: number
  readonly epoch: number
  readonly height: number
  readonly timestampMs: number
  /** The last block of its epoch: it names the next committee. */
  readonly isFinal: boolean
  readonly blockDigest: Digest
  readonly txRoot: Digest
  /** Of the state after the block. */
  readonly stateRoot: Digest
  readonly receiptsRoot: Digest
  readonly committeeRoot: Digest
  /** Zero unless final. */
  readonly nextCommitteeRoot: Digest
  /** BLAKE3 root of the snapshot after the epoch's start, once in an epoch; zero otherwise. */
  readonly snapshotRoot: Digest
}

/** Several good ones for a block differ in signers only: a certificate is named by its checkpoint. */
export interface BlockCertificate {
  readonly checkpoint: Checkpoint
  /** Places in the committee, ascending. */
  readonly signers: readonly number[]
  /** BLS aggregate of exactly their signatures, 96 bytes. */
  readonly aggregate: Uint8Array
}

export const CHECKPOINT_BYTES = 253
export const BLS_AGGREGATE_BYTES = 96
const FINAL = 1
const DIGESTS = ['blockDigest', 'txRoot', 'stateRoot', 'receiptsRoot', 'committeeRoot', 'nextCommitteeRoot', 'snapshotRoot'] as const

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { chainId, epoch, height, timestampMs, isFinal } = checkpoint
  const fault = checkpointFaultOf(checkpoint)
  if (fault !== undefined) throw new LedgerError('LEDGER_OUT_OF_RANGE', fault)
  const out = new ByteWriter(CHECKPOINT_BYTES)
    .u32(chainId)
    .epoch(epoch)
    .u64(height)
    .u64(timestampMs)
    .u8(isFinal ? FINAL : 0)
  for (const name of DIGESTS) out.raw(checkpoint[name], DIGEST_BYTES)
  return out.finish()
}

/** @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  return decodeWhole(bytes, readCheckpoint)
}

/** `0x14 ‖ checkpoint`: what members sign. */
export function checkpointSigningBytes(checkpoint: Uint8Array): Uint8Array {
  return new ByteWriter(1 + checkpoint.length).u8(LEDGER_TAGS.checkpointSignature).raw(checkpoint).finish()
}

/** `checkpoint 253 · signers (bitmap of ceil(n / 8), least significant bit first) · aggregate 96`. */
export function encodeBlockCertificate({ checkpoint, signers, aggregate }: BlockCertificate, committeeSize: number): Uint8Array {
  const bitmap = new Uint8Array(bitmapBytesOf(committeeSize))
  let previous = -1
  for (const signer of signers) {
    if (!Number.isInteger(signer) || signer <= previous || signer >= committeeSize) {
      throw new LedgerError('LEDGER_OUT_OF_RANGE', `signer ${signer} does not ascend in a committee of ${committeeSize}`)
    }
    bitmap[signer >> 3]! |= 1 << (signer & 7)
    previous = signer
  }
  const out = new ByteWriter(CHECKPOINT_BYTES + bitmap.length + BLS_AGGREGATE_BYTES).raw(encodeCheckpoint(checkpoint)).raw(bitmap)
  return out.raw(aggregate, BLS_AGGREGATE_BYTES).finish()
}

/** Stake and signature are not looked at: the light client does. @throws {LedgerError} `LEDGER_MALFORMED` */
export function decodeBlockCertificate(bytes: Uint8Array, committeeSize: number): BlockCertificate {
  return decodeWhole(bytes, (reader) => {
    const checkpoint = readCheckpoint(reader)
    const bitmap = reader.raw(bitmapBytesOf(committeeSize))
    const signers: number[] = []
    for (let i = 0; i < bitmap.length * 8; i++) {
      if (((bitmap[i >> 3]! >> (i & 7)) & 1) === 0) continue
      if (i >= committeeSize) throw new LedgerError('LEDGER_MALFORMED', `bit ${i} in a committee of ${committeeSize}`)
      signers.push(i)
    }
    return { checkpoint, signers, aggregate: reader.raw(BLS_AGGREGATE_BYTES) }
  })
}

/** The checkpoint at the head of a certificate, whatever the committee. @throws {LedgerError} `LEDGER_MALFORMED` */
export function checkpointOfCertificate(bytes: Uint8Array): Checkpoint {
  return readCheckpoint(new ByteReader(bytes))
}

function readCheckpoint(reader: ByteReader): Checkpoint {
  const head = { chainId: reader.u32(), epoch: reader.epoch(), height: reader.u64(), timestampMs: reader.u64(), isFinal: readFlags(reader) }
  const digests = Object.fromEntries(DIGESTS.map((name) => [name, reader.raw(DIGEST_BYTES)])) as Record<(typeof DIGESTS)[number], Digest>
  const checkpoint = { ...head, ...digests }
  const fault = checkpointFaultOf(checkpoint)
  if (fault !== undefined) throw new LedgerError('LEDGER_MALFORMED', fault)
  return checkpoint
}

function readFlags(reader: ByteReader): boolean {
  const flags = reader.u8()
  if (flags > FINAL) throw new LedgerError('LEDGER_MALFORMED', `flags of a checkpoint are 0 or 1, not ${flags}`)
  return flags === FINAL
}

function checkpointFaultOf({ chainId, isFinal, nextCommitteeRoot }: Checkpoint): string | undefined {
  if (chainId === 0) return 'chainId 0 is refused'
  if (isFinal === nextCommitteeRoot.every((byte) => byte === 0)) return 'nextCommitteeRoot is zero exactly where the block is not final'
  return undefined
}

function bitmapBytesOf(committeeSize: number): number {
  return (committeeSize + 7) >> 3
}
