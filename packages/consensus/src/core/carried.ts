/**
 * Own transactions that an epoch took and did not order, on their way into the next: clients were told of them, so they are durable in
 * the next epoch's store before anything else happens there, and given to its core piece by piece until they stand in durable batches or
 * blocks again.
 *
 * The core tells of own transactions by their number, oldest first: what is whose is kept here as a queue, so that clients hear of theirs
 * only.
 *
 * A batch or block is durable a moment before the number of what was carried into it: a crash in between leaves both the batch and a
 * number that is short of it. What a restart finds in own batches and blocks is not given to the core again.
 */
import { ByteReader, ByteWriter, toHex } from '../wire/bytes.ts'
import { TRANSACTION_BYTES_MAX } from '../wire/limits.ts'
import type { StoredRecord, StoreView } from './contract.ts'

const LIST_KEY = 'carried'
const DONE_KEY = 'carriedDone'
/** Given to the core at a time. */
const PIECE_BYTES_MAX = 2 ** 20

interface Share {
  readonly isCarried: boolean
  count: number
}

/** Of the transactions that a core gives back untold: which were promised in an earlier epoch, and which are clients' that still wait. */
export interface Returned {
  readonly promised: readonly Uint8Array[]
  readonly clients: readonly Uint8Array[]
}

export class Carried {
  #waiting: readonly Uint8Array[]
  readonly #shares: Share[] = []
  readonly #count: number
  #doneCount = 0

  /** @param doneCount - how many at the front stand in durable batches or blocks. */
  constructor(transactions: readonly Uint8Array[], doneCount = 0) {
    this.#waiting = transactions.slice(doneCount)
    this.#count = transactions.length
    this.#doneCount = doneCount
  }

  get isDone(): boolean {
    return this.#doneCount === this.#count
  }

  /** What must be durable with what the core told of last. */
  get record(): StoredRecord {
    return { kind: 'proposed', key: DONE_KEY, bytes: new ByteWriter(4).u32(this.#doneCount).finish() }
  }

  /** What the core may be given now; nothing while an earlier piece is on its way. */
  takePiece(): readonly Uint8Array[] {
    if (this.#shares.some(({ isCarried }) => isCarried)) return []
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && (count === 0 || bytes + this.#waiting[count]!.length <= PIECE_BYTES_MAX)) {
      bytes += this.#waiting[count]!.length
      count++
    }
    const piece = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    return piece
  }

  /** A core took `count` transactions; those of a piece that it refused come again. */
  entered(isCarried: boolean, count: number, refused: readonly Uint8Array[]): void {
    if (isCarried) this.#waiting = [...refused, ...this.#waiting]
    if (count > 0) this.#shares.push({ isCarried, count })
  }

  /** The core told of `count`. @returns how many of them are clients'. */
  accepted(count: number): number {
    let clients = 0
    for (let left = count; left > 0; ) {
      const share = this.#shares[0]
      if (share === undefined) return clients + left
      const taken = Math.min(left, share.count)
      share.count -= taken
      left -= taken
      if (share.isCarried) this.#doneCount += taken
      else clients += taken
      if (share.count === 0) this.#shares.shift()
    }
    return clients
  }

  /** The epoch is over. @param untold - what its core gave back and had not told of, oldest first. */
  split(untold: readonly Uint8Array[]): Returned {
    const promised: Uint8Array[] = []
    const clients: Uint8Array[] = []
    let at = 0
    for (const { isCarried, count } of this.#shares) {
      const share = untold.slice(at, at + count)
      at += count
      ;(isCarried ? promised : clients).push(...share)
    }
    return { promised: [...promised, ...this.#waiting], clients: [...clients, ...untold.slice(at)] }
  }
}

export function carriedRecord(transactions: readonly Uint8Array[]): StoredRecord {
  return { kind: 'proposed', key: LIST_KEY, bytes: new ByteWriter().list(transactions).finish() }
}

/**
 * After a restart. `undefined` where the epoch before was not left behind in one piece: what it owes is still to be found in its own store.
 * @param own - transactions of the batches or blocks of this epoch that this node has stored, read where some of what was carried may be missing
 * @returns what was carried, and whether its record is behind the batches: then it must be written before anything is said.
 */
export function readCarried(
  store: StoreView,
  own: Iterable<Uint8Array>,
): { readonly carried: Carried; readonly isRecordBehind: boolean } | undefined {
  const bytes = store.get('proposed', LIST_KEY)
  if (bytes === undefined) return undefined
  const done = store.get('proposed', DONE_KEY)
  const recordedCount = done === undefined ? 0 : new ByteReader(done).u32()
  const transactions = new ByteReader(bytes).list(TRANSACTION_BYTES_MAX).map((transaction) => transaction.slice())
  const doneCount = recordedCount + beginningIn(own, transactions, recordedCount)
  return { carried: new Carried(transactions, doneCount), isRecordBehind: doneCount > recordedCount }
}

/** How many of `transactions` from place `from` on stand in `own`, beside those before them. */
function beginningIn(own: Iterable<Uint8Array>, transactions: readonly Uint8Array[], from: number): number {
  if (from === transactions.length) return 0
  const left = new Map<string, number>()
  for (const transaction of own) left.set(toHex(transaction), (left.get(toHex(transaction)) ?? 0) + 1)
  const take = (transaction: Uint8Array): boolean => {
    const count = left.get(toHex(transaction)) ?? 0
    left.set(toHex(transaction), count - 1)
    return count > 0
  }
  for (const transaction of transactions.slice(0, from)) take(transaction)
  const end = transactions.findIndex((transaction, at) => at >= from && !take(transaction))
  return (end === -1 ? transactions.length : end) - from
}
