/** What `promise` gives, or the reason of the first signal that aborts before. The listeners go with it. Runs for each block: one promise. */
export function raceAbort<T>(promise: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      for (const signal of signals) signal?.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      settle()
      reject(signals.find((signal) => signal?.aborted)?.reason as Error)
    }
    promise.then(
      (value) => {
        settle()
        resolve(value)
      },
      (error: unknown) => {
        settle()
        reject(error as Error)
      },
    )
    if (signals.some((signal) => signal?.aborted)) return abort()
    for (const signal of signals) signal?.addEventListener('abort', abort, { once: true })
  })
}
