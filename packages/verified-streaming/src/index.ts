/**
 * BLAKE3 verified streaming: trees, outboards, ranges, incremental verification. Formats are those of Bao at 1 KiB chunk
 * groups and of bao-tree and iroh at 16 KiB, byte for byte.
 *
 * @module
 */
export { type ByteRange, byteRangesOfHeader } from './byte-range.ts'
export { type ByteReader, createByteReader } from './byte-reader.ts'
export type { ByteSource } from './byte-source.ts'
export { ChunkRanges, type ChunkSpan } from './chunk-ranges.ts'
export { decodeChunkRanges, encodeChunkRanges, parseRangeHeader } from './chunk-ranges-wire.ts'
export { type ChunkRangesEntry, ChunkRangesSeq } from './chunk-ranges-seq.ts'
export { type Collection, type CollectionEntry, decodeCollection, encodeCollection } from './collection.ts'
export type { ContentSize } from './content-size.ts'
export { createOutboard, type CreateOutboardOptions, type HashProgress } from './create-outboard.ts'
export { decode, type DecodeOptions, type DecodeProgress, type Decoding } from './decode.ts'
export { bytesOf, createDecodeStream, type DecodeStream, decodeTransform } from './decode-stream.ts'
export { Decoder, type DecoderOptions, type VerifiedPart } from './decoder.ts'
export { encode, type EncodeOptions, encodeRanges, type VerifiableBlob } from './encode.ts'
export { encodeRangesFrom } from './encode-from.ts'
export { encodedBytesOf } from './encoded-bytes.ts'
export { VerifyError, type VerifyErrorCode } from './errors.ts'
export { decodeGetRequest, encodeGetRequest, type GetRequest } from './get-request.ts'
export { hash, type HashOptions } from './hash.ts'
export {
  decodeHashSequence,
  decodeSequence,
  type DecodeSequenceOptions,
  encodeHashSequence,
  encodeSequence,
  type SequencePart,
} from './hash-sequence.ts'
export { createHasher, type Hasher } from './hasher.ts'
export { createHashPool, type HashPool, type HashPoolOptions } from './parallel/hash-pool.ts'
export { hashParallel, type HashParallelOptions } from './parallel/hash-parallel.ts'
export { createMemoryStore, type MemoryStore, type SinkStore } from './memory-store.ts'
export { createOutboardBuilder, type Outboard, type OutboardBuilder, type OutboardOptions } from './outboard-builder.ts'
export type { OutboardOrder } from './places.ts'
export { type FileHandleLike, fromFileHandle, type RandomAccess, type ReadAt } from './random-access.ts'
export { createSink, type ReceiveOptions, type Received, type Sink, type SinkOptions, type SinkProgress } from './sink.ts'
export { validRanges, verifyRanges, type VerifyRangesOptions } from './verify-ranges.ts'
export { fetchVerified, openVerified, type VerifiedFile, type VerifiedFileOptions, type VerifiedRequest } from './fetch-verified.ts'
export type { Fetch } from './http-host.ts'
export { formatRoot, parseRoot } from './root-text.ts'
