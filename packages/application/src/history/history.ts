/**
 * Blocks, receipts and events of the past, kept beside the state in the same atomic writes. A node keeps two epochs; an archive keeps all.
 *
 * One value holds all transactions of a block, one all its receipts: a block of thousands is written as fast as one of ten. Only the index
 * by id has an entry for each transaction.
 */
import { decodeReceipt, type EventKind, type LedgerEvent, type Receipt } from '@selvedge/ledger-types'
import { ApplicationError } from '../errors.ts'
import { decodeField, encodeField, type Field } from '../state/fields.ts'
import { SPACES, type KeyValueStore, type Write } from '../store/contract.ts'
import { HISTORY } from './import.ts'
import {
  blockRecord,
  byteLists,
  heightKey,
  historyRow,
  transactionPlace,
  type BlockRecord,
  type HistoryRow,
  type TransactionPlace,
} from './records.ts'

/** Old blocks that go with each new one, so that no block pays for an epoch. */
const PRUNED_A_BLOCK = 4
const NOTHING_YET: HistoryRow = { oldest: 1, keepFrom: 1 }

export interface NewBlock {
  readonly height: number
  readonly digest: Uint8Array
  readonly record: BlockRecord
  readonly transactions: readonly Uint8Array[]
  readonly receipts: readonly Uint8Array[]
  readonly ids: readonly Uint8Array[]
  /** Heights below this may go from now on. */
  readonly keepFrom: number
}

export interface NumberedEvent {
  readonly seq: number
  readonly height: number
  readonly event: LedgerEvent
}

export class History {
  readonly #store: KeyValueStore
  readonly #isArchive: boolean

  constructor(store: KeyValueStore, isArchive: boolean) {
    this.#store = store
    this.#isArchive = isArchive
  }

  /** What a block adds, and what goes for it. */
  writesOf(block: NewBlock): Write[] {
    const { height, digest, record, transactions, receipts, ids } = block
    const key = encodeField(heightKey, height)
    const writes: Write[] = [
      { space: SPACES.blocks, key, value: encodeField(blockRecord, record) },
      { space: SPACES.blockDigests, key: digest, value: key },
      { space: SPACES.receipts, key, value: encodeField(byteLists, receipts) },
      // A block has an event of its own, so no two blocks end with the same number.
      { space: SPACES.eventBlocks, key: encodeField(heightKey, record.nextEvent - 1), value: key },
    ]
    if (transactions.length > 0) writes.push({ space: SPACES.bodies, key, value: encodeField(byteLists, transactions) })
    for (const [index, id] of ids.entries()) {
      writes.push({ space: SPACES.transactionIds, key: id, value: encodeField(transactionPlace, { height, index }) })
    }
    if (!this.#isArchive) writes.push(...this.#pruningOf(block.keepFrom))
    return writes
  }

  recordOf(height: number): BlockRecord | undefined {
    return this.#read(SPACES.blocks, encodeField(heightKey, height), blockRecord)
  }

  heightOf(digest: Uint8Array): number | undefined {
    return this.#read(SPACES.blockDigests, digest, heightKey)
  }

  transactionsOf(height: number): readonly Uint8Array[] {
    return this.#read(SPACES.bodies, encodeField(heightKey, height), byteLists) ?? []
  }

  /** One a transaction, and the block's own at the end, encoded. */
  receiptsOf(height: number): readonly Uint8Array[] {
    return this.#read(SPACES.receipts, encodeField(heightKey, height), byteLists) ?? []
  }

  placeOf(id: Uint8Array): TransactionPlace | undefined {
    return id.length === 32 ? this.#read(SPACES.transactionIds, id, transactionPlace) : undefined
  }

  receiptOf(id: Uint8Array): (TransactionPlace & { readonly receipt: Receipt; readonly bytes: Uint8Array }) | undefined {
    const place = this.placeOf(id)
    const bytes = place === undefined ? undefined : this.receiptsOf(place.height)[place.index]
    return place === undefined || bytes === undefined ? undefined : { ...place, receipt: decodeReceipt(bytes), bytes }
  }

  /** Lowest height whose block is kept. */
  oldest(): number {
    return (this.#read(SPACES.local, HISTORY, historyRow) ?? NOTHING_YET).oldest
  }

  /**
   * Events from number `from` on, of `kinds` when given, at most `limit` of them, and the number to go on from.
   * @throws {ApplicationError} `APPLICATION_PRUNED`, `details.oldest` is the oldest number that is kept: never a gap.
   */
  eventsFrom(
    from: number,
    limit: number,
    kinds?: ReadonlySet<EventKind>,
  ): { readonly events: readonly NumberedEvent[]; readonly next: number } {
    const oldest = this.recordOf(this.oldest())?.firstEvent ?? 0
    if (from < oldest) throw new ApplicationError('APPLICATION_PRUNED', `event ${from} is no longer kept, ${oldest} is`, { oldest })
    const events: NumberedEvent[] = []
    let next = from
    for (const [, bytes] of this.#store.range(SPACES.eventBlocks, encodeField(heightKey, from))) {
      const height = decodeField(heightKey, bytes)
      for (const receipt of this.receiptsOf(height).map(decodeReceipt)) {
        for (const [i, event] of receipt.events.entries()) {
          const seq = receipt.firstEvent + i
          if (seq < from) continue
          if (events.length === limit) return { events, next }
          next = seq + 1
          if (kinds === undefined || kinds.has(event.kind)) events.push({ seq, height, event })
        }
      }
    }
    return { events, next }
  }

  #pruningOf(keepFrom: number): Write[] {
    const row = this.#read(SPACES.local, HISTORY, historyRow) ?? NOTHING_YET
    const writes: Write[] = []
    let { oldest } = row
    for (let i = 0; i < PRUNED_A_BLOCK && oldest < keepFrom; i++, oldest++) writes.push(...this.#removalOf(oldest))
    if (oldest !== row.oldest || keepFrom !== row.keepFrom) {
      writes.push({ space: SPACES.local, key: HISTORY, value: encodeField(historyRow, { oldest, keepFrom }) })
    }
    return writes
  }

  /** A final block's certificate stays: light clients and joiners follow them from genesis. */
  #removalOf(height: number): Write[] {
    const record = this.recordOf(height)
    if (record === undefined) return []
    const key = encodeField(heightKey, height)
    const own = [SPACES.blocks, SPACES.bodies, SPACES.receipts].map((space) => ({ space, key, value: undefined }))
    const isFinal = record.checkpoint[28] === 1
    const ids = this.receiptsOf(height)
      .slice(0, -1)
      .map((receipt) => receipt.slice(0, 32))
    const digest = record.checkpoint.slice(29, 61)
    return [
      ...own,
      { space: SPACES.blockDigests, key: digest, value: undefined },
      { space: SPACES.eventBlocks, key: encodeField(heightKey, record.nextEvent - 1), value: undefined },
      ...(isFinal ? [] : [{ space: SPACES.certificates, key, value: undefined }]),
      ...ids.map((id) => ({ space: SPACES.transactionIds, key: id, value: undefined })),
    ]
  }

  #read<T>(space: number, key: Uint8Array, field: Field<T>): T | undefined {
    const bytes = this.#store.get(space, key)
    return bytes === undefined ? undefined : decodeField(field, bytes)
  }
}
