/**
 * Transactions of a node without a seat in the order: brought to the sources that it follows, one after the other until one has taken it.
 * Taken means that it stands durably in a batch of a member, here or behind a source that passes it on; nothing else resolves.
 *
 * Who asks again is whoever has the transaction (the pool of the RPC server does, until it is executed): nothing is kept here. The same bytes
 * are under way once, however often they are given.
 */
import { HOPS_MAX, type SyncSource } from '@selvedge/synchronizer'
import { createHash } from 'node:crypto'
import { NodeError } from '../errors.ts'

/** Transactions that are under way at a time; further ones are refused. */
const UNDER_WAY_MAX = 64
/** What one source is given to take a transaction. */
const TAKE_MS_MAX = 5_000

export interface Relay {
  /**
   * @param hops - how often it may still be passed on by who takes it. @default 2
   * @throws {NodeError} `NODE_BUSY` when too many are under way, or no source took it. The reason of `signal`.
   */
  submit(transaction: Uint8Array, options: { readonly signal: AbortSignal; readonly hops?: number }): Promise<void>
}

export function createRelay(sources: readonly SyncSource[]): Relay {
  const underWay = new Map<string, Promise<void>>()
  let preferred = 0

  async function bring(transaction: Uint8Array, hops: number, signal: AbortSignal): Promise<void> {
    const order = sources.map((_, i) => (preferred + i) % sources.length)
    for (const place of order) {
      if (!(await isTaken(sources[place]!, transaction, hops, signal))) continue
      preferred = place // a member, or next to one
      return
    }
    throw new NodeError('NODE_BUSY', `none of ${sources.length} sources takes a transaction now`)
  }

  return {
    async submit(transaction, { signal, hops = HOPS_MAX }) {
      const id = createHash('sha256').update(transaction).digest('hex')
      const known = underWay.get(id)
      if (known !== undefined) return await known
      if (underWay.size >= UNDER_WAY_MAX) throw new NodeError('NODE_BUSY', `${UNDER_WAY_MAX} transactions are under way already`)
      const job = bring(transaction, hops, signal).finally(() => underWay.delete(id))
      underWay.set(id, job)
      await job
    },
  }
}

/** Whatever a source does instead of taking it comes to the same: another is asked. */
async function isTaken(source: SyncSource, transaction: Uint8Array, hops: number, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new NodeError('NODE_BUSY', `${source.name} did not answer in time`)), TAKE_MS_MAX)
  const onAbort = (): void => controller.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return (await source.takeTransaction?.(transaction, hops, { signal: controller.signal })) === true
  } catch {
    signal.throwIfAborted()
    return false
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
