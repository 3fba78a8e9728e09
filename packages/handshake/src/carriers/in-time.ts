import { HandshakeError } from '../errors.ts'

export interface TimeLimit {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** What `job` comes to, unless time is up or the signal aborts first: then `end` is called, and what the job comes to is nobody's. */
export async function inTime<T>(job: Promise<T>, { timeoutMs, signal }: TimeLimit, end: () => void): Promise<T> {
  let reject: (error: unknown) => void = () => {}
  const failed = new Promise<never>((_, fails) => {
    reject = fails
  })
  const fail = (error: unknown): void => {
    end()
    reject(error)
  }
  const abort = (): void => fail(signal?.reason)
  const timer = setTimeout(() => fail(new HandshakeError('HANDSHAKE_TIMEOUT', `no secured channel in ${timeoutMs} ms`)), timeoutMs)
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort, { once: true })
  failed.catch(() => {}) // the job may have been faster
  job.catch(() => {})
  try {
    return await Promise.race([failed, job])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}
