/** `decode` as a stage of other people's pipelines: a transform of it-pipe, and a pair of web streams. */
import type { ByteRange } from './byte-range.ts'
import type { ByteSource } from './byte-source.ts'
import { type DecodeOptions, type Decoding, decode } from './decode.ts'
import type { VerifiedPart } from './decoder.ts'
import { errorOf } from './errors.ts'

/**
 * `decode` as an it-pipe transform: encoded bytes in, verified parts out.
 *
 * @example await pipe(source, decodeTransform(root), bytesOf, sink)
 */
export function decodeTransform(root: Uint8Array, options: DecodeOptions = {}): (encoded: ByteSource) => Decoding {
  return (encoded) => decode(encoded, root, options)
}

/**
 * The bytes of verified parts, without their offsets. Parts are whole chunks, so they have more than the byte range that was asked for:
 * with `range` only that comes out.
 *
 * @returns copies, the caller's own.
 * @throws {VerifyError} `VERIFY_BAD_RANGE` for what is no range; whatever `parts` throws.
 * @example for await (const bytes of bytesOf(decode(response.body, root, { ranges: ChunkRanges.fromByteRanges([range]) }), range)) await file.write(bytes)
 */
export async function* bytesOf(
  parts: AsyncIterable<VerifiedPart>,
  range: Partial<ByteRange> = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { start = 0, end = Infinity } = range // a stage of Node's `pipeline` is handed `{ signal }` here, which means everything
  if (!(start >= 0 && end >= start)) throw errorOf('VERIFY_BAD_RANGE', { start, end })
  for await (const { offset, bytes } of parts) {
    const from = Math.max(0, start - offset)
    const to = Math.min(bytes.length, end - offset)
    if (from < to) yield new Uint8Array(bytes.subarray(from, to))
  }
}

/** Encoded bytes go in at `writable`, verified bytes come out of `readable`. */
export interface DecodeStream {
  /** A byte stream: BYOB readers are served without a copy in between. Plain where the host has no byte streams. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly writable: WritableStream<Uint8Array>
}

/**
 * `decode` as a web transform, made like `DecompressionStream`: for `pipeThrough`. Reads on only when it is read from. With
 * `ranges` the verified bytes follow each other without gaps.
 *
 * @example video.src = URL.createObjectURL(await new Response(response.body.pipeThrough(createDecodeStream(root))).blob())
 */
export function createDecodeStream(root: Uint8Array, options: DecodeOptions = {}): DecodeStream {
  const { readable: encoded, writable } = new TransformStream<Uint8Array, Uint8Array>()
  return { readable: readableOf(decode(encoded, root, options)), writable }
}

/** Verified parts as a readable byte stream. @returns a stream whose chunks are the reader's own. */
export function readableOf(parts: AsyncIterableIterator<VerifiedPart>): ReadableStream<Uint8Array<ArrayBuffer>> {
  let rest = new Uint8Array(0) as Uint8Array
  const refill = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const { done, value } = await parts.next()
      if (done === true) return false
      rest = value.bytes
    }
    return true
  }
  const cancel = async (): Promise<void> => {
    await parts.return?.()
  }
  const bytes: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller) {
      const isMore = await refill()
      const request = controller.byobRequest
      if (!isMore) {
        controller.close()
        request?.respond(0)
        return
      }
      const view = request?.view
      if (request === null || !(view instanceof Uint8Array)) {
        controller.enqueue(rest.slice())
        rest = rest.subarray(rest.length)
        return
      }
      const taken = Math.min(view.length, rest.length)
      view.set(rest.subarray(0, taken))
      rest = rest.subarray(taken)
      request.respond(taken)
    },
    cancel,
  }
  try {
    return new ReadableStream(bytes) as ReadableStream<Uint8Array<ArrayBuffer>>
  } catch {
    // A host without byte streams (older Safari): the same as a plain stream, which copies once more for nobody.
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          if (!(await refill())) return controller.close()
          controller.enqueue(rest.slice())
          rest = rest.subarray(rest.length)
        },
        cancel,
      },
      { highWaterMark: 0 },
    )
  }
}
