/**
 * The items of `source` until `signal` aborts: then its reason is thrown at once, even while the source is stalled.
 * The iterator is told to return but not waited for: a stalled generator would never answer.
 */
export async function* abortable<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  signal.throwIfAborted()
  const iterator = source[Symbol.asyncIterator]()
  let isDone = false
  let abort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  aborted.catch(ignore)
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done === true) {
        isDone = true
        return
      }
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort as () => void)
    if (!isDone) Promise.resolve(iterator.return?.()).catch(ignore)
  }
}

function ignore(): void {}
