/**
 * What a scheduler without a clock is, and the scripted one: it delivers a list of deliveries that another scheduler once picked.
 *
 * A list replays a run; a shorter list replays it with deliveries left out, which is what the shrinker tries (shrink.ts).
 */
import { check, isIndex } from './errors.ts'

/** Names one delivery, in replays too: `number` counts from 0 what was added for this receiver and author. */
export interface DeliveryId {
  readonly receiver: number
  readonly author: number
  readonly number: number
}

export interface Delivery<T> extends DeliveryId {
  readonly item: T
}

export interface Scheduler<T> {
  /** Deliveries that wait. */
  readonly size: number
  /** Puts `item` in flight from `author` to `receiver`. */
  add(receiver: number, author: number, item: T): void
  /** Takes the next delivery; `undefined` where there is none. */
  next(): Delivery<T> | undefined
  /** Drops what waits for a receiver (of one author, where given), as when it crashes; says how many. */
  forget(receiver: number, author?: number): number
}

interface Held<T> {
  readonly delivery: Delivery<T>
  wasDelivered: boolean
}

class Script<T> implements Scheduler<T> {
  readonly #picks: readonly DeliveryId[]
  readonly #receivers: number
  readonly #pools = new Map<number, Map<number, Held<T>>>()
  readonly #added = new Map<number, number>()
  #at = 0
  #size = 0

  constructor(picks: readonly DeliveryId[], receivers: number) {
    this.#picks = picks
    this.#receivers = receivers
  }

  get size(): number {
    return this.#size
  }

  add(receiver: number, author: number, item: T): void {
    check(isIndex(receiver, this.#receivers), `receiver must be below ${this.#receivers}, got ${receiver}`)
    const key = author * this.#receivers + receiver
    const number = this.#added.get(key) ?? 0
    this.#added.set(key, number + 1)
    const pool = this.#pools.get(key) ?? new Map<number, Held<T>>()
    pool.set(number, { delivery: { receiver, author, number, item }, wasDelivered: false })
    this.#pools.set(key, pool)
    this.#size += 1
  }

  next(): Delivery<T> | undefined {
    while (this.#at < this.#picks.length) {
      const { receiver, author, number } = this.#picks[this.#at++] as DeliveryId
      const held = this.#pools.get(author * this.#receivers + receiver)?.get(number)
      if (held === undefined) continue // what would have sent it was left out
      if (!held.wasDelivered) this.#size -= 1
      held.wasDelivered = true // and stays: the script may deliver it twice
      return held.delivery
    }
    return undefined
  }

  forget(receiver: number, author?: number): number {
    let forgotten = 0
    for (const [key, pool] of this.#pools) {
      const isMeant = key % this.#receivers === receiver && (author === undefined || Math.floor(key / this.#receivers) === author)
      if (!isMeant) continue
      for (const { wasDelivered } of pool.values()) if (!wasDelivered) forgotten += 1
      pool.clear()
    }
    this.#size -= forgotten
    return forgotten
  }
}

/**
 * A scheduler that delivers `picks` in their order, skips those that nobody has sent when their turn comes, and then ends, whatever waits.
 *
 * @param picks - what `next()` of another scheduler returned, or a part of it.
 * @example const again = createScriptedScheduler<string>([{ receiver: 0, author: 3, number: 0 }], { receivers: 4 })
 */
export function createScriptedScheduler<T>(picks: readonly DeliveryId[], { receivers }: { readonly receivers: number }): Scheduler<T> {
  check(Number.isInteger(receivers) && receivers >= 1, `receivers must be a whole number from 1, got ${receivers}`)
  return new Script<T>(picks, receivers)
}
