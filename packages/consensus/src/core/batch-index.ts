/**
 * Which batches I can produce the bytes of, and which of them were ordered. One predicate for availability: what stands here is durable,
 * or will be before anything that rests on it is sent; a digest without bytes is not here.
 *
 * Holds no bytes. What an earlier run stored is looked up in the store the first time it is asked for. Digests stay for the whole epoch,
 * some 200 bytes each, because execution takes each once per epoch (2.9).
 */
import { ConsensusError } from '../errors.ts'
import { decodeBatchInfo } from '../wire/batch.ts'
import type { Authority, Header, PayloadEntry } from '../wire/types.ts'
import type { StoreView } from './contract.ts'
import { BATCH_OVERHEAD_BYTES } from './settings.ts'

export interface StoredBatch {
  readonly author: Authority
  readonly worker: number
  readonly bytes: number
}

interface Entry extends StoredBatch {
  phase: 'stored' | 'ordered' | 'executed'
}

export type Availability = 'available' | 'missing' | 'mismatched' // the bytes under this digest are another author's, another worker's or of another length than the header says

export class BatchIndex {
  readonly #store: StoreView
  readonly #entries = new Map<string, Entry>()
  readonly #unexecutedBytes = new Map<Authority, number>()

  constructor(store: StoreView) {
    this.#store = store
  }

  get size(): number {
    return this.#entries.size
  }

  /** Counts towards `author`'s quota until it is executed. */
  add(key: string, { author, worker, bytes }: StoredBatch): void {
    if (this.#entries.has(key)) return
    this.#entries.set(key, { author, worker, bytes, phase: 'stored' })
    this.#charge(author, bytes + BATCH_OVERHEAD_BYTES)
  }

  has(key: string): boolean {
    return this.#entryOf(key) !== undefined
  }

  /** Whether a header of `author` may name the batch so. */
  availabilityOf(key: string, { worker, bytes }: PayloadEntry, { author }: Pick<Header, 'author'>): Availability {
    const entry = this.#entryOf(key)
    if (entry === undefined) return 'missing'
    return entry.author === author && entry.worker === worker && entry.bytes === bytes ? 'available' : 'mismatched'
  }

  /** With what is counted beside the bytes. */
  unexecutedBytesOf(author: Authority): number {
    return this.#unexecutedBytes.get(author) ?? 0
  }

  /** @returns whether this is the first time in the epoch. The batch must be here. */
  order(key: string): boolean {
    const entry = this.#entryOf(key)
    if (entry === undefined || entry.phase !== 'stored') return false
    entry.phase = 'ordered'
    return true
  }

  isExecuted(key: string): boolean {
    return this.#entries.get(key)?.phase === 'executed'
  }

  execute(key: string): void {
    const entry = this.#entries.get(key)
    if (entry?.phase !== 'ordered') return
    entry.phase = 'executed'
    this.#charge(entry.author, -entry.bytes - BATCH_OVERHEAD_BYTES)
  }

  /** One that an earlier run executed: known from a stored header, so that its bytes need not be read. */
  addExecuted(key: string, batch: StoredBatch): void {
    this.#entries.set(key, { ...batch, phase: 'executed' })
  }

  #entryOf(key: string): Entry | undefined {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const stored = this.#store.get('batch', key)
    const info = stored === undefined ? undefined : storedBatchOf(stored)
    if (info === undefined) return undefined
    this.add(key, info)
    return this.#entries.get(key)
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
