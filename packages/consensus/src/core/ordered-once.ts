/**
 * What execution takes of a certified commit (2.9): each batch once in an epoch, each system transaction once (system-once.ts). A function
 * of the commits in their order, so that it is the same on every member and after any restart.
 */
import { toHex } from '../wire/bytes.ts'
import type { Authority, Header } from '../wire/types.ts'
import type { BatchIndex } from './batch-index.ts'
import { executedCountOf } from './closing.ts'
import type { ClosedBy, OrderedItem } from './contract.ts'
import { systemKeyOf } from './system-once.ts'

/** A sub-DAG that was handed over and not executed. */
interface HandedOver {
  readonly items: readonly OrderedItem[]
  /** Of its batches, by key: where they stand among the items. */
  readonly places: ReadonlyMap<string, number>
}

export class OrderedOnce {
  readonly #batches: BatchIndex
  readonly #system = new Set<string>()
  readonly #handedOver = new Map<number, HandedOver>()

  constructor(batches: BatchIndex) {
    this.#batches = batches
  }

  /** Takes sub-DAG `index`, all of whose batches are here. @returns what is executed of it. */
  take(index: number, items: readonly OrderedItem[]): OrderedItem[] {
    const places = new Map<string, number>()
    const taken: OrderedItem[] = []
    for (const item of items) {
      if (item.type === 'system' && this.#isFirst(item.author, item.bytes)) taken.push(item)
      const key = item.type === 'batch' ? toHex(item.digest) : undefined
      if (key === undefined || !this.#batches.order(key)) continue
      places.set(key, taken.length)
      taken.push(item)
    }
    this.#handedOver.set(index, { items: taken, places })
    return taken
  }

  /**
   * A vertex of an executed sub-DAG, from the store. The last executed one is taken again with `take` instead: the epoch may have closed
   * inside it, and then what stands behind that was not executed.
   */
  replay({ author, payload, systemTransactions }: Header): void {
    for (const { digest } of payload) this.#batches.addExecuted(toHex(digest))
    for (const bytes of systemTransactions) this.#isFirst(author, bytes)
  }

  /** The executor has taken all up to `index`: its batches no longer count towards anybody's quota. */
  executedUpTo(index: number): void {
    for (const [each, { places }] of this.#handedOver) {
      if (each > index) continue
      for (const key of places.keys()) this.#batches.execute(key)
      this.#handedOver.delete(each)
    }
  }

  /** Whether the batch stands in final sub-DAG `index`, behind what closed the epoch. Asked before `executedUpTo`. */
  unexecutedOf(index: number, closedBy: ClosedBy | undefined): (key: string) => boolean {
    const final = this.#handedOver.get(index)
    if (final === undefined) return () => false
    const count = executedCountOf(final.items, closedBy)
    return (key) => (final.places.get(key) ?? -1) >= count
  }

  #isFirst(author: Authority, bytes: Uint8Array): boolean {
    const key = systemKeyOf(author, bytes)
    if (this.#system.has(key)) return false
    this.#system.add(key)
    return true
  }
}
