/**
 * The ordered queue between what decides and what does: an effect leaves it only after every barrier that was pushed before it is
 * durable. One queue serves however many epochs are alive.
 *
 * Group commit: when a sync begins it takes every barrier that waits, however many turns they come from, and all that stands in the
 * queue at that moment is released by the one sync. Effects that no barrier stands before never wait.
 */
export class BarrierQueue<E> {
  readonly #isBarrier: (effect: E) => boolean
  #waiting: E[] = []
  /** How many of `#waiting`, from the front, the sync under way covers; `undefined` while there is none. */
  #covered: number | undefined

  constructor(isBarrier: (effect: E) => boolean) {
    this.#isBarrier = isBarrier
  }

  /** Effects and barriers that have not left. */
  get size(): number {
    return this.#waiting.length
  }

  get isSyncing(): boolean {
    return this.#covered !== undefined
  }

  push(effects: readonly E[]): void {
    for (const effect of effects) this.#waiting.push(effect)
  }

  /** What may be done at once, in this order: everything before the first barrier that waits. */
  takeReady(): readonly E[] {
    if (this.#covered !== undefined) return []
    const barrier = this.#waiting.findIndex(this.#isBarrier)
    const ready = barrier === -1 ? this.#waiting : this.#waiting.slice(0, barrier)
    this.#waiting = barrier === -1 ? [] : this.#waiting.slice(barrier)
    return ready
  }

  /** The barriers that wait, to be made durable in this order; then call `durable`. `undefined`: nothing to sync, or a sync is under way. */
  takeBarriers(): readonly E[] | undefined {
    if (this.#covered !== undefined) return undefined
    const barriers = this.#waiting.filter(this.#isBarrier)
    if (barriers.length === 0) return undefined
    this.#covered = this.#waiting.length
    return barriers
  }

  /** The barriers taken last are durable. @returns what that releases, in order, without them. */
  durable(): readonly E[] {
    const released = this.#waiting.slice(0, this.#covered ?? 0)
    this.#waiting = this.#waiting.slice(released.length)
    this.#covered = undefined
    return released.filter((effect) => !this.#isBarrier(effect))
  }
}
