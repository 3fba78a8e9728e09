import { ClientError } from './errors.ts'
import { lifeOf } from './life.ts'

/**
 * Calls `work` with a signal that aborts with the caller's, or when `ms` have passed by the platform's timer, with `CLIENT_UNREACHABLE`; what it
 * does then is its own.
 */
export async function abortingAfter<T>(ms: number, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { life, release } = lifeOf(signal)
  const timer = setTimeout(() => life.abort(new ClientError('CLIENT_UNREACHABLE', `nothing came within ${ms} ms`, { ms })), ms)
  try {
    return await work(life.signal)
  } finally {
    clearTimeout(timer)
    release()
  }
}
