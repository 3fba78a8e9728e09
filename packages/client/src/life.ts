/** A life of its own that the caller's abort ends too. `release` ends the listening, and may be called twice. */
export function lifeOf(signal: AbortSignal | undefined): { readonly life: AbortController; release(): void } {
  const life = new AbortController()
  const abort = (): void => life.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort() // it came before anybody listened, and is not told again
  return { life, release: () => signal?.removeEventListener('abort', abort) }
}
