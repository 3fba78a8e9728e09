/**
 * Which batches I can produce the bytes of, and which of them were ordered. One predicate for availability: what stands here is durable,
 * or will be before anything that rests on it is sent; a digest without bytes is not here.
 *
 * Holds no bytes. What an earlier run stored is looked up in the store the first time it is asked for. Digests of what was executed stay
 * for the whole epoch, because execution takes each once per epoch (2.9), at 32 bytes each; whose they are is read again where it matters.
 */
import { ConsensusError } from '../errors.ts'
import { decodeBatchInfo } from '../wire/batch.ts'
import type { Authority, Header, PayloadEntry } from '../wire/types.ts'
import type { StoreView } from './contract.ts'
import { DigestRuns } from './digest-runs.ts'
import { BATCH_OVERHEAD_BYTES } from './settings.ts'

export interface StoredBatch {
  readonly author: Authority
  readonly worker: number
  readonly bytes: number
}

interface Entry extends StoredBatch {
  isOrdered: boolean
}

export type Availability = 'available' | 'missing' | 'mismatched' // the bytes under this digest are another author's, another worker's or of another length than the header says

export class BatchIndex {
  readonly #store: StoreView
  /** Stored, and not executed. */
  readonly #entries = new Map<string, Entry>()
  readonly #executed = new DigestRuns()
  readonly #unexecutedBytes = new Map<Authority, number>()

  constructor(store: StoreView) {
    this.#store = store
  }

  /** Counts towards `author`'s quota until it is executed. */
  add(key: string, { author, worker, bytes }: StoredBatch): void {
    if (this.#entries.has(key) || this.#executed.has(key)) return
    this.#entries.set(key, { author, worker, bytes, isOrdered: false })
    this.#charge(author, bytes + BATCH_OVERHEAD_BYTES)
  }

  has(key: string): boolean {
    return this.#entries.has(key) || this.#executed.has(key) || this.#entryOf(key) !== undefined
  }

  /** Whether a header of `author` may name the batch so. */
  availabilityOf(key: string, { worker, bytes }: PayloadEntry, { author }: Pick<Header, 'author'>): Availability {
    const batch = this.#executed.has(key) ? this.#storedOf(key) : this.#entryOf(key)
    if (batch === undefined) return 'missing'
    return batch.author === author && batch.worker === worker && batch.bytes === bytes ? 'available' : 'mismatched'
  }

  /** With what is counted beside the bytes. */
  unexecutedBytesOf(author: Authority): number {
    return this.#unexecutedBytes.get(author) ?? 0
  }

  /** @returns whether this is the first time in the epoch. The batch must be here. */
  order(key: string): boolean {
    const entry = this.#executed.has(key) ? undefined : this.#entryOf(key)
    if (entry === undefined || entry.isOrdered) return false
    entry.isOrdered = true
    return true
  }

  isExecuted(key: string): boolean {
    return this.#executed.has(key)
  }

  execute(key: string): void {
    const entry = this.#entries.get(key)
    if (entry?.isOrdered !== true) return
    this.#entries.delete(key)
    this.#executed.add(key)
    this.#charge(entry.author, -entry.bytes - BATCH_OVERHEAD_BYTES)
  }

  /** One that an earlier run executed: known from a stored header, so that its bytes need not be read. */
  addExecuted(key: string): void {
    this.#executed.add(key)
  }

  /** Of a batch that was not executed. */
  #entryOf(key: string): Entry | undefined {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const stored = this.#storedOf(key)
    if (stored === undefined) return undefined
    this.add(key, stored)
    return this.#entries.get(key)
  }

  #storedOf(key: string): StoredBatch | undefined {
    const bytes = this.#store.get('batch', key)
    return bytes === undefined ? undefined : storedBatchOf(bytes)
  }

  #charge(author: Authority, bytes: number): void {
    this.#unexecutedBytes.set(author, this.unexecutedBytesOf(author) + bytes)
  }
}

function storedBatchOf(encoded: Uint8Array): StoredBatch | undefined {
  try {
    const { author, worker } = decodeBatchInfo(encoded)
    return { author, worker, bytes: encoded.length }
  } catch (error) {
    if (error instanceof ConsensusError) return undefined
    throw error
  }
}
