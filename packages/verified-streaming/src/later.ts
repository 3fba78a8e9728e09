/** Values that are there at once or come later, without a promise where none is needed. */

export type Later<T> = T | Promise<T>

/** `use` of the value, at once where it is there. */
export function after<T, U>(value: T | PromiseLike<T>, use: (value: T) => U): U | Promise<U> {
  return typeof (value as Partial<PromiseLike<T>>)?.then === 'function' ? Promise.resolve(value).then(use) : use(value as T)
}

/** The promise, or the signal's reason within one turn of its abort, however long the promise takes. Leaves no listener behind. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  let abort = (): void => {}
  try {
    return await new Promise<T>((resolve, reject) => {
      abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort)
      if (signal.aborted) abort()
      promise.then(resolve, reject)
    })
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
