/**
 * How much one download takes. The sizes of its files add up here as each is proven, before anything of that file is written, so that what is
 * larger than was allowed is refused before more of it is stored. Files that were here before count too: a folder is as large in the second run.
 */
import { NodeError } from '../errors.ts'

export interface SizeBoundOptions {
  /** Bytes of all files together that are taken at most. Default: whatever comes. */
  readonly bytesMax?: number | undefined
  /** Ends the download. */
  readonly signal?: AbortSignal | undefined
  /** Told once, when the files are 4 GiB or more together: `bytes` so far. */
  readonly onLarge?: ((bytes: number) => void) | undefined
}

export interface SizeBound extends Disposable {
  /** Aborted with `options.signal`, and with what `take` throws: files that come at the same time are left with it. */
  readonly signal: AbortSignal
  /**
   * Adds a file of `bytes` bytes.
   * @throws {NodeError} `NODE_TOO_LARGE`, and the same for every file after it; the reason of `options.signal`.
   */
  readonly take: (bytes: number) => void
}

const LARGE_BYTES: number = 4 * 2 ** 30

/** @param name - of what is downloaded, for people. */
export function createSizeBound(name: string, { bytesMax, signal, onLarge }: SizeBoundOptions): SizeBound {
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  let bytes = 0
  return {
    signal: controller.signal,
    take(more) {
      const before = bytes
      bytes += more
      if (bytesMax !== undefined && !(bytes <= bytesMax)) controller.abort(tooLarge(`${name} has ${bytes} bytes or more`, bytesMax))
      controller.signal.throwIfAborted()
      if (before < LARGE_BYTES && bytes >= LARGE_BYTES) onLarge?.(bytes)
    },
    [Symbol.dispose]: () => signal?.removeEventListener('abort', abort),
  }
}

export function tooLarge(what: string, bytesMax: number, options?: ErrorOptions): NodeError {
  return new NodeError('NODE_TOO_LARGE', `${what}: at most ${bytesMax} bytes are taken (--max)`, { bytesMax }, options)
}
