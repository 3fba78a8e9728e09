/**
 * Own transactions of the uncertified mode: from the client's hand into own blocks, and out again when they are executed (2.14, 2.16).
 *
 * A transaction waits in the pool, stands in exactly one own block, and leaves when the sub-DAG of that block is executed. A block that
 * fell below gcRound without a commit can never be ordered: it is an orphan, and its content goes into the next own block. What a client
 * was told of stands in a durable own block, so the list of orphans is durable too, and a crash in between loses nothing.
 */
import { ByteReader, ByteWriter, compareBytes, toHex } from '../wire/bytes.ts'
import { decodeSignedBlock } from '../wire/block.ts'
import { readDigests, writeDigests } from '../wire/query.ts'
import { BATCH_BYTES_MAX, SYSTEM_TRANSACTION_BYTES_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_COUNT_MAX } from '../wire/limits.ts'
import type { Block, Digest } from '../wire/types.ts'
import type { CoreContext } from './context.ts'
import { UNCOMMITTED_BATCHES_MAX } from './settings.ts'

const ORPHANS_KEY = 'orphans'
const CARRIED_KEY = 'orphansCarried' // `carried` is what the epoch before owed (carried.ts)
/**
 * Orphans that a later own block carries, the newest of which are remembered: a restart finds old blocks again from the last snapshot on, at most
 * 16 commits and gcDepth rounds back, and one that is carried already must not be carried twice.
 */
const CARRIED_MAX = 256
/** Own transactions that wait for a block, in bytes: above it clients are refused at once. */
const POOL_BYTES_MAX = 16 * 2 ** 20
/** Own system transactions that wait for a block. */
const SYSTEM_QUEUE_MAX = 256
/** What a block needs beside its transactions, for up to 1,000 members. */
const BLOCK_OVERHEAD_BYTES = 48 * 1_024

interface OwnBlock {
  readonly key: string
  readonly digest: Digest
  readonly round: number
  readonly transactions: readonly Uint8Array[]
  readonly systemTransactions: readonly Uint8Array[]
  /** Of the sub-DAG that ordered it. */
  index: number | undefined
}

/** What the next own block carries. */
export interface Payload {
  readonly transactions: readonly Uint8Array[]
  readonly systemTransactions: readonly Uint8Array[]
  /** Of the transactions, those that no client was told of yet: they stand at the end. */
  readonly untoldCount: number
}

export class OwnTransactions {
  readonly #context: CoreContext
  readonly #blocks = new Map<string, OwnBlock>()
  #orphans: OwnBlock[] = []
  /** Keys of orphans whose content stands in a later own block. */
  readonly #carried = new Set<string>()
  #taken: OwnBlock | undefined
  /** Whether the list of orphans differs from the one noted last. */
  #hasChanged = false
  #pool: Uint8Array[] = []
  #poolBytes = 0
  #system: Uint8Array[] = []

  constructor(context: CoreContext) {
    this.#context = context
    const carried = context.store.get('proposed', CARRIED_KEY)
    for (const digest of carried === undefined ? [] : readDigests(new ByteReader(carried), CARRIED_MAX)) this.#carried.add(toHex(digest))
    const bytes = context.store.get('proposed', ORPHANS_KEY)
    for (const digest of bytes === undefined ? [] : readDigests(new ByteReader(bytes), Number.POSITIVE_INFINITY)) {
      const stored = context.store.get('block', toHex(digest))
      const isCarried = this.#carried.has(toHex(digest))
      if (stored !== undefined && !isCarried) this.#orphans.push(ownBlockOf(decodeSignedBlock(stored).block, digest.slice()))
    }
    for (const { systemTransactions } of this.#orphans) this.#system.push(...systemTransactions)
  }

  /** Whether an own block would carry something. */
  get isWaiting(): boolean {
    return this.#pool.length > 0 || this.#orphans.length > 0 || this.#system.length > 0
  }

  submit(transactions: readonly Uint8Array[]): void {
    const refused: Uint8Array[] = []
    for (const transaction of transactions) {
      if (this.#poolBytes + transaction.length > POOL_BYTES_MAX || transaction.length > TRANSACTION_BYTES_MAX) refused.push(transaction)
      else {
        this.#pool.push(transaction)
        this.#poolBytes += transaction.length
      }
    }
    if (refused.length === 0) return
    this.#context.count('transactionsOverloaded', refused.length)
    this.#context.push({ type: 'overloaded', transactions: refused })
  }

  submitSystem(bytes: Uint8Array): void {
    const isGood = bytes.length > 0 && bytes.length <= SYSTEM_TRANSACTION_BYTES_MAX
    if (!isGood || this.#system.length >= SYSTEM_QUEUE_MAX) return this.#context.count('systemTransactionRefused')
    this.#system.push(bytes.slice())
  }

  /** Takes what the next block carries. Transactions stay where they are while `mayCarry` is false or 40 own blocks wait. */
  take(mayCarry: boolean): Payload {
    const systemTransactions = this.#takeSystem()
    let uncommitted = 0
    for (const { index, transactions } of this.#blocks.values()) if (index === undefined && transactions.length > 0) uncommitted++
    if (!mayCarry || uncommitted >= UNCOMMITTED_BATCHES_MAX) return { transactions: [], systemTransactions, untoldCount: 0 }
    const again = this.#orphans.shift()
    this.#taken = again
    const transactions = again === undefined ? [] : [...again.transactions]
    const toldCount = transactions.length
    let size = transactions.reduce((sum, { length }) => sum + 4 + length, 0)
    const { batchBytesMax } = this.#context.settings
    let count = 0
    const countMax = Math.min(this.#pool.length, TRANSACTION_COUNT_MAX - toldCount)
    while (count < countMax && size < batchBytesMax) {
      const { length } = this.#pool[count]!
      if (size + 4 + length > BATCH_BYTES_MAX - BLOCK_OVERHEAD_BYTES) break
      size += 4 + length
      this.#poolBytes -= length
      count++
    }
    transactions.push(...this.#pool.slice(0, count))
    this.#pool = this.#pool.slice(count)
    return { transactions, systemTransactions, untoldCount: transactions.length - toldCount }
  }

  /** An own block is made and noted: so is, after it, which orphans are left. */
  proposed(block: Block, digest: Digest): void {
    const own = ownBlockOf(block, digest)
    this.#blocks.set(own.key, own)
    if (this.#taken !== undefined) this.#carry(this.#taken)
    this.#taken = undefined
    this.#noteOrphans()
  }

  /** A block of an earlier run. Ascending by round. */
  restore(block: Block, digest: Digest, index: number | undefined): void {
    const own = { ...ownBlockOf(block, digest), index }
    // A crash between the record of a block and the note of what it carries: the block itself says it, since that stands first in it.
    const earlier = [...this.#orphans, ...this.#blocks.values()].filter((each) => each.index === undefined && each.round < own.round)
    for (const each of earlier) {
      if (!beginsWith(own.transactions, each.transactions)) continue
      this.#orphans = this.#orphans.filter(({ key }) => key !== each.key)
      this.#blocks.delete(each.key)
      this.#carry(each)
    }
    const isElsewhere = this.#carried.has(own.key) || this.#orphans.some(({ key }) => key === own.key)
    if (!isElsewhere) this.#blocks.set(own.key, own)
    this.#noteOrphans()
  }

  committed(key: string, index: number): void {
    const own = this.#blocks.get(key)
    if (own !== undefined) own.index = index
  }

  executedUpTo(index: number): void {
    for (const [key, own] of this.#blocks) if (own.index !== undefined && own.index <= index) this.#blocks.delete(key)
  }

  /** gcRound has moved: what is below it without a commit is proposed again. */
  dropUpTo(gcRound: number): void {
    for (const [key, own] of this.#blocks) {
      if (own.index !== undefined || own.round > gcRound) continue
      this.#blocks.delete(key)
      this.#system.push(...own.systemTransactions)
      if (own.transactions.length === 0) continue
      this.#orphans.push(own)
      this.#hasChanged = true
      this.#context.count('orphan')
    }
    this.#noteOrphans()
  }

  /** The epoch is over at `finalIndex`. @returns what it did not order: first what clients were told of, then the rest. */
  release(finalIndex: number): { readonly told: readonly Uint8Array[]; readonly untold: readonly Uint8Array[] } {
    const left = [...this.#orphans, ...this.#blocks.values()].filter(({ index }) => index === undefined || index > finalIndex)
    const told = left.toSorted((a, b) => a.round - b.round).flatMap(({ transactions }) => transactions)
    const untold = this.#pool
    this.#blocks.clear()
    this.#orphans = []
    this.#pool = []
    this.#system = []
    return { told, untold }
  }

  /** As many as fit into one block; what would never fit was refused before. */
  #takeSystem(): Uint8Array[] {
    let left = SYSTEM_TRANSACTION_BYTES_MAX
    let count = 0
    while (count < this.#system.length && this.#system[count]!.length <= left) left -= this.#system[count++]!.length
    return this.#system.splice(0, count)
  }

  #carry({ key }: OwnBlock): void {
    const [oldest] = this.#carried
    if (this.#carried.size >= CARRIED_MAX && oldest !== undefined) this.#carried.delete(oldest)
    this.#carried.add(key)
    this.#hasChanged = true
  }

  #noteOrphans(): void {
    if (!this.#hasChanged) return
    this.#hasChanged = false
    this.#context.note({ kind: 'proposed', key: CARRIED_KEY, bytes: digestsOf([...this.#carried].map(fromHex)) })
    this.#context.note({ kind: 'proposed', key: ORPHANS_KEY, bytes: digestsOf(this.#orphans.map(({ digest }) => digest)) })
  }
}

function digestsOf(digests: readonly Digest[]): Uint8Array {
  const out = new ByteWriter(4 + 32 * digests.length)
  writeDigests(out, digests, Number.POSITIVE_INFINITY)
  return out.finish()
}

function beginsWith(all: readonly Uint8Array[], first: readonly Uint8Array[]): boolean {
  return first.length > 0 && first.length <= all.length && first.every((bytes, i) => compareBytes(bytes, all[i]!) === 0)
}

function fromHex(key: string): Digest {
  return Uint8Array.from({ length: key.length / 2 }, (_, i) => Number.parseInt(key.slice(2 * i, 2 * i + 2), 16))
}

function ownBlockOf({ round, transactions, systemTransactions }: Block, digest: Digest): OwnBlock {
  return { key: toHex(digest), digest, round, transactions, systemTransactions, index: undefined }
}
