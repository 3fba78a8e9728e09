/** What tests do with streams, over and over. */
import {
  type ByteReader,
  type ByteSource,
  type ChunkRanges,
  type ContentSize,
  decode,
  type DecodeOptions,
  VerifyError,
} from '../src/index.ts'
import { joined } from './reference/bao.ts'

/** All pieces of a stream, copied as they come. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece.slice())
  return joined(pieces)
}

/** The bytes in pieces of `length`, each in memory of its own, so that a view held too long would show. */
export async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length)
}

export interface Outcome {
  /** Parts that came out, copied. */
  readonly parts: { offset: number; bytes: Uint8Array }[]
  /** 'done', or the code it ended with. */
  readonly end: string
  readonly error: unknown
  readonly size: ContentSize
}

/** Decodes to the end, whatever that is. */
export async function outcomeOf(
  encoded: ByteSource | ByteReader,
  root: Uint8Array,
  options: DecodeOptions & { readonly ranges?: ChunkRanges } = {},
): Promise<Outcome> {
  const parts: Outcome['parts'] = []
  let size: ContentSize = { state: 'unverified', claimed: undefined }
  try {
    const decoding = decode(encoded, root, options)
    try {
      for await (const { offset, bytes } of decoding) parts.push({ offset, bytes: bytes.slice() })
    } finally {
      size = decoding.size
    }
    return { parts, end: 'done', error: undefined, size }
  } catch (error) {
    return { parts, end: error instanceof VerifyError ? error.code : String(error), error, size }
  }
}

/** Whether every part is what stands there in `data`: nothing unverified came out. */
export function isAllTrue(parts: Outcome['parts'], data: Uint8Array): boolean {
  return parts.every(({ offset, bytes }) => bytes.length > 0 && bytes.every((byte, i) => byte === data[offset + i]))
}

/** `bytes` with some bits of one byte turned. */
export function flipped(bytes: Uint8Array, place: number, bits = 1): Uint8Array {
  const out = bytes.slice()
  out[place]! ^= bits
  return out
}

/** Content that differs from chunk to chunk and from byte to byte. */
export function contentOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 167 + (i >> 10) * 31 + (i >> 8)) & 0xff)
}

/** The bytes of an iterable as a web stream that holds nothing back. */
export function streamOf<T>(source: AsyncIterable<T> | Iterable<T>): ReadableStream<T> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}
