/**
 * What execution takes of a certified commit (2.9): each batch once in an epoch, each system transaction once (system-once.ts), and where
 * the epoch's closing falls inside (2.12). A function of the commits in their order, so that it is the same on every member and after
 * any restart.
 */
import { toHex } from '../wire/bytes.ts'
import type { Committee } from '../wire/committee.ts'
import { decodeSystemTransaction } from '../wire/system-transaction.ts'
import type { Authority, Header } from '../wire/types.ts'
import { ConsensusError } from '../errors.ts'
import type { BatchIndex } from './batch-index.ts'
import type { OrderedItem } from './contract.ts'
import { systemKeyOf } from './system-once.ts'

/** The place from which on a closing sub-DAG is not executed. */
interface Closing {
  readonly index: number
  readonly item: number
}

export class OrderedOnce {
  readonly #batches: BatchIndex
  readonly #committee: Committee
  readonly #epoch: number
  readonly #system = new Set<string>()
  readonly #readyToClose = new Set<Authority>()
  /** Keys of the batches of sub-DAGs that were handed over and not executed, with their places. */
  readonly #handedOver = new Map<number, ReadonlyMap<string, number>>()
  #closing: Closing | undefined

  constructor(batches: BatchIndex, committee: Committee, epoch: number) {
    this.#batches = batches
    this.#committee = committee
    this.#epoch = epoch
  }

  /** Takes sub-DAG `index`, all of whose batches are here. @returns what is executed of it. */
  take(index: number, items: readonly OrderedItem[]): OrderedItem[] {
    const keys = new Map<string, number>()
    const taken: OrderedItem[] = []
    for (const item of items) {
      if (item.type === 'system' && this.#isFirst(item.author, item.bytes)) {
        taken.push(item)
        this.#noteClosing(index, taken.length, item)
      }
      const key = item.type === 'batch' ? toHex(item.digest) : undefined
      if (key === undefined || !this.#batches.order(key)) continue
      keys.set(key, taken.length)
      taken.push(item)
    }
    this.#handedOver.set(index, keys)
    return taken
  }

  /**
   * A vertex of an executed sub-DAG, from the store. The last executed one is taken again with `take` instead: it may have closed the
   * epoch, and then what stands behind the closing was not executed.
   */
  replay({ author, payload, systemTransactions }: Header, index: number): void {
    for (const { digest } of payload) this.#batches.addExecuted(toHex(digest))
    for (const bytes of systemTransactions) if (this.#isFirst(author, bytes)) this.#noteClosing(index, 0, { author, bytes })
  }

  /** The executor has taken all up to `index`: its batches no longer count towards anybody's quota. */
  executedUpTo(index: number): void {
    for (const [each, keys] of this.#handedOver) {
      if (each > index) continue
      for (const key of keys.keys()) this.#batches.execute(key)
      this.#handedOver.delete(each)
    }
  }

  /** Whether the batch stands in closing sub-DAG `index`, behind what closed the epoch. Asked before `executedUpTo`. */
  unexecutedOf(index: number): (key: string) => boolean {
    const keys = this.#handedOver.get(index)
    const closing = this.#closing
    if (closing?.index !== index) return () => false
    return (key) => (keys?.get(key) ?? -1) >= closing.item
  }

  #isFirst(author: Authority, bytes: Uint8Array): boolean {
    const key = systemKeyOf(author, bytes)
    if (this.#system.has(key)) return false
    this.#system.add(key)
    return true
  }

  #noteClosing(index: number, item: number, { author, bytes }: { readonly author: Authority; readonly bytes: Uint8Array }): void {
    if (this.#closing !== undefined || !isReadyToClose(bytes, this.#epoch)) return
    this.#readyToClose.add(author)
    if (this.#committee.stakeOf(this.#readyToClose) >= this.#committee.quorum) this.#closing = { index, item }
  }
}

function isReadyToClose(bytes: Uint8Array, epoch: number): boolean {
  try {
    const transaction = decodeSystemTransaction(bytes)
    return transaction.kind === 'readyToClose' && transaction.epoch === epoch
  } catch (error) {
    if (error instanceof ConsensusError) return false
    throw error
  }
}
