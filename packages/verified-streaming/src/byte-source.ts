/** One way to pull bytes from whatever a caller has. */
import { refuse } from './errors.ts'
import { after, type Later, orAbort } from './later.ts'
import { type RandomAccess, readAtOf } from './random-access.ts'
import { isBytes, plainBytes } from './tree.ts'

/** Bytes that come once, in order. */
export type ByteSource = RandomAccess | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Bytes as they come: at once where they are there, else a promise; `undefined` at the end. One call at a time. */
export interface BytePull {
  next(): Later<Uint8Array | undefined>
  /** Tells the source that no more is wanted. Settles, and never rejects, when the source has answered: a stalled one may not. */
  cancel(reason?: unknown): Promise<void>
}

type Pulled = { readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }

/** Read in one go from random access. */
const READ_BYTES = 256 * 1024

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when it is no source. */
export function pullOf(source: ByteSource): BytePull {
  if (isBytes(source)) return pullOfIterator([source].values())
  const file = readAtOf(source)
  if (file) {
    let offset = 0
    return pullWith(() => {
      if (offset >= file.size) return { done: true }
      const at = offset
      offset = Math.min(file.size, at + READ_BYTES)
      return after(file.readAt(at, offset - at), (value) => ({ value }))
    })
  }
  const stream = source as Partial<ReadableStream<Uint8Array> & AsyncIterable<Uint8Array> & Iterable<Uint8Array>> | null | undefined
  if (typeof stream?.getReader === 'function') {
    const reader = stream.getReader()
    return pullWith(
      () => reader.read(),
      (reason) => reader.cancel(reason),
    )
  }
  const iterator = stream?.[Symbol.asyncIterator]?.() ?? (typeof stream === 'object' ? stream?.[Symbol.iterator]?.() : undefined)
  return iterator ? pullOfIterator(iterator) : refuse('a source of bytes', source)
}

function pullOfIterator(iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>): BytePull {
  return pullWith(
    () => iterator.next() as Later<Pulled>,
    () => iterator.return?.(),
  )
}

function pullWith(next: () => Later<Pulled>, cancel?: (reason: unknown) => unknown): BytePull {
  return {
    next: () => after(next(), ({ done, value }) => (done ? undefined : plainBytes(value!))),
    async cancel(reason) {
      try {
        await cancel?.(reason)
      } catch {
        // the source's own failure while it is being dropped concerns nobody
      }
    },
  }
}

/** Takes all of a source, part by part. @throws the reason of `signal`; then, and when `take` throws, the source is told. */
export async function takeAll(source: ByteSource, signal: AbortSignal | undefined, take: (bytes: Uint8Array) => void): Promise<void> {
  const pull = pullOf(source)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const next = pull.next()
      const bytes = next instanceof Promise ? await orAbort(next, signal) : next
      if (!bytes) return
      take(bytes)
    }
  } catch (error) {
    void pull.cancel(error)
    throw error
  }
}
