/**
 * Drivers of the decoder: an async iterable, an it-pipe transform and a pair of web streams. They move bytes and wait;
 * what is true is decided in decoder.ts.
 */
import type { ByteReader } from './byte-reader.ts'
import { type BytePull, type ByteSource, pullOf } from './byte-source.ts'
import type { ContentSize } from './content-size.ts'
import { Decoder, type DecoderOptions, type ParentListener, type VerifiedPart } from './decoder.ts'
import { errorOf } from './errors.ts'
import { orAbort } from './later.ts'

export interface DecodeProgress {
  readonly type: 'verified'
  /** Verified so far. */
  readonly bytes: number
  /** Of the whole content; see `ContentSize`. */
  readonly size: ContentSize
}

export interface DecodeOptions extends DecoderOptions {
  readonly signal?: AbortSignal | undefined
  /**
   * Whether the source must end where the encoding does. Where false, what follows is left to the next reader.
   * @default true, but false for a `ByteReader`
   */
  readonly end?: boolean | undefined
  /** Called after each part was verified, before it is handed out. */
  readonly onProgress?: ((progress: DecodeProgress) => void) | undefined
}

/** Verified parts in ascending order, and what is known of the whole. */
export interface Decoding extends AsyncIterableIterator<VerifiedPart> {
  /** Proven when the last chunk has been verified; before that the sender's word. */
  readonly size: ContentSize
  /**
   * Octets of the encoding that are verified: up to the end of the part handed out last, what proves it included. Who pays for an encoding
   * as it comes signs for no more than this.
   */
  readonly verifiedOffset: number
  return(): Promise<IteratorResult<VerifiedPart>>
}

const DONE: IteratorResult<VerifiedPart> = { done: true, value: undefined }

/** A hand-written iterator: where the input is there already, a part costs one promise and no further turn. */
class DecodeIterator implements Decoding {
  readonly #decoder: Decoder
  readonly #pull: BytePull
  readonly #reader: ByteReader | undefined
  readonly #options: DecodeOptions
  #verifiedBytes = 0
  #isOver = false
  #running: Promise<IteratorResult<VerifiedPart>> | undefined

  constructor(encoded: ByteSource | ByteReader, root: Uint8Array, options: DecodeOptions, onParent?: ParentListener) {
    this.#decoder = new Decoder(root, options, onParent)
    if ((encoded as Partial<ByteReader>)?.unread) this.#reader = encoded as ByteReader
    this.#pull = this.#reader ?? pullOf(encoded as ByteSource)
    this.#options = options
  }

  get size(): ContentSize {
    return this.#decoder.size
  }

  get verifiedOffset(): number {
    return this.#decoder.verifiedOffset
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<VerifiedPart>> {
    if (this.#running) return this.#running.then(() => this.next())
    try {
      const step = this.#advance()
      return step instanceof Promise ? (this.#running = this.#wait(step)) : Promise.resolve(step)
    } catch (error) {
      return Promise.reject(this.#close(error))
    }
  }

  async return(): Promise<IteratorResult<VerifiedPart>> {
    if (this.#isOver) return DONE
    const told = this.#leave()
    if (!this.#running) await told // else it may be stalled
    return DONE
  }

  /** As far as it goes without waiting: a result, or the input that is to be waited for. */
  #advance(): IteratorResult<VerifiedPart> | Promise<Uint8Array | undefined> {
    const decoder = this.#decoder
    const { signal, onProgress, end = !this.#reader } = this.#options
    if (!this.#isOver) signal?.throwIfAborted()
    while (!this.#isOver) {
      const value = decoder.next()
      if (value) {
        this.#verifiedBytes += value.bytes.length
        onProgress?.({ type: 'verified', bytes: this.#verifiedBytes, size: decoder.size })
        return { done: false, value }
      }
      if (decoder.isDone) {
        if (!end) {
          void this.#leave()
          break
        }
        refuseTrailing(decoder.rest)
      }
      const input = this.#pull.next()
      if (input instanceof Promise) return input
      this.#take(input)
    }
    return DONE
  }

  async #wait(first: Promise<Uint8Array | undefined>): Promise<IteratorResult<VerifiedPart>> {
    try {
      for (let input = first; ; ) {
        const bytes = await orAbort(input, this.#options.signal)
        if (this.#isOver) return DONE // returned while it waited
        this.#take(bytes)
        const step = this.#advance()
        if (!(step instanceof Promise)) return step
        input = step
      }
    } catch (error) {
      throw this.#close(error)
    } finally {
      this.#running = undefined
    }
  }

  /** The next input, or its end. */
  #take(input: Uint8Array | undefined): void {
    const decoder = this.#decoder
    if (!input) {
      decoder.end()
      this.#isOver = true
    } else if (decoder.isDone) refuseTrailing(input)
    else decoder.push(input)
  }

  /** Leaves what was not used to the next reader, or tells the source that no more is wanted. */
  async #leave(): Promise<void> {
    this.#isOver = true
    await (this.#reader ? this.#reader.unread(this.#decoder.rest) : this.#pull.cancel())
  }

  /** Ends it with an error: the source is told, and not waited for. */
  #close(error: unknown): unknown {
    if (!this.#isOver) void this.#pull.cancel(error)
    this.#isOver = true
    return error
  }
}

function refuseTrailing({ length }: Uint8Array): void {
  if (length > 0) throw errorOf('VERIFY_TRAILING', { bytes: length })
}

/**
 * Verifies encoded content against `root` as it streams in, yielding only bytes that are proven: each part as soon as its
 * chunk group (16 KiB by default) is there. Holds one group at most, and reads on only when a part is asked for.
 *
 * @param encoded - combined encoding, slice or response: u64le size, then the tree in pre-order. A `ByteReader` is left
 * standing behind the encoding.
 * @param root - BLAKE3 root, 32 bytes.
 * @returns parts whose `bytes` are views, valid until the next iteration: copy what you keep. Its `size` says in its type
 * whether the content's length is proven.
 * @throws {VerifyError} `VERIFY_MISMATCH` (names the byte range; at the first parent mostly because the two ends do not mean the same root, `ranges` or
 * `chunkGroupLog`), `VERIFY_TRUNCATED`, `VERIFY_TRAILING`, `VERIFY_TOO_LARGE`.
 * @throws the reason of `options.signal`, within one turn of its abort, even while the source is stalled.
 * @example for await (const { offset, bytes } of decode(response.body, root)) await file.write(bytes, 0, bytes.length, offset)
 */
export function decode(encoded: ByteSource | ByteReader, root: Uint8Array, options: DecodeOptions = {}): Decoding {
  return new DecodeIterator(encoded, root, options)
}

/** `decode` that also hears of every verified parent. For the parts of this package that keep them. */
export function decodeWithParents(
  encoded: ByteSource | ByteReader,
  root: Uint8Array,
  options: DecodeOptions,
  onParent: ParentListener,
): Decoding {
  return new DecodeIterator(encoded, root, options, onParent)
}
