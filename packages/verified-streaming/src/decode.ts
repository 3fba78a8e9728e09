/**
 * Drivers of the decoder: an async iterable, an it-pipe transform and a pair of web streams. They move bytes and wait;
 * what is true is decided in decoder.ts.
 */
import { type ByteReader, isByteReader } from './byte-reader.ts'
import { type BytePull, type ByteSource, orAbort, pullOf } from './byte-source.ts'
import type { ContentSize } from './content-size.ts'
import { Decoder, type DecoderOptions, type ParentListener, type VerifiedPart } from './decoder.ts'
import { VerifyError } from './errors.ts'

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
  return(): Promise<IteratorResult<VerifiedPart>>
}

const DONE: IteratorResult<VerifiedPart> = { done: true, value: undefined }

/** A hand-written iterator: where the input is there already, a part costs one promise and no further turn. */
class DecodeIterator implements Decoding {
  readonly #decoder: Decoder
  readonly #pull: BytePull
  readonly #reader: ByteReader | undefined
  readonly #end: boolean
  readonly #signal: AbortSignal | undefined
  readonly #onProgress: DecodeOptions['onProgress']
  #verifiedBytes = 0
  #isOver = false
  #running: Promise<unknown> | undefined

  constructor(encoded: ByteSource | ByteReader, root: Uint8Array, options: DecodeOptions, onParent?: ParentListener) {
    this.#decoder = new Decoder(root, options, onParent)
    this.#reader = isByteReader(encoded) ? encoded : undefined
    this.#pull = isByteReader(encoded) ? encoded : pullOf(encoded)
    this.#end = options.end ?? this.#reader === undefined
    this.#signal = options.signal
    this.#onProgress = options.onProgress
  }

  get size(): ContentSize {
    return this.#decoder.size
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<VerifiedPart>> {
    if (this.#running !== undefined) return this.#running.then(() => this.next())
    if (this.#isOver) return Promise.resolve(DONE)
    try {
      this.#signal?.throwIfAborted()
      const part = this.#decoder.next()
      if (part !== undefined) return Promise.resolve(this.#result(part))
    } catch (error) {
      return Promise.reject(this.#close(error))
    }
    const running = this.#advance()
    this.#running = running.then(
      () => (this.#running = undefined),
      () => (this.#running = undefined),
    )
    return running
  }

  async return(): Promise<IteratorResult<VerifiedPart>> {
    const isWaiting = this.#running !== undefined
    if (this.#isOver) return DONE
    this.#isOver = true
    if (this.#reader !== undefined) this.#reader.unread(this.#decoder.rest)
    else if (isWaiting)
      void this.#pull.cancel() // it may be stalled
    else await this.#pull.cancel()
    return DONE
  }

  async #advance(): Promise<IteratorResult<VerifiedPart>> {
    const decoder = this.#decoder
    try {
      for (;;) {
        if (decoder.isDone) return await this.#finish()
        const input = await this.#read()
        if (this.#isOver) return DONE // returned while it waited
        if (input === undefined) decoder.end()
        else decoder.push(input)
        const part = decoder.next()
        if (part !== undefined) return this.#result(part)
      }
    } catch (error) {
      throw this.#close(error)
    }
  }

  #read(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const input = this.#pull.next()
    return input instanceof Promise ? orAbort(input, this.#signal) : input
  }

  #result(part: VerifiedPart): IteratorResult<VerifiedPart> {
    this.#verifiedBytes += part.bytes.length
    this.#onProgress?.({ type: 'verified', bytes: this.#verifiedBytes, size: this.#decoder.size })
    return { done: false, value: part }
  }

  async #finish(): Promise<IteratorResult<VerifiedPart>> {
    let { rest } = this.#decoder
    if (this.#end) {
      for (let more: Uint8Array | undefined = rest; more !== undefined && rest.length === 0; ) {
        more = await this.#read()
        rest = more ?? rest
      }
      if (rest.length > 0) throw new VerifyError('VERIFY_TRAILING', `${rest.length} bytes or more after the end of the encoding`)
    }
    this.#isOver = true
    if (this.#reader !== undefined) this.#reader.unread(rest)
    else if (!this.#end) void this.#pull.cancel()
    return DONE
  }

  /** Ends it with an error: the source is told, and not waited for. */
  #close(error: unknown): unknown {
    if (this.#isOver) return error
    this.#isOver = true
    void this.#pull.cancel(error)
    return error
  }
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
 * @throws {VerifyError} `VERIFY_MISMATCH` (names the byte range), `VERIFY_TRUNCATED`, `VERIFY_TRAILING`, `VERIFY_TOO_LARGE`.
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
