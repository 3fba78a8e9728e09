/** A stream of bytes that several readers share one after the other, as encodings that follow each other on one stream do. */
import { type BytePull, type ByteSource, pullOf } from './byte-source.ts'

/** Takes turns on a stream: whoever has read too far gives the rest back. One reader at a time. */
export interface ByteReader {
  /** The next bytes, at once where they are there; `undefined` at the end. */
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Gives bytes back: they come again first. They must stay unchanged until then. */
  unread(bytes: Uint8Array): void
  /** Tells the source that no more is wanted; settles when it has answered. */
  cancel(reason?: unknown): Promise<void>
}

class PushbackReader implements ByteReader {
  readonly #pull: BytePull
  #back: Uint8Array[] = []

  constructor(pull: BytePull) {
    this.#pull = pull
  }

  next(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.#back.pop() ?? this.#pull.next()
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#back.push(bytes)
  }

  cancel(reason?: unknown): Promise<void> {
    this.#back = []
    return this.#pull.cancel(reason)
  }
}

/**
 * Wraps a source so that encodings which follow each other can be decoded in turn, each by its own `decode(reader, …)`.
 *
 * @example
 * const reader = createByteReader(stream)
 * for (const root of roots) for await (const part of decode(reader, root)) await write(root, part)
 */
export function createByteReader(source: ByteSource): ByteReader {
  return new PushbackReader(pullOf(source))
}

export function isByteReader(source: unknown): source is ByteReader {
  return source instanceof PushbackReader
}
