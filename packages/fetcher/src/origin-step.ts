/** The next block of an origin, or what it threw, or the reason of `signal`: an origin that does not end is left behind. */
import { raceAbort } from './abort-race.ts'
import type { VerifiedBlockLike } from './ports.ts'

export async function originStep(
  iterator: AsyncIterator<VerifiedBlockLike>,
  signal: AbortSignal,
): Promise<IteratorResult<VerifiedBlockLike> | { readonly error: unknown }> {
  try {
    signal.throwIfAborted()
    return await raceAbort(iterator.next(), [signal])
  } catch (error) {
    return { error }
  }
}
