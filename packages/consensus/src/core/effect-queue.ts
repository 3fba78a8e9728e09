/**
 * The ordered queue between one core and whatever does its effects: the validator's driver and simulations share what is below it
 * (barrier-queue.ts), so that both mean the same by "a `persist` is a barrier".
 *
 * Invariant: an effect leaves the queue only after every `persist` that was pushed before it is durable.
 */
import { BarrierQueue } from './barrier-queue.ts'
import type { CoreEffect, StoredRecord } from './contract.ts'

/** What is done rather than kept. */
export type DoableEffect = Exclude<CoreEffect, { readonly type: 'persist' }>

export class EffectQueue {
  readonly #queue = new BarrierQueue<CoreEffect>(({ type }) => type === 'persist')

  /** Effects and persists that have not left. */
  get size(): number {
    return this.#queue.size
  }

  get isSyncing(): boolean {
    return this.#queue.isSyncing
  }

  push(effects: readonly CoreEffect[]): void {
    this.#queue.push(effects)
  }

  /** What may be done at once, in this order: everything before the first `persist` that waits. */
  takeReady(): readonly DoableEffect[] {
    return this.#queue.takeReady() as readonly DoableEffect[] // it ends before the first persist
  }

  /** The records of every `persist` that waits, to be made durable in this order; then call `durable`. `undefined`: nothing to sync. */
  takeRecords(): readonly StoredRecord[] | undefined {
    return this.#queue.takeBarriers()?.flatMap((effect) => (effect.type === 'persist' ? effect.records : []))
  }

  /** The records taken last are durable. @returns what that releases, in order. */
  durable(): readonly DoableEffect[] {
    return this.#queue.durable() as readonly DoableEffect[] // without the persists
  }
}
