/**
 * Which contents were asked for lately, in bounded memory: a ring of the last requests, and of each content which of them was its last. Exact within
 * its bounds, and no sketch: what a sketch saves in memory it costs in wrong answers, and an entry here is a short key and two numbers.
 *
 * A `Map` in the order of its last use, which would need no ring, was given up: finding its oldest entry walks over all that were deleted before
 * it, which is tens of thousands at this size.
 */
export class RecentRequests {
  readonly #windowMs: number
  readonly #rememberedMax: number
  /** Of the request with the number `n`, at `n % rememberedMax`. */
  readonly #keys: string[] = []
  readonly #times: Float64Array
  /** Of each content, the number of its last request. */
  readonly #last = new Map<string, number>()
  /** Of the next request. */
  #next = 0

  constructor(windowMs: number, rememberedMax: number) {
    this.#windowMs = windowMs
    this.#rememberedMax = rememberedMax
    this.#times = new Float64Array(rememberedMax)
  }

  /** Contents that are remembered. */
  get size(): number {
    return this.#last.size
  }

  /** Notes a request. @returns whether the last one for the same is among the remembered, and within the window. */
  note(key: string, nowMs: number): boolean {
    const before = this.#last.get(key)
    const isSecond = before !== undefined && nowMs - this.#times[before % this.#rememberedMax]! < this.#windowMs
    const place = this.#next % this.#rememberedMax
    const overwritten = this.#keys[place]
    if (overwritten !== undefined && this.#last.get(overwritten) === this.#next - this.#rememberedMax) this.#last.delete(overwritten)
    this.#keys[place] = key
    this.#times[place] = nowMs
    this.#last.set(key, this.#next++)
    return isSecond
  }
}
