/** One way to pull bytes from whatever a caller has, and to stop waiting for it when a signal says so. */
import { VerifyError } from './errors.ts'
import { asReadAt, isRandomAccess, type RandomAccess, type ReadAt } from './random-access.ts'

/** Bytes that come once, in order. */
export type ByteSource = RandomAccess | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Bytes as they come: at once where they are there, else a promise; `undefined` at the end. One call at a time. */
export interface BytePull {
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Tells the source that no more is wanted. Settles, and never rejects, when the source has answered: a stalled one may not. */
  cancel(reason?: unknown): Promise<void>
}

/** Read in one go from random access. */
const READ_BYTES = 256 * 1024

/** @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when it is no source. */
export function pullOf(source: ByteSource): BytePull {
  if (source instanceof Uint8Array) return pullOfBytes(source)
  if (isRandomAccess(source)) return pullOfReadAt(asReadAt(source))
  if (typeof source === 'object' && source !== null) {
    if ('getReader' in source && typeof source.getReader === 'function') return pullOfReader(source.getReader())
    if (Symbol.asyncIterator in source) return pullOfIterator(source[Symbol.asyncIterator]())
    if (Symbol.iterator in source) return pullOfIterator(source[Symbol.iterator]())
  }
  throw new VerifyError('VERIFY_BAD_ARGUMENT', 'expected bytes, a Blob, a ReadableStream or an iterable of Uint8Array')
}

function pullOfBytes(bytes: Uint8Array): BytePull {
  let rest: Uint8Array | undefined = bytes
  return {
    next() {
      const all = rest
      rest = undefined
      return all
    },
    async cancel() {
      rest = undefined
    },
  }
}

function pullOfReadAt(source: ReadAt): BytePull {
  let offset = 0
  return {
    next() {
      if (offset >= source.size) return undefined
      const at = offset
      offset = Math.min(source.size, at + READ_BYTES)
      return source.readAt(at, offset - at)
    },
    async cancel() {
      offset = source.size
    },
  }
}

function pullOfReader(reader: ReadableStreamDefaultReader<Uint8Array>): BytePull {
  return {
    async next() {
      const { done, value } = await reader.read()
      return done ? undefined : checkBytes(value)
    },
    cancel: (reason) => reader.cancel(reason).catch(() => {}), // the source's own failure while it is being dropped concerns nobody
  }
}

function pullOfIterator(iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>): BytePull {
  return {
    next() {
      const result = iterator.next()
      if (result instanceof Promise) return result.then(bytesOf)
      return 'then' in result && typeof result.then === 'function'
        ? Promise.resolve(result).then(bytesOf)
        : bytesOf(result as IteratorResult<Uint8Array>)
    },
    async cancel() {
      try {
        await iterator.return?.()
      } catch {
        // as above
      }
    },
  }
}

function bytesOf(result: IteratorResult<Uint8Array>): Uint8Array | undefined {
  return result.done === true ? undefined : checkBytes(result.value)
}

function checkBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new VerifyError('VERIFY_BAD_ARGUMENT', `a source must give Uint8Array, got ${typeof value}`)
}

/** The promise, or the signal's reason within one turn of its abort, however long the promise takes. Leaves no listener behind. */
export function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const forget = (): void => signal.removeEventListener('abort', abort)
    const abort = (): void => {
      forget()
      reject(signal.reason)
    }
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort)
    promise.then(
      (value) => {
        forget()
        resolve(value)
      },
      (error: unknown) => {
        forget()
        reject(error)
      },
    )
  })
}
