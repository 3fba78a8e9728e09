/** A rate with a burst: what one peer may cost. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #atMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1_000
    this.#burst = burst
    this.#tokens = burst
  }

  /** @returns whether there were enough; only then they are spent. */
  take(nowMs: number, tokens = 1): boolean {
    if (nowMs > this.#atMs) {
      if (this.#atMs !== Number.NEGATIVE_INFINITY) this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
      this.#atMs = nowMs
    }
    if (this.#tokens < tokens) return false
    this.#tokens -= tokens
    return true
  }

  /** What was taken turned out to be well spent. */
  giveBack(tokens = 1): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + tokens)
  }
}
