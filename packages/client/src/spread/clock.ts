/** Time, handed in: so that what depends on it can be tested without waiting. */
export interface Clock {
  /** Never goes back. */
  nowMs(): number
  /** Calls `wake` once, not before `atMs`. @returns what calls it off */
  wakeAt(atMs: number, wake: () => void): () => void
}

export const realClock: Clock = {
  nowMs: () => performance.now(),
  wakeAt(atMs, wake) {
    const timer = setTimeout(wake, Math.max(0, Math.ceil(atMs - performance.now())))
    return () => clearTimeout(timer)
  },
}
