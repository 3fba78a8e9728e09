/**
 * Frames: what goes over a connection between two members, kind u8 · body. The connection proves who sends and tells frames apart.
 *
 * Single values are decoded; what a store holds encoded (batches, certificates, blocks in answers) stays so, because whoever answers
 * copies it from disk and whoever asked decodes what it waits for. The body of an `EncodedType` is that value's own encoding:
 * `bodyOf(frame)` is what is stored, and `frameOf(type, bytes)` what is sent again.
 *
 * Everything decoded is a view of the frame.
 */
import { ConsensusError } from '../errors.ts'
import { batchSize, decodeBatchInfo, writeBatch } from './batch.ts'
import { decodeSignedBlock, encodeSignedBlock } from './block.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { decodeCertificate, encodeCertificate } from './certificate.ts'
import {
  type BlockCertificate,
  type CheckpointSignature,
  decodeBlockCertificate,
  decodeCheckpointSignature,
  encodeBlockCertificate,
  encodeCheckpointSignature,
} from './checkpoint.ts'
import { CHECKPOINT_KIND, decodeEvidence, encodeEvidence, type Evidence } from './evidence.ts'
import { decodeSignedHeader, encodeSignedHeader } from './header.ts'
import * as limits from './limits.ts'
import {
  BLOCK_QUERY,
  BLOCK_RANGE_COUNT_MAX,
  CERTIFICATE_QUERY,
  readDigests,
  readQuery,
  type VertexQuery,
  writeDigests,
  writeQuery,
} from './query.ts'
import { readStatement, STATEMENT_BYTES, type Statement, writeStatement } from './statement.ts'
import type { Batch, Certificate, Digest, SignedBlock, SignedHeader, Vote } from './types.ts'
import { decodeVote, encodeVote } from './vote.ts'

export type Frame =
  | { readonly type: 'batch'; readonly bytes: Uint8Array } // encoded batch, its layout checked
  | { readonly type: 'batchAck'; readonly epoch: number; readonly worker: number; readonly digest: Digest } // stored, and can be served
  | { readonly type: 'batchRequest'; readonly epoch: number; readonly worker: number; readonly digests: readonly Digest[] }
  | { readonly type: 'batchResponse'; readonly epoch: number; readonly worker: number; readonly batches: readonly Uint8Array[] } // encoded
  | { readonly type: 'header'; readonly header: SignedHeader }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'certificateRequest'; readonly epoch: number; readonly query: VertexQuery }
  | { readonly type: 'certificates'; readonly epoch: number; readonly certificates: readonly Uint8Array[] } // encoded, by round
  | { readonly type: 'floorQuery'; readonly epoch: number; readonly nonce: number }
  | {
      readonly type: 'floorAnswer'
      readonly epoch: number
      /** Of the query. */
      readonly nonce: number
      /** The sender's highest certificate (certified) or accepted block (uncertified), encoded; empty for none. */
      readonly proof: Uint8Array
      /** What the sender holds that the asker signed. */
      readonly statements: readonly Statement[]
    }
  | { readonly type: 'checkpointSignature'; readonly signature: CheckpointSignature }
  | { readonly type: 'closeReport'; readonly epoch: number }
  | { readonly type: 'block'; readonly block: SignedBlock }
  | { readonly type: 'blockRequest'; readonly epoch: number; readonly query: VertexQuery }
  | { readonly type: 'blocks'; readonly epoch: number; readonly blocks: readonly Uint8Array[] } // encoded, by round
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  | { readonly type: 'blockCertificate'; readonly certificate: BlockCertificate }

export type FrameType = Frame['type']

/** Frames whose body is a value's own encoding. */
export type EncodedType = 'batch' | 'header' | 'vote' | 'certificate' | 'checkpointSignature' | 'block' | 'evidence' | 'blockCertificate'

/** The kind byte is the place in this list: never change one, add at the end. */
export const FRAME_TYPES: readonly FrameType[] = [
  'batch',
  'batchAck',
  'batchRequest',
  'batchResponse',
  'header',
  'vote',
  'certificate',
  'certificateRequest',
  'certificates',
  'floorQuery',
  'floorAnswer',
  'checkpointSignature',
  'closeReport',
  'block',
  'blockRequest',
  'blocks',
  'evidence',
  'blockCertificate',
]

/**
 * @param committeeSize - of the epoch that the frame belongs to.
 * @throws {ConsensusError} for what no decoder would take.
 */
export function encodeFrame(frame: Frame, committeeSize: number): Uint8Array {
  switch (frame.type) {
    case 'batch':
      return frameOf(frame.type, frame.bytes)
    case 'header':
      return frameOf(frame.type, encodeSignedHeader(frame.header))
    case 'vote':
      return frameOf(frame.type, encodeVote(frame.vote))
    case 'certificate':
      return frameOf(frame.type, encodeCertificate(frame.certificate, committeeSize))
    case 'checkpointSignature':
      return frameOf(frame.type, encodeCheckpointSignature(frame.signature))
    case 'block':
      return frameOf(frame.type, encodeSignedBlock(frame.block))
    case 'evidence':
      return frameOf(frame.type, encodeEvidence(frame.evidence))
    case 'blockCertificate':
      return frameOf(frame.type, encodeBlockCertificate(frame.certificate, committeeSize))
    default: {
      const out = new ByteWriter().u8(FRAME_TYPES.indexOf(frame.type)).u64(frame.epoch)
      writeFrame(out, frame, committeeSize)
      assertSize(out.length)
      return out.finish()
    }
  }
}

/** A frame of a value that is encoded already: what was stored goes out as it is. */
export function frameOf(type: EncodedType, encoded: Uint8Array): Uint8Array {
  assertSize(1 + encoded.length)
  return new ByteWriter(1 + encoded.length).u8(FRAME_TYPES.indexOf(type)).raw(encoded).finish()
}

/** The frame of `batch`, encoded in place: half a megabyte is not copied to get a byte in front of it. Its body is the encoded batch. */
export function encodeBatchFrame(batch: Batch): Uint8Array {
  const out = new ByteWriter(1 + batchSize(batch)).u8(FRAME_TYPES.indexOf('batch'))
  writeBatch(out, batch)
  return out.finish()
}

/** @throws {ConsensusError} and nothing else, whatever the bytes are. */
export function decodeFrame(bytes: Uint8Array, committeeSize: number): Frame {
  assertSize(bytes.length)
  const type = frameTypeOf(bytes)
  switch (type) {
    case 'batch':
      decodeBatchInfo(bodyOf(bytes))
      return { type, bytes: bodyOf(bytes) }
    case 'header':
      return { type, header: decodeSignedHeader(bodyOf(bytes)) }
    case 'vote':
      return { type, vote: decodeVote(bodyOf(bytes)) }
    case 'certificate':
      return { type, certificate: decodeCertificate(bodyOf(bytes), committeeSize) }
    case 'checkpointSignature':
      return { type, signature: decodeCheckpointSignature(bodyOf(bytes)) }
    case 'block':
      return { type, block: decodeSignedBlock(bodyOf(bytes)) }
    case 'evidence':
      return { type, evidence: decodeEvidence(bodyOf(bytes)) }
    case 'blockCertificate':
      return { type, certificate: decodeBlockCertificate(bodyOf(bytes), committeeSize) }
    default: {
      const reader = new ByteReader(bodyOf(bytes))
      const frame = readFrame(type, reader, committeeSize)
      reader.end()
      return frame
    }
  }
}

/** The first byte. @throws {ConsensusError} `CONSENSUS_TRUNCATED`, `CONSENSUS_UNKNOWN_KIND` */
export function frameTypeOf(frame: Uint8Array): FrameType {
  const kind = new ByteReader(frame).u8()
  const type = FRAME_TYPES[kind]
  if (type === undefined) throw new ConsensusError('CONSENSUS_UNKNOWN_KIND', `no frame has kind ${kind}`)
  return type
}

/** The epoch of a frame, read without decoding the rest: its committee decides how the rest is read. */
export function frameEpochOf(frame: Uint8Array): number {
  const type = frameTypeOf(frame)
  const reader = new ByteReader(frame)
  reader.skip(1)
  if (type === 'checkpointSignature') reader.skip(8 + 4 + 4) // height, length, chainId
  if (type === 'blockCertificate') reader.skip(4) // chainId
  if (type === 'evidence' && reader.u8() === CHECKPOINT_KIND) reader.skip(2 + 4 + 4) // signer, length, chainId
  return reader.u64()
}

/** A view of all but the kind: for the frames of `EncodedType` the encoding of the value in it. */
export function bodyOf(frame: Uint8Array): Uint8Array {
  return new Uint8Array(frame.buffer, frame.byteOffset + 1, frame.length - 1)
}

function writeFrame(out: ByteWriter, frame: Exclude<Frame, { type: EncodedType }>, committeeSize: number): void {
  switch (frame.type) {
    case 'batchAck':
      out.u16(frame.worker).digest(frame.digest)
      return
    case 'batchRequest':
      writeDigests(out.u16(frame.worker), frame.digests, limits.BATCH_REQUEST_COUNT_MAX)
      return
    case 'batchResponse':
      writeItems(out.u16(frame.worker), frame.batches, limits.BATCH_BYTES_MAX, limits.BATCH_REQUEST_COUNT_MAX)
      return
    case 'certificateRequest':
      writeQuery(out, frame.query, committeeSize, CERTIFICATE_QUERY)
      return
    case 'certificates':
      writeItems(out, frame.certificates, limits.FRAME_BYTES_MAX, limits.CERTIFICATE_REQUEST_COUNT_MAX)
      return
    case 'blockRequest':
      writeQuery(out, frame.query, committeeSize, BLOCK_QUERY)
      return
    case 'blocks':
      writeItems(out, frame.blocks, limits.BATCH_BYTES_MAX, BLOCK_RANGE_COUNT_MAX)
      return
    case 'floorQuery':
      out.u64(frame.nonce)
      return
    case 'floorAnswer':
      assertCount(frame.statements.length, limits.STATEMENT_COUNT_MAX)
      out.u64(frame.nonce).sized(frame.proof).u32(frame.statements.length)
      for (const statement of frame.statements) writeStatement(out, statement)
      return
    case 'closeReport':
  }
}

function readFrame(type: Exclude<FrameType, EncodedType>, reader: ByteReader, committeeSize: number): Frame {
  const epoch = reader.u64()
  switch (type) {
    case 'batchAck':
      return { type, epoch, worker: reader.u16(), digest: reader.digest() }
    case 'batchRequest':
      return { type, epoch, worker: reader.u16(), digests: readDigests(reader, limits.BATCH_REQUEST_COUNT_MAX) }
    case 'batchResponse': {
      const worker = reader.u16()
      return { type, epoch, worker, batches: reader.list(limits.BATCH_BYTES_MAX, limits.BATCH_REQUEST_COUNT_MAX) }
    }
    case 'certificateRequest':
      return { type, epoch, query: readQuery(reader, committeeSize, CERTIFICATE_QUERY) }
    case 'certificates':
      return { type, epoch, certificates: reader.list(limits.FRAME_BYTES_MAX, limits.CERTIFICATE_REQUEST_COUNT_MAX) }
    case 'blockRequest':
      return { type, epoch, query: readQuery(reader, committeeSize, BLOCK_QUERY) }
    case 'blocks':
      return { type, epoch, blocks: reader.list(limits.BATCH_BYTES_MAX, BLOCK_RANGE_COUNT_MAX) }
    case 'floorQuery':
      return { type, epoch, nonce: reader.u64() }
    case 'floorAnswer': {
      const nonce = reader.u64()
      const proof = reader.sized(limits.FRAME_BYTES_MAX)
      const statements: Statement[] = []
      for (let left = reader.count(STATEMENT_BYTES, limits.STATEMENT_COUNT_MAX); left > 0; left--) statements.push(readStatement(reader))
      return { type, epoch, nonce, proof, statements }
    }
    case 'closeReport':
      return { type, epoch }
  }
}

function writeItems(out: ByteWriter, items: readonly Uint8Array[], bytesMax: number, countMax: number): void {
  assertCount(items.length, countMax)
  for (const { length } of items) {
    if (length > bytesMax) throw new ConsensusError('CONSENSUS_TOO_LARGE', `${length} bytes where ${bytesMax} are the limit`)
  }
  out.list(items)
}

function assertCount(count: number, countMax: number): void {
  if (count > countMax) throw new ConsensusError('CONSENSUS_TOO_LARGE', `${count} elements where ${countMax} are the limit`)
}

function assertSize(size: number): void {
  if (size > limits.FRAME_BYTES_MAX) {
    throw new ConsensusError('CONSENSUS_TOO_LARGE', `a frame of ${size} bytes, the limit is ${limits.FRAME_BYTES_MAX}`)
  }
}
