/** Time as data: what needs it is handed one. */
export interface Clock {
  /** Unix milliseconds. */
  nowMs(): number
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void
}
