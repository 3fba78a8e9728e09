/**
 * The ordered queue between a core and whatever does its effects: the validator's driver and simulations share it, so that both mean
 * the same by "a `persist` is a barrier".
 *
 * Group commit: when a sync begins it takes the records of every `persist` that waits, however many turns they come from, and all that
 * stands in the queue at that moment is released by the one sync. Effects that no `persist` stands before never wait.
 *
 * Invariant: an effect leaves the queue only after every `persist` that was pushed before it is durable.
 */
import type { CoreEffect, StoredRecord } from './contract.ts'

/** What is done rather than kept. */
export type DoableEffect = Exclude<CoreEffect, { readonly type: 'persist' }>

export class EffectQueue {
  #waiting: CoreEffect[] = []
  /** How many of `#waiting`, from the front, the sync under way covers; `undefined` while there is none. */
  #covered: number | undefined

  /** Effects and persists that have not left. */
  get size(): number {
    return this.#waiting.length
  }

  get isSyncing(): boolean {
    return this.#covered !== undefined
  }

  push(effects: readonly CoreEffect[]): void {
    for (const effect of effects) this.#waiting.push(effect)
  }

  /** What may be done at once, in this order: everything before the first `persist` that waits. */
  takeReady(): DoableEffect[] {
    if (this.#covered !== undefined) return []
    const barrier = this.#waiting.findIndex(({ type }) => type === 'persist')
    const ready = barrier === -1 ? this.#waiting : this.#waiting.slice(0, barrier)
    this.#waiting = barrier === -1 ? [] : this.#waiting.slice(barrier)
    return ready as DoableEffect[] // the search has ended before the first persist
  }

  /** The records of every `persist` that waits, to be made durable in this order; then call `durable`. `undefined`: nothing to sync. */
  takeRecords(): StoredRecord[] | undefined {
    if (this.#covered !== undefined) return undefined
    const records = this.#waiting.flatMap((effect) => (effect.type === 'persist' ? effect.records : []))
    if (!this.#waiting.some(({ type }) => type === 'persist')) return undefined
    this.#covered = this.#waiting.length
    return records
  }

  /** The records taken last are durable. @returns what that releases, in order. */
  durable(): DoableEffect[] {
    const released = this.#waiting.slice(0, this.#covered ?? 0)
    this.#waiting = this.#waiting.slice(released.length)
    this.#covered = undefined
    return released.filter((effect): effect is DoableEffect => effect.type !== 'persist')
  }
}
