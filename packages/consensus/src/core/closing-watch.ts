/**
 * Where an epoch's closing falls inside its last sub-DAG (2.12): the `readyToClose` that brings its senders to stake Q. What stands behind
 * it there is not executed, and own transactions among that are still owed.
 *
 * Senders are durable by the sub-DAG that ordered them: whoever restarts between the first and the last of them must count alike.
 */
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from '../wire/bytes.ts'
import { decodeSystemTransaction } from '../wire/system-transaction.ts'
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import type { OrderedItem } from './contract.ts'

const KEY = 'readyToClose'
const ENTRY_BYTES = 10

export class ClosingWatch {
  readonly #context: CoreContext
  /** Index of the sub-DAG that ordered a sender's first one. */
  readonly #senders = new Map<Authority, number>()

  constructor(context: CoreContext) {
    this.#context = context
    const bytes = context.store.get('proposed', KEY)
    if (bytes === undefined) return
    const reader = new ByteReader(bytes)
    while (reader.remaining > 0) this.#senders.set(reader.u16(), reader.u64())
  }

  /** @returns the items of sub-DAG `index` that stand behind the closing: none in most sub-DAGs. Asking twice changes nothing. */
  beyond(index: number, items: readonly OrderedItem[]): readonly OrderedItem[] {
    const ready = new Set([...this.#senders].filter(([, at]) => at < index).map(([sender]) => sender))
    const { committee } = this.#context
    if (committee.stakeOf(ready) >= committee.quorum) return [] // closed before: nothing here is anybody's block
    for (const [i, item] of items.entries()) {
      if (item.type !== 'system' || ready.has(item.author) || !this.#isReady(item.bytes)) continue
      ready.add(item.author)
      this.#note(item.author, index)
      if (committee.stakeOf(ready) >= committee.quorum) return items.slice(i + 1)
    }
    return []
  }

  #isReady(bytes: Uint8Array): boolean {
    try {
      const transaction = decodeSystemTransaction(bytes)
      return transaction.kind === 'readyToClose' && transaction.epoch === this.#context.setup.epoch
    } catch (error) {
      if (error instanceof ConsensusError) return false // a member may order any bytes
      throw error
    }
  }

  #note(sender: Authority, index: number): void {
    if (this.#senders.get(sender) === index) return
    this.#senders.set(sender, index)
    const out = new ByteWriter(ENTRY_BYTES * this.#senders.size)
    for (const [authority, at] of this.#senders) out.u16(authority).u64(at)
    this.#context.note({ kind: 'proposed', key: KEY, bytes: out.finish() })
  }
}
