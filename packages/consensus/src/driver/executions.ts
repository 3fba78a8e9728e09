/**
 * The bridge to the executor: sub-DAGs in, blocks with their bytes out, one at a time, exactly once and in order.
 *
 * What waits here is digests. Bytes are fetched for the block that is executed now, from what the store has in memory or on disk.
 * Invariant: the indices of one epoch are handed on without a gap, from the one after `lastApplied`.
 */
import { strict as assert } from 'node:assert'
import type { CoreEffect, OrderedItem, StoreView } from '../core/contract.ts'
import { ConsensusError } from '../errors.ts'
import type { BlockItem, Executed, Executor, OrderedBlock } from '../ports.ts'
import { decodeBatch } from '../wire/batch.ts'
import { decodeSignedBlock } from '../wire/block.ts'
import { toHex } from '../wire/bytes.ts'
import type { Digest } from '../wire/types.ts'
import { named } from './failure.ts'

export interface ExecutionsComponents {
  readonly executor: Executor
  readonly storeOf: (epoch: number) => StoreView
  readonly onExecuted: (block: OrderedBlock, executed: Executed) => void
  readonly onFailure: (failure: ConsensusError) => void
}

type Emit = Extract<CoreEffect, { readonly type: 'emit' }>

export class Executions {
  readonly #components: ExecutionsComponents
  #queue: Emit[] = []
  #running: Promise<void> | undefined
  #isStopped = false
  /** The epoch that is executed, and its last index that was. */
  epoch: number
  index: number

  constructor(components: ExecutionsComponents, applied: { readonly epoch: number; readonly index: number }) {
    this.#components = components
    this.epoch = applied.epoch
    this.index = applied.index
  }

  get queued(): number {
    return this.#queue.length
  }

  push(emit: Emit): void {
    if (this.#isStopped || emit.commit.subDag.epoch !== this.epoch) return // beyond the final block of its epoch: no block
    this.#queue.push(emit)
    this.#running ??= this.#run()
  }

  /** The final block was applied. */
  begin(epoch: number): void {
    if (epoch <= this.epoch) return // the one that it began with
    this.epoch = epoch
    this.index = 0
    this.#queue = []
  }

  /** Waits for the block that is being executed. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#queue = []
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      for (let emit = this.#queue.shift(); emit !== undefined; emit = this.#queue.shift()) await this.#execute(emit)
    } catch (error) {
      this.#isStopped = true
      this.#components.onFailure(named(error))
    } finally {
      this.#running = undefined
    }
  }

  async #execute({ commit, items }: Emit): Promise<void> {
    const { subDag, digest } = commit
    const { storeOf, onExecuted } = this.#components
    assert.equal(subDag.index, this.index + 1, 'sub-DAGs are emitted one after the other')
    const store = storeOf(subDag.epoch)
    const blockItems = items.map((item) => readItem(item, store))
    const { epoch, index, timestampMs } = subDag
    const block: OrderedBlock = { epoch, index, subDag, digest, timestampMs, items: blockItems }
    const executed = await this.#apply(block)
    this.index = index
    if (executed.final !== undefined) this.begin(epoch + 1)
    onExecuted(block, executed)
    await new Promise((resolve) => setImmediate(resolve)) // frames and turns come between two blocks
  }

  async #apply(block: OrderedBlock): Promise<Executed> {
    try {
      return await this.#components.executor.execute(block)
    } catch (cause) {
      const { epoch, index } = block
      const message = `block ${index} of epoch ${epoch} was not applied: ${String(cause)}`
      throw new ConsensusError('CONSENSUS_EXECUTOR_FAILED', message, { epoch, index }, { cause })
    }
  }
}

function readItem(item: OrderedItem, store: StoreView): BlockItem {
  const { type, author } = item
  switch (type) {
    case 'system':
      return { type, author, bytes: item.bytes }
    case 'batch':
      return { type: 'transactions', author, transactions: decodeBatch(bodyOf(store, type, item.digest)).transactions }
    case 'block':
      return { type: 'transactions', author, transactions: decodeSignedBlock(bodyOf(store, type, item.digest)).block.transactions }
  }
}

function bodyOf(store: StoreView, kind: 'batch' | 'block', digest: Digest): Uint8Array {
  const key = toHex(digest)
  const bytes = store.get(kind, key)
  assert(bytes !== undefined, `${kind} ${key} was ordered, so it is stored`)
  return bytes
}
