/**
 * Bytes of answers that wait for slow readers, of all connections together. One answer may be megabytes, and whoever asks need not read:
 * what this does not admit is answered with an error instead, so memory has a bound that no number of connections moves.
 */
export class AnswerBudget {
  readonly #bytesMax: number
  #held = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get held(): number {
    return this.#held
  }

  /** Small answers always pass. @returns what gives the bytes back (once), `undefined` when there is no room. */
  hold(bytes: number): (() => void) | undefined {
    if (bytes > SMALL_BYTES && this.#held + bytes > this.#bytesMax) return undefined
    this.#held += bytes
    let isHeld = true
    return () => {
      if (isHeld) this.#held -= bytes
      isHeld = false
    }
  }
}

const SMALL_BYTES = 4_096
