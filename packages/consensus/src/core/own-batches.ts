/**
 * Own transactions on their way into headers: sealed into a batch at a size or an age, stored, sent to all, and handed to the proposer
 * once members of stake Q have said that they hold it (2.3). A batch leaves when a sub-DAG orders it.
 *
 * What a client is told rests on the batch's own sync: `accepted` stands behind it. Above 40 batches without a commit clients are
 * refused at once (2.14). The bytes are in the store and nowhere else; a repeat reads them there.
 *
 * Which batches are not executed yet is stored with each new one, so that a restart finds them without a look at all of the epoch's.
 */
import { assert } from '../dag/invariant.ts'
import { batchDigest, decodeBatch, decodeBatchInfo } from '../wire/batch.ts'
import { ByteReader, ByteWriter, compareBytes, toHex } from '../wire/bytes.ts'
import { bodyOf, encodeBatchFrame } from '../wire/frames.ts'
import { PAYLOAD_COUNT_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX } from '../wire/limits.ts'
import { readDigests, writeDigests } from '../wire/query.ts'
import type { Authority, Digest, PayloadEntry } from '../wire/types.ts'
import type { BatchIndex } from './batch-index.ts'
import type { CoreContext } from './context.ts'
import type { StoreView } from './contract.ts'
import { RoundTrip } from './fetching.ts'
import { BATCHES_PER_SECOND, RETRY_MS_MAX, UNCOMMITTED_BATCHES_MAX } from './settings.ts'

const BATCH_HEAD_BYTES = 32
const LENGTH_BYTES = 4
const SEAL_MS_MIN: number = 1_000 / BATCHES_PER_SECOND
/** The record of what is on its way: next seq u64 · digests. */
const UNDERWAY_KEY = 'batches'

/** Transactions of own batches that are stored and were not executed when the last one was, oldest first. */
export function* underwayTransactions(store: StoreView): Generator<Uint8Array> {
  const record = store.get('proposed', UNDERWAY_KEY)
  if (record === undefined) return
  const reader = new ByteReader(record)
  reader.u64()
  for (const digest of readDigests(reader, Number.POSITIVE_INFINITY)) {
    const encoded = store.get('batch', toHex(digest))
    if (encoded !== undefined) yield* decodeBatch(encoded).transactions
  }
}

interface OwnBatch {
  readonly entry: PayloadEntry
  /** Who holds it, this node included. */
  readonly holders: Set<Authority>
  /** In the queue or in a header; a repeat is needed only before. */
  isHandedOver: boolean
  sentAtMs: number
  retryAtMs: number
  retryMs: number
}

export class OwnBatches {
  readonly #context: CoreContext
  readonly #index: BatchIndex
  /** From the seal of a batch until a quorum holds it. Its own measure: many bytes, a sync and a check, where a question costs none of these. */
  readonly #roundTrip = new RoundTrip()
  readonly #batches = new Map<string, OwnBatch>()
  /** Ordered, by sub-DAG index, and not executed yet. */
  readonly #ordered = new Map<string, { readonly entry: PayloadEntry; readonly index: number }>()
  readonly #queue: PayloadEntry[] = []
  /** When a peer was last sent again what it may have lost with a connection. */
  readonly #repeatedAtMs = new Map<Authority, number>()
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #waitingSinceMs = 0
  #sealedAtMs = Number.NEGATIVE_INFINITY
  #nextSeq = 0

  constructor(context: CoreContext, index: BatchIndex) {
    this.#context = context
    this.#index = index
  }

  /** Sealed and in no committed sub-DAG. */
  get uncommittedCount(): number {
    return this.#batches.size
  }

  get hasPayload(): boolean {
    return this.#queue.length > 0
  }

  get nextAtMs(): number {
    let next = this.#waiting.length > 0 ? this.#sealsAtMs : Number.POSITIVE_INFINITY
    for (const { isHandedOver, retryAtMs } of this.#batches.values()) if (!isHandedOver) next = Math.min(next, retryAtMs)
    return next
  }

  /** What is refused is told of before anything else comes of this call. */
  submit(transactions: readonly Uint8Array[]): void {
    const { nowMs, settings } = this.#context
    const refused: Uint8Array[] = []
    for (const transaction of transactions) {
      const batchCount = this.#batches.size + Math.floor(this.#waitingBytes / settings.batchBytesMax)
      if (batchCount >= UNCOMMITTED_BATCHES_MAX || transaction.length > TRANSACTION_BYTES_MAX) {
        refused.push(transaction)
        continue
      }
      if (this.#waiting.length === 0) this.#waitingSinceMs = nowMs
      this.#waiting.push(transaction)
      this.#waitingBytes += LENGTH_BYTES + transaction.length
    }
    if (refused.length > 0) {
      this.#context.count('transactionsOverloaded', refused.length)
      this.#context.push({ type: 'overloaded', transactions: refused })
    }
    const isFull = (): boolean =>
      BATCH_HEAD_BYTES + this.#waitingBytes >= settings.batchBytesMax || this.#waiting.length >= TRANSACTION_COUNT_MAX
    while (isFull()) this.#seal()
  }

  acknowledge(from: Authority, digest: Digest): void {
    const batch = this.#batches.get(toHex(digest))
    if (batch === undefined || batch.holders.has(from)) return
    batch.holders.add(from)
    this.#handOver(batch)
  }

  /**
   * `peer` is connected anew: what it has not acknowledged may have been lost with the connection before. These are up to 20 MB, so one that
   * comes and goes gets them once in a while; in between each batch has its own time.
   */
  repeatTo(peer: Authority): void {
    const { nowMs } = this.#context
    if (nowMs < (this.#repeatedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) + RETRY_MS_MAX) return
    for (const [key, batch] of this.#batches) {
      if (batch.isHandedOver || batch.holders.has(peer)) continue
      this.#repeatedAtMs.set(peer, nowMs)
      this.#send(key, [peer])
    }
  }

  /** The next entries for a header, oldest first, in the order of digests. */
  takePayload(): PayloadEntry[] {
    return this.#queue.splice(0, PAYLOAD_COUNT_MAX).toSorted((a, b) => compareBytes(a.digest, b.digest))
  }

  /** Payload of headers that will not be ordered goes to the front (2.7), but for what another header brought. */
  putBack(payload: readonly PayloadEntry[]): void {
    const queued = new Set(this.#queue.map(({ digest }) => toHex(digest)))
    const again = new Map<string, PayloadEntry>() // after a crash two headers may have carried the same
    for (const entry of payload) {
      const key = toHex(entry.digest)
      if (this.#batches.has(key) && !queued.has(key)) again.set(key, entry)
    }
    this.#queue.unshift(...again.values())
  }

  /** Sub-DAG `index` orders it. */
  commit(key: string, index: number): void {
    const batch = this.#batches.get(key)
    if (batch === undefined) return
    this.#batches.delete(key)
    this.#ordered.set(key, { entry: batch.entry, index })
    const queued = this.#queue.findIndex(({ digest }) => toHex(digest) === key)
    if (queued !== -1) this.#queue.splice(queued, 1)
  }

  executedUpTo(index: number): void {
    for (const [key, ordered] of this.#ordered) if (ordered.index <= index) this.#ordered.delete(key)
  }

  /** An own header goes out: what waits goes with it, in one sync and one write, and is held by a quorum when the next header is due. */
  sealWithHeader(): void {
    if (this.#waiting.length > 0 && this.#context.nowMs >= this.#sealedAtMs + SEAL_MS_MIN) this.#seal()
  }

  advance(): void {
    const { nowMs } = this.#context
    if (this.#waiting.length > 0 && nowMs >= this.#sealsAtMs) this.#seal()
    for (const [key, batch] of this.#batches) if (!batch.isHandedOver && nowMs >= batch.retryAtMs) this.#repeat(key, batch)
  }

  /**
   * Takes up what an earlier run stored and the executor has not seen: batches in live headers wait for their commit, the others are
   * sent again.
   */
  recover(isExecuted: (key: string) => boolean, isInHeader: (key: string) => boolean): void {
    const { store } = this.#context
    const record = store.get('proposed', UNDERWAY_KEY)
    if (record === undefined) return
    const reader = new ByteReader(record)
    this.#nextSeq = reader.u64()
    for (const view of readDigests(reader, Number.POSITIVE_INFINITY)) {
      const key = toHex(view)
      const encoded = isExecuted(key) ? undefined : store.get('batch', key)
      if (encoded === undefined) continue
      const { worker } = decodeBatchInfo(encoded)
      const batch = this.#enter(key, { digest: view.slice(), worker, bytes: encoded.length })
      batch.isHandedOver = isInHeader(key)
      batch.retryAtMs = 0 // whether it was ever sent is not known
    }
  }

  /**
   * The epoch is over with sub-DAG `finalIndex`, of which `isUnexecuted` batches came too late.
   * @returns what was not executed: in batches (those were told of), then without one.
   */
  release(
    finalIndex: number,
    isUnexecuted: (key: string) => boolean,
  ): { readonly told: Uint8Array[]; readonly waiting: readonly Uint8Array[] } {
    const late = [...this.#ordered].filter(([key, { index }]) => index > finalIndex || (index === finalIndex && isUnexecuted(key)))
    const told: Uint8Array[] = []
    for (const key of [...late.map(([ordered]) => ordered), ...this.#batches.keys()]) {
      const encoded = this.#context.store.get('batch', key)
      assert(encoded !== undefined, `own batch ${key} was told of, so it is stored`)
      for (const transaction of decodeBatch(encoded).transactions) told.push(transaction)
    }
    const waiting = this.#waiting
    this.#batches.clear()
    this.#ordered.clear()
    this.#queue.length = 0
    this.#waiting = []
    this.#waitingBytes = 0
    return { told, waiting }
  }

  /** When what waits is sealed for its age: no sooner after the last batch than others take them from one author. */
  get #sealsAtMs(): number {
    return Math.max(this.#waitingSinceMs + this.#context.settings.batchDelayMsMax, this.#sealedAtMs + SEAL_MS_MIN)
  }

  /** The oldest that fit, at least one. */
  #takeWaiting(): Uint8Array[] {
    let size = BATCH_HEAD_BYTES
    let count = 0
    for (const { length } of this.#waiting) {
      if (count === TRANSACTION_COUNT_MAX) break
      if (count > 0 && size + LENGTH_BYTES + length > this.#context.settings.batchBytesMax) break
      size += LENGTH_BYTES + length
      count++
    }
    this.#waitingBytes -= size - BATCH_HEAD_BYTES
    this.#waitingSinceMs = this.#context.nowMs
    return this.#waiting.splice(0, count)
  }

  #seal(): void {
    const { setup, self, settings, unixMs } = this.#context
    const transactions = this.#takeWaiting()
    this.#sealedAtMs = this.#context.nowMs
    const seq = this.#nextSeq++
    const worker = seq % settings.workers
    const frame = encodeBatchFrame({ epoch: setup.epoch, author: self, worker, seq, createdAtMs: unixMs, transactions })
    const bytes = bodyOf(frame)
    const digest = batchDigest(setup.chainId, bytes)
    const key = toHex(digest)
    this.#index.add(key, { author: self, worker, bytes: bytes.length })
    const batch = this.#enter(key, { digest, worker, bytes: bytes.length })
    this.#context.persist(
      { kind: 'batch', key, author: self, bytes },
      { kind: 'proposed', key: UNDERWAY_KEY, bytes: this.#encodeUnderway() },
    )
    this.#context.push({ type: 'accepted', count: transactions.length })
    this.#context.sendEncoded('others', frame)
    this.#handOver(batch)
  }

  #encodeUnderway(): Uint8Array {
    const entries = [...this.#ordered.values(), ...this.#batches.values()].map(({ entry }) => entry.digest)
    const out = new ByteWriter(12 + 32 * entries.length).u64(this.#nextSeq)
    writeDigests(out, entries, Number.POSITIVE_INFINITY)
    return out.finish()
  }

  #enter(key: string, entry: PayloadEntry): OwnBatch {
    const holders = new Set([this.#context.self])
    const { retryMs } = this.#roundTrip
    const sentAtMs = this.#context.nowMs
    const batch: OwnBatch = { entry, holders, isHandedOver: false, sentAtMs, retryAtMs: sentAtMs + retryMs, retryMs }
    this.#batches.set(key, batch)
    return batch
  }

  #handOver(batch: OwnBatch): void {
    const { committee } = this.#context
    if (batch.isHandedOver || committee.stakeOf(batch.holders) < committee.quorum) return
    batch.isHandedOver = true
    this.#roundTrip.sample(this.#context.nowMs - batch.sentAtMs)
    this.#queue.push(batch.entry)
  }

  #repeat(key: string, batch: OwnBatch): void {
    batch.retryAtMs = this.#context.nowMs + batch.retryMs
    batch.retryMs = Math.min(RETRY_MS_MAX, 2 * batch.retryMs)
    this.#handOver(batch)
    if (batch.isHandedOver) return
    this.#context.count('batchAgain')
    this.#send(
      key,
      this.#context.others.filter((to) => !batch.holders.has(to)),
    )
  }

  #send(key: string, to: readonly Authority[]): void {
    const bytes = this.#context.store.get('batch', key)
    if (bytes === undefined) return
    const frame = this.#context.encode({ type: 'batch', bytes })
    for (const peer of to) this.#context.sendEncoded(peer, frame)
  }
}
