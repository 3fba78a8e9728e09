/**
 * Which system transactions of a commit are executed: the first of each (sender, kind) in an epoch (2.7), evidence the first of each
 * (sender, accused), since one member may prove several guilty. So a sender has a bounded number of them in an epoch, whatever it orders.
 *
 * `SystemOnce` is for an order whose history is not read again at a restart: where a first one stood is durable with the sub-DAG that
 * ordered it, and asking about that sub-DAG again gives the same answer.
 */
import { ConsensusError } from '../errors.ts'
import { ByteReader, ByteWriter } from '../wire/bytes.ts'
import { decodeEvidence } from '../wire/evidence.ts'
import { decodeSystemTransaction } from '../wire/system-transaction.ts'
import type { Authority } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import type { OrderedItem } from './contract.ts'

const PREFIX = 'system.'
const EVIDENCE_KIND = 1

/** What is counted once in an epoch. */
export function systemKeyOf(author: Authority, bytes: Uint8Array): string {
  const kind = bytes[0] ?? 0
  return kind === EVIDENCE_KIND ? `${author}.${kind}.${accusedIn(bytes)}` : `${author}.${kind}`
}

export class SystemOnce {
  readonly #context: CoreContext
  /** Index of the sub-DAG that ordered the first. */
  readonly #firsts = new Map<string, number>()

  constructor(context: CoreContext) {
    this.#context = context
    for (const { key, bytes } of context.store.entries('proposed')) {
      if (key.startsWith(PREFIX)) this.#firsts.set(key.slice(PREFIX.length), new ByteReader(bytes).u64())
    }
  }

  /** @returns `items` of sub-DAG `index` without the system transactions that were ordered before. Commits are asked about in their order. */
  take(index: number, items: readonly OrderedItem[]): OrderedItem[] {
    const here = new Set<string>()
    return items.filter((item) => {
      if (item.type !== 'system') return true
      const key = systemKeyOf(item.author, item.bytes)
      if (here.has(key) || (this.#firsts.get(key) ?? index) !== index) return false
      here.add(key)
      if (!this.#firsts.has(key)) this.#note(key, index)
      return true
    })
  }

  #note(key: string, index: number): void {
    this.#firsts.set(key, index)
    this.#context.note({ kind: 'proposed', key: PREFIX + key, bytes: new ByteWriter(8).u64(index).finish() })
  }
}

/** `none` where the bytes are no evidence: a sender has one of those too. */
function accusedIn(bytes: Uint8Array): Authority | 'none' {
  try {
    const transaction = decodeSystemTransaction(bytes)
    return transaction.kind === 'evidence' ? decodeEvidence(transaction.evidence).signer : 'none'
  } catch (error) {
    if (error instanceof ConsensusError) return 'none' // a member may order any bytes
    throw error
  }
}
