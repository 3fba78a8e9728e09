/** What `promise` gives, or the reason of the first signal that aborts before. The listeners go with it. */
export async function raceAbort<T>(promise: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  promise.catch(ignore) // when a signal wins, nobody else looks at it
  const present = signals.filter((signal) => signal !== undefined)
  for (const signal of present) if (signal.aborted) throw signal.reason
  let fail: (reason: unknown) => void = ignore
  const aborted = new Promise<never>((_, reject) => {
    fail = reject
  })
  const listeners = present.map((signal) => {
    const listener = (): void => fail(signal.reason)
    signal.addEventListener('abort', listener, { once: true })
    return { signal, listener }
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    for (const { signal, listener } of listeners) signal.removeEventListener('abort', listener)
  }
}

function ignore(): void {}
