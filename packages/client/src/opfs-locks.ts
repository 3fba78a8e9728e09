/**
 * Who fetches: of those that want the same thing, in whichever tab, one does, and the others wait for what he stores. By Web Locks, which a browser
 * takes back from a tab that dies; where there are none, among the readers of one client.
 *
 * A lock says only who pays: nothing that is read rests on it. So it is never waited for without a bound, and a browser that refuses them loses
 * nothing else.
 */
import { abortingAfter } from './aborting-after.ts'

/** What is needed of `navigator.locks`. */
export interface LockPort {
  /** Calls `hold` when the name is free, which it is not before that settles; an abort ends the waiting. */
  request(name: string, options: { readonly signal: AbortSignal }, hold: () => Promise<void>): Promise<unknown>
}

/** Gives it back. */
export type Release = () => void

export class OpfsLocks {
  readonly #locks: LockPort

  constructor(locks: LockPort = ownLocks()) {
    this.#locks = locks
  }

  /** Undefined: after `waitMs` it is still another's. @throws the reason of `signal` */
  async take(name: string, waitMs: number, signal: AbortSignal): Promise<Release | undefined> {
    signal.throwIfAborted()
    return await abortingAfter(waitMs, signal, async (within) => {
      try {
        return await new Promise<Release>((resolve, reject) => {
          within.addEventListener('abort', () => reject(within.reason as Error))
          const hold = (): Promise<void> => new Promise((release) => resolve(release))
          this.#locks.request(`selvedge/${name}`, { signal: within }, hold).catch(reject)
        })
      } catch {
        signal.throwIfAborted()
        return within.aborted ? undefined : () => {}
      }
    })
  }
}

/** Of one client. */
function ownLocks(): LockPort {
  const last = new Map<string, Promise<void>>()
  return {
    async request(name, { signal }, hold) {
      const before = last.get(name)
      const turn = (async () => {
        await before
        if (!signal.aborted) await hold()
      })()
      last.set(name, turn)
      await turn
      if (last.get(name) === turn) last.delete(name)
    },
  }
}
