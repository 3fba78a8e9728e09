/** How long the same work took the last few times. */
export class Durations {
  readonly #kept: number[] = []
  readonly #keptMax: number
  #ms50: number | undefined
  #ms95: number | undefined

  /** @param keptMax - so many are looked at, the newest. */
  constructor(keptMax: number) {
    this.#keptMax = keptMax
  }

  /** What it usually takes; `undefined` before the first. */
  get ms50(): number | undefined {
    return this.#ms50
  }

  /** What 95 of 100 stay below; `undefined` before the first. */
  get ms95(): number | undefined {
    return this.#ms95
  }

  add(ms: number): void {
    this.#kept.push(ms)
    if (this.#kept.length > this.#keptMax) this.#kept.shift()
    const sorted = this.#kept.toSorted((a, b) => a - b)
    this.#ms50 = sorted[sorted.length >> 1]
    this.#ms95 = sorted[Math.floor(sorted.length * 0.95)]
  }
}
