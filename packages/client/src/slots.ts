/** A bounded number of slots, given out first come first served. */
export interface Slots {
  /** Resolves with the function that gives the slot back (once; more calls do nothing). Rejects with the signal's reason. */
  take(signal?: AbortSignal): Promise<() => void>
}

export function createSlots(count: number): Slots {
  let free = count
  const waiting = new Set<() => void>()

  function slot(): () => void {
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const [next] = waiting
      if (next === undefined) free++
      else next()
    }
  }

  return {
    async take(signal) {
      signal?.throwIfAborted()
      if (free > 0) {
        free--
        return slot()
      }
      return await new Promise((resolve, reject) => {
        const settle = (): void => {
          waiting.delete(settle)
          signal?.removeEventListener('abort', abort)
          resolve(slot())
        }
        const abort = (): void => {
          waiting.delete(settle)
          reject(signal?.reason as Error)
        }
        waiting.add(settle)
        signal?.addEventListener('abort', abort, { once: true })
      })
    },
  }
}
