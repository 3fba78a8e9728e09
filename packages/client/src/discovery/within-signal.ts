import { ClientError } from '../errors.ts'
import { lifeOf } from '../life.ts'

/** Calls `work` with a signal that aborts with the caller's, or when `ms` have passed; what it does then is its rejection. */
export async function withinSignal<T>(signal: AbortSignal | undefined, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { life, release } = lifeOf(signal)
  const timer = setTimeout(() => life.abort(new ClientError('CLIENT_UNREACHABLE', `nothing came within ${ms} ms`, { ms })), ms)
  try {
    return await work(life.signal)
  } finally {
    clearTimeout(timer)
    release()
  }
}
