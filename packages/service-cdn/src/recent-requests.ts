/**
 * Which contents were asked for lately, and how often, in bounded memory: a ring of the last requests, and of each content its last request and how many
 * of them are its. Exact within its bounds, and no sketch: what a sketch saves in memory it costs in wrong answers, and an entry here is a short key
 * and three numbers.
 *
 * A `Map` in the order of its last use, which would need no ring, was given up: finding its oldest entry walks over all that were deleted before
 * it, which is tens of thousands at this size.
 */

interface Requests {
  /** The number of the last one. */
  last: number
  /** Among those that are remembered. */
  count: number
}

export class RecentRequests {
  readonly #windowMs: number
  readonly #rememberedMax: number
  /** Of the request with the number `n`, at `n % rememberedMax`. */
  readonly #keys: string[] = []
  readonly #times: Float64Array
  readonly #requests = new Map<string, Requests>()
  /** Of the next request. */
  #next = 0

  constructor(windowMs: number, rememberedMax: number) {
    this.#windowMs = windowMs
    this.#rememberedMax = rememberedMax
    this.#times = new Float64Array(rememberedMax)
  }

  /** Contents that are remembered. */
  get size(): number {
    return this.#requests.size
  }

  /** Notes a request. @returns whether the last one for the same is among the remembered, and within the window. */
  note(key: string, nowMs: number): boolean {
    const before = this.#requests.get(key)
    const isSecond = before !== undefined && nowMs - this.#times[before.last % this.#rememberedMax]! < this.#windowMs
    const place = this.#next % this.#rememberedMax
    this.#forget(this.#keys[place])
    this.#keys[place] = key
    this.#times[place] = nowMs
    const requests = this.#requests.get(key) // the one that was forgotten may have been its only one
    if (requests === undefined) this.#requests.set(key, { last: this.#next, count: 1 })
    else {
      requests.last = this.#next
      requests.count++
    }
    this.#next++
    return isSecond
  }

  /**
   * What a content is worth keeping by its requests: the whole part of it is how many of the remembered are its, and of two with as many the one that
   * was asked for later is worth more. 0: none is.
   */
  worthOf(key: string): number {
    const requests = this.#requests.get(key)
    return requests === undefined ? 0 : requests.count + requests.last / this.#next
  }

  #forget(key: string | undefined): void {
    const requests = key === undefined ? undefined : this.#requests.get(key)
    if (requests !== undefined && --requests.count === 0) this.#requests.delete(key!)
  }
}
