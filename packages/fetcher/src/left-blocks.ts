/**
 * Blocks that came with a fetch and have left a full store before whoever opened it has read them: each is fetched once more, by itself, and handed on without
 * being kept. So a content of any size is read to its end through a store of any size, however slow its reader is, and nothing waits for room to do it.
 *
 * Invariants: one fetch of a block at a time, however many want it; it ends when the last of them leaves; no more run at once than `slots` has, which are not those
 * of the fetches that bring whole contents: one of these may be what a reader here belongs to.
 */
import { raceAbort } from './abort-race.ts'
import { keyOf } from './block-key.ts'
import { FetcherError } from './errors.ts'
import { originStep } from './origin-step.ts'
import type { CidLike, OriginPort } from './ports.ts'
import type { Slots } from './slots.ts'

export type LeftBlockEvent =
  /** A block had left the store before it was read, and is fetched again. */
  | { readonly type: 'blockLeft'; readonly cid: CidLike }
  | { readonly type: 'originFailed'; readonly cid: CidLike; readonly origin: number; readonly error: unknown }

export interface LeftBlocksParts {
  readonly origins: readonly OriginPort[]
  readonly slots: Slots
  readonly onEvent: (event: LeftBlockEvent) => void
}

interface BlockFetch {
  readonly block: Promise<Uint8Array>
  readonly controller: AbortController
  askers: number
}

export class LeftBlocks {
  readonly #parts: LeftBlocksParts
  readonly #fetches = new Map<string, BlockFetch>()
  #isStopped = false

  constructor(parts: LeftBlocksParts) {
    this.#parts = parts
  }

  /**
   * A copy of the block.
   * @throws the last origin's error, `FETCHER_EMPTY`, `FETCHER_BUSY`, `FETCHER_CLOSED`, the reasons of `signals`.
   */
  async get(cid: CidLike, signals: readonly (AbortSignal | undefined)[]): Promise<Uint8Array> {
    if (this.#isStopped) throw stopped()
    const key = keyOf(cid)
    const fetch = this.#fetches.get(key) ?? this.#begin(key, cid)
    fetch.askers++
    try {
      return new Uint8Array(await raceAbort(fetch.block, signals)) // others may be given it too
    } finally {
      if (--fetch.askers === 0) {
        this.#fetches.delete(key)
        fetch.controller.abort(new FetcherError('FETCHER_CLOSED', 'nobody waits for this block any more'))
      }
    }
  }

  #begin(key: string, cid: CidLike): BlockFetch {
    const controller = new AbortController()
    const block = this.#fetch(cid, controller.signal)
    block.catch(ignore) // the last asker may have left
    const fetch: BlockFetch = { block, controller, askers: 0 }
    this.#fetches.set(key, fetch)
    return fetch
  }

  async #fetch(cid: CidLike, signal: AbortSignal): Promise<Uint8Array> {
    const { origins, slots, onEvent } = this.#parts
    await slots.enter(signal)
    try {
      onEvent({ type: 'blockLeft', cid })
      let failure: unknown = new FetcherError('FETCHER_NO_ORIGIN', `${cid} left the store, and there is no origin`, { cid: String(cid) })
      for (const [index, origin] of origins.entries()) {
        const answer = await blockFrom(origin, cid, signal)
        if ('block' in answer) return answer.block
        signal.throwIfAborted()
        failure = answer.error
        onEvent({ type: 'originFailed', cid, origin: index, error: failure })
      }
      throw failure
    } finally {
      slots.leave()
    }
  }

  /** Ends them all, and waits for it. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const fetches = [...this.#fetches.values()]
    for (const { controller } of fetches) controller.abort(stopped())
    await Promise.allSettled(fetches.map(({ block }) => block))
  }
}

async function blockFrom(
  origin: OriginPort,
  cid: CidLike,
  signal: AbortSignal,
): Promise<{ readonly block: Uint8Array } | { readonly error: unknown }> {
  const iterator = origin.fetch(cid, { scope: 'block', signal })[Symbol.asyncIterator]()
  try {
    const next = await originStep(iterator, signal)
    if ('error' in next) return next
    if (next.done === true || keyOf(next.value.cid) !== keyOf(cid))
      return { error: new FetcherError('FETCHER_EMPTY', `an origin sent nothing for ${cid}`, { cid: String(cid) }) }
    const block = new Uint8Array(next.value.block) // not `slice`, which of a Buffer is a view
    await originStep(iterator, signal) // its end, so that its connection can be used again; whatever else it says is not needed
    return { block }
  } finally {
    Promise.resolve(iterator.return?.()).catch(ignore) // told, not waited for
  }
}

function stopped(): FetcherError {
  return new FetcherError('FETCHER_CLOSED', 'the fetcher was stopped')
}

function ignore(): void {}
