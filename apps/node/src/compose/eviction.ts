/**
 * What leaves a store that is full: content that nobody has paid to keep, that nobody is reading, and that is worth least by the word of the service,
 * whose admission counts requests; of two that are worth the same the one that was used longer ago. Blocks that stand for themselves (nodes of directories,
 * parts of files, what is passed on only) have no names that a service would know: they have an eighth of the store, and beyond it those that came longest ago leave.
 *
 * Room is made before a file arrives, by the size that its first block says, but of no more than a fifth of the store for one file. Of a larger one nothing
 * else has to leave: it is kept where there is room anyway, and passed on where there is none (`store-with-room.ts`). Otherwise one request could empty a store.
 */
import type { Blockstore } from '@selvedge/blockstore'
import type { Address } from '@selvedge/sdk'
import { setImmediate } from 'node:timers/promises'
import type { ContentUses } from './content-uses.ts'

export interface EvictionComponents {
  readonly store: Pick<Blockstore, 'usedBytes' | 'blockBytes' | 'list' | 'forgetBlocks'>
  /** Removes a content, unless it is kept or read. @returns whether it did. */
  readonly remove: (root: Uint8Array) => Promise<boolean>
  readonly isKept: (root: Uint8Array) => boolean
  readonly uses: Pick<ContentUses, 'of'>
  /** At most 1,024 at once. */
  readonly worthOf: (addresses: readonly Address[], options: { readonly signal: AbortSignal }) => Promise<readonly number[]>
}

export type EvictionEvent =
  | { readonly type: 'evicted'; readonly root: Uint8Array; readonly size: number }
  /** All that is left is paid for, the operator's own or being read: what arrives now may be refused. Said once until there is room. */
  | { readonly type: 'full'; readonly usedBytes: number; readonly storeBytesMax: number }

export interface EvictionOptions {
  /** What the store may hold: its quota. */
  readonly storeBytesMax: number
  readonly onEvent?: (event: EvictionEvent) => void
  /** A round failed, or the removal of something in it, of which the first is heard; what can be removed is, and the next round is tried. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Any clock that does not go back. @default performance.now */
  readonly nowMs?: () => number
}

export interface Eviction {
  /** Looks whether too much is here; to be called when something came. */
  look(): void
  /** Before so much arrives. Resolves when there is room, or when no more can be made. */
  makeRoom(bytes: number): Promise<void>
  /**
   * Whether a content of so many bytes is to be kept: up to a fifth of the store, always; more, where there is room without anything leaving.
   * @returns what gives its room back, once it has arrived or failed; undefined: it is not.
   */
  admit(bytes: number): (() => void) | undefined
  /** Runs `job` while nothing is removed. */
  between<T>(job: () => Promise<T>): Promise<T>
  /** Ends a round, and waits for it. */
  stop(): Promise<void>
}

/** In percent of the store: a round begins above the one, and ends at the other. */
const HIGH_PERCENT = 90
const LOW_PERCENT = 80
/** Of blocks that stand for themselves; what is more is the first to leave, and this much is theirs. */
const BLOCKS_PERCENT = 12.5
/** A store in which nothing may leave is looked through no more often: whoever asks for much would have it looked through each time. */
const FRUITLESS_MS = 1_000
/** Contents that are valued at once: with four names each, as many as a service is asked about. */
const PAGE = 256
/** Contents that are looked at before everything else has a turn: the store lists without waiting for anything, and a long list would hold up all for seconds. */
const LOOKED_AT = 256
/** Contents that one listing finds to remove; then it is made again. */
const CANDIDATES_MAX = 4_096
/** One in so many blocks leaves where they leave for what is wanted. */
const BLOCKS_LEAVING = 8
/** Contents that are removed at once, so that small ones share the store's syncs. */
const REMOVALS_MAX = 16

interface Candidate {
  readonly root: Uint8Array
  readonly size: number
  readonly worth: number
  readonly last: number
}

export function createEviction(components: EvictionComponents, options: EvictionOptions): Eviction {
  return new StoreEviction(components, options)
}

class StoreEviction implements Eviction {
  readonly #components: EvictionComponents
  readonly #options: EvictionOptions
  readonly #ending = new AbortController()
  /** The rounds, one behind the other. */
  #rounds: Promise<void> = Promise.resolve()
  /** Removals, and what must not run beside one. */
  #turns: Promise<unknown> = Promise.resolve()
  #isLooking = false
  #isFull = false
  /** Of contents that are arriving and are larger than room is made for. */
  #admittedBytes = 0
  /** When a round last came to less than it should. */
  #fruitlessMs = Number.NEGATIVE_INFINITY

  constructor(components: EvictionComponents, options: EvictionOptions) {
    this.#components = components
    this.#options = options
  }

  look(): void {
    if (this.#isLooking || this.#used <= this.#percent(HIGH_PERCENT)) return
    this.#isLooking = true
    void this.#round().finally(() => {
      this.#isLooking = false
    })
  }

  async makeRoom(bytes: number): Promise<void> {
    const { storeBytesMax } = this.#options
    const wanted = Math.min(bytes, this.#roomMax)
    if (this.#used + wanted > storeBytesMax) await this.#round(wanted)
  }

  admit(bytes: number): (() => void) | undefined {
    if (bytes <= this.#roomMax) return () => {}
    if (this.#used + this.#admittedBytes + bytes > this.#percent(HIGH_PERCENT)) return undefined
    this.#admittedBytes += bytes
    let isOver = false
    return () => {
      if (!isOver) this.#admittedBytes -= bytes
      isOver = true
    }
  }

  /** That is made for one content. */
  get #roomMax(): number {
    return this.#options.storeBytesMax - this.#percent(LOW_PERCENT)
  }

  between<T>(job: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(job)
    this.#turns = turn.catch(() => {})
    return turn
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#rounds
  }

  get #used(): number {
    return this.#components.store.usedBytes
  }

  #percent(percent: number): number {
    return Math.floor((this.#options.storeBytesMax / 100) * percent)
  }

  /** Never rejects. */
  #round(wanted = 0): Promise<void> {
    this.#rounds = this.#rounds.then(async () => {
      try {
        await this.#reduce(this.#percent(LOW_PERCENT), wanted)
      } catch (error) {
        if (!this.#ending.signal.aborted) this.#options.onError?.(error)
      }
    })
    return this.#rounds
  }

  async #reduce(target: number, wanted: number): Promise<void> {
    const { nowMs = () => performance.now() } = this.#options
    await this.#forgetBlocks(this.#percent(BLOCKS_PERCENT))
    let isWorthwhile = nowMs() - this.#fruitlessMs >= FRUITLESS_MS
    if (!isWorthwhile) return await this.#makeBlocksLeave(wanted)
    let failure: { readonly error: unknown } | undefined
    while (this.#used > target && isWorthwhile) {
      isWorthwhile = false
      const candidates = await this.#cheapest()
      for (let at = 0; at < candidates.length && this.#used > target; ) {
        this.#ending.signal.throwIfAborted()
        const batch = batchOf(candidates, at, this.#used - target)
        at += batch.length
        const results = await this.between(() => Promise.allSettled(batch.map(({ root }) => this.#components.remove(root))))
        for (const [i, result] of results.entries()) {
          if (result.status === 'rejected')
            failure ??= { error: result.reason } // it would be the first again in each round, and nothing behind it would ever leave
          else if (result.value) {
            isWorthwhile = true
            this.#options.onEvent?.({ type: 'evicted', root: batch[i]!.root, size: batch[i]!.size })
          }
        }
      }
    }
    if (failure !== undefined) this.#options.onError?.(failure.error)
    await this.#makeBlocksLeave(wanted)
    const isFull = this.#used > target
    if (isFull) this.#fruitlessMs = nowMs()
    if (isFull && !this.#isFull) {
      this.#options.onEvent?.({ type: 'full', usedBytes: this.#used, storeBytesMax: this.#options.storeBytesMax })
    }
    this.#isFull = isFull
  }

  /** Where all that is left is kept, blocks are the only thing that can leave for what is wanted: some of them at once, since each time costs a pass. */
  async #makeBlocksLeave(wanted: number): Promise<void> {
    const { blockBytes } = this.#components.store
    const missing = this.#used + wanted - this.#options.storeBytesMax
    if (missing > 0) await this.#forgetBlocks(Math.max(0, blockBytes - Math.max(missing, Math.ceil(blockBytes / BLOCKS_LEAVING))))
  }

  /** A disk that refuses that hinders no other content from leaving. */
  async #forgetBlocks(bytesMax: number): Promise<void> {
    const { store } = this.#components
    if (store.blockBytes <= bytesMax) return
    try {
      await store.forgetBlocks(bytesMax, { signal: this.#ending.signal })
    } catch (error) {
      this.#ending.signal.throwIfAborted()
      this.#options.onError?.(error)
    }
  }

  /** Those that are worth least, the least first; where enough are worth nothing, not all are looked at. */
  async #cheapest(): Promise<readonly Candidate[]> {
    let found: Candidate[] = []
    let page: { readonly root: Uint8Array; readonly size: number }[] = []
    let worthless = 0
    const value = async (): Promise<void> => {
      const valued = await this.#valued(page)
      for (const { worth, last } of valued) if (worth === 0 && last === 0) worthless++
      found.push(...valued)
      page = []
      if (found.length >= 2 * CANDIDATES_MAX) found = leastOf(found)
    }
    let looked = 0
    for await (const content of this.#components.store.list()) {
      if (++looked % LOOKED_AT === 0) await setImmediate()
      this.#ending.signal.throwIfAborted()
      if (this.#components.isKept(content.root)) continue
      if (page.push(content) === PAGE) await value()
      if (worthless >= CANDIDATES_MAX) break
    }
    await value()
    return leastOf(found)
  }

  /** A content is worth what its names are worth together. */
  async #valued(page: readonly { readonly root: Uint8Array; readonly size: number }[]): Promise<readonly Candidate[]> {
    const { uses, worthOf } = this.#components
    const used = page.map(({ root }) => uses.of(root))
    const worths = await worthOf(
      used.flatMap((use) => use?.addresses ?? []),
      { signal: this.#ending.signal },
    )
    let at = 0
    return page.map(({ root, size }, i) => {
      let worth = 0
      for (const end = at + (used[i]?.addresses.length ?? 0); at < end; at++) worth += worths[at]!
      return { root, size, worth, last: used[i]?.last ?? 0 }
    })
  }
}

function leastOf(candidates: readonly Candidate[]): Candidate[] {
  return candidates.toSorted((a, b) => a.worth - b.worth || a.last - b.last).slice(0, CANDIDATES_MAX)
}

/** The next ones, until they are as large as `bytes` together. */
function batchOf(candidates: readonly Candidate[], at: number, bytes: number): readonly Candidate[] {
  const batch: Candidate[] = []
  for (let rest = bytes; rest > 0 && batch.length < REMOVALS_MAX && at + batch.length < candidates.length; ) {
    const next = candidates[at + batch.length]!
    batch.push(next)
    rest -= next.size
  }
  return batch
}
