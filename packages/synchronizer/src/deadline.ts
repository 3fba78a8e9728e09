/** Waiting with an end: by the clock, and by the caller's signal. */
import { SynchronizerError } from './errors.ts'

/**
 * What `work` gives, unless `ms` pass or `signal` aborts first. `work` gets a signal that says so: it is to stop then, and is not waited for.
 * @throws {SynchronizerError} `SYNCHRONIZER_TIMEOUT`
 * @throws the reason of `signal`.
 */
export async function within<Result>(
  ms: number,
  signal: AbortSignal | undefined,
  what: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = (reason: unknown): void => {
    reject(reason)
    controller.abort(reason)
  }
  const onAbort = (): void => end(signal?.reason)
  const timer = setTimeout(() => end(new SynchronizerError('SYNCHRONIZER_TIMEOUT', `${what} took more than ${ms} ms`)), ms)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work(controller.signal), ended])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    ended.catch(() => undefined) // it may never have been raced
  }
}

/**
 * The items of `source` until `signal` aborts, whatever the source does about it: one that stalls is left behind.
 * @throws the reason of `signal`.
 */
export async function* abortable<Item>(
  source: AsyncIterable<Item>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => undefined)
  const onAbort = (): void => reject(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  let isOpen = true
  try {
    signal?.throwIfAborted()
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done === true) {
        isOpen = false
        return
      }
      yield next.value
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    if (isOpen) void iterator.return?.().catch(() => undefined)
  }
}
