/**
 * A blob that names other blobs: their roots one after the other, nothing between and nothing before (iroh's `HashSeq`). And
 * the response for such a sequence: the encodings of all blobs that were asked for, in order, on one stream.
 */
import { type ByteReader, createByteReader, isByteReader } from './byte-reader.ts'
import type { ByteSource } from './byte-source.ts'
import { HASH_BYTES } from './constants.ts'
import { type DecodeOptions, decode } from './decode.ts'
import type { VerifiedPart } from './decoder.ts'
import { type EncodeOptions, encodeRanges, type VerifiableBlob } from './encode.ts'
import { VerifyError } from './errors.ts'
import type { GetRequest } from './get-request.ts'
import { asReadAt } from './random-access.ts'
import { checkBytes, checkRoot } from './tree.ts'

/** The bytes of the sequence of `roots`. */
export function encodeHashSequence(roots: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(roots.length * HASH_BYTES)
  roots.forEach((root, i) => out.set(checkRoot(root), i * HASH_BYTES))
  return out
}

/**
 * The roots in a sequence, in one buffer of the caller's own.
 *
 * @throws {VerifyError} `VERIFY_MALFORMED` unless the length is a multiple of 32.
 */
export function decodeHashSequence(bytes: Uint8Array): Uint8Array[] {
  if (checkBytes(bytes).length % HASH_BYTES !== 0)
    throw new VerifyError('VERIFY_MALFORMED', `a hash sequence of ${bytes.length} bytes is no multiple of ${HASH_BYTES}`)
  const own = new Uint8Array(bytes)
  return Array.from({ length: own.length / HASH_BYTES }, (_, i) => own.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/** A part of one of the blobs on a stream. */
export interface SequencePart extends VerifiedPart {
  /** 0 for the sequence itself (or the one blob), i for its child i-1. */
  readonly index: number
  readonly root: Uint8Array
}

export interface DecodeSequenceOptions extends Pick<DecodeOptions, 'signal' | 'maxSize' | 'chunkGroupLog' | 'end'> {
  /** Roots of the children, where they are known already. Needed when the request does not ask for the whole sequence. */
  readonly children?: readonly Uint8Array[] | undefined
  /** Longest sequence that is taken from the stream, in bytes. @default 2^20 (32,768 children) */
  readonly sequenceBytesMax?: number | undefined
}

/**
 * Verifies the response to a request as it streams in: the sequence first, then the children that it names.
 *
 * @returns parts whose `bytes` are views, valid until the next iteration.
 * @throws {VerifyError} as `decode`; `VERIFY_INCOMPLETE` when children are asked for and nothing names them.
 * @example for await (const { index, offset, bytes } of decodeSequence(stream, { root, ranges: ChunkRangesSeq.all })) await files[index].write(bytes, offset)
 */
export async function* decodeSequence(
  encoded: ByteSource | ByteReader,
  request: GetRequest,
  options: DecodeSequenceOptions = {},
): AsyncGenerator<SequencePart, void, void> {
  const { signal, maxSize, chunkGroupLog, end = !isByteReader(encoded), sequenceBytesMax = 2 ** 20 } = options
  const reader = isByteReader(encoded) ? encoded : createByteReader(encoded)
  const { ranges } = request
  const wantsChildren = !ranges.isBlob
  let children = options.children ?? []
  try {
    if (!ranges.at(0).isEmpty) {
      const gathers = wantsChildren && options.children === undefined
      const held: Uint8Array[] = []
      const parts = decode(reader, request.root, {
        ranges: ranges.at(0),
        signal,
        chunkGroupLog,
        maxSize: gathers ? Math.min(maxSize ?? sequenceBytesMax, sequenceBytesMax) : maxSize,
      })
      for await (const part of parts) {
        if (gathers) held.push(part.bytes.slice())
        yield { index: 0, root: request.root, offset: part.offset, bytes: part.bytes }
      }
      if (gathers && ranges.at(0).isAll) children = decodeHashSequence(joined(held))
      else if (gathers) throw new VerifyError('VERIFY_INCOMPLETE', 'children are asked for, but not the whole sequence that names them')
    } else if (wantsChildren && options.children === undefined) {
      throw new VerifyError('VERIFY_INCOMPLETE', 'children are asked for, but not the sequence that names them')
    }
    for (let i = 0; i < children.length; i++) {
      const wanted = ranges.at(i + 1)
      if (wanted.isEmpty) continue
      const root = children[i]!
      for await (const { offset, bytes } of decode(reader, root, { ranges: wanted, signal, maxSize, chunkGroupLog }))
        yield { index: i + 1, root, offset, bytes }
    }
    if (end) await refuseMore(reader)
  } finally {
    if (!isByteReader(encoded)) void reader.cancel()
  }
}

async function refuseMore(reader: ByteReader): Promise<void> {
  for (let more = await reader.next(); more !== undefined; more = await reader.next()) {
    if (more.length > 0) throw new VerifyError('VERIFY_TRAILING', `${more.length} bytes or more after the last encoding`)
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

/**
 * The response to a request: for every index with a selection the encoding of its blob.
 *
 * @param open - gives the blob with that root. What it throws ends the response, as a provider's reset does.
 * @returns pieces of the caller's own.
 */
export async function* encodeSequence(
  request: GetRequest,
  open: (root: Uint8Array, index: number) => VerifiableBlob | Promise<VerifiableBlob>,
  options: EncodeOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { ranges, root } = request
  const first = await open(root, 0)
  if (!ranges.at(0).isEmpty) yield* encodeRanges(first, ranges.at(0), options)
  if (ranges.isBlob) return
  const sequence = decodeHashSequence(await asReadAt(first.data).readAt(0, first.size))
  for (let i = 0; i < sequence.length; i++) {
    if (!ranges.at(i + 1).isEmpty) yield* encodeRanges(await open(sequence[i]!, i + 1), ranges.at(i + 1), options)
  }
}
