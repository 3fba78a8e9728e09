/**
 * What leaves a store that is full: content that nobody has paid to keep, that nobody is reading, and that is worth least by the word of the service,
 * whose admission counts requests; of two that are worth the same the one that was used longer ago.
 *
 * Content of up to 256 KiB stands in the store's packs, which give nothing back, so it does not leave; what is larger has files of its own. Room is made
 * before a file arrives, by the size that its first block says, but of no more than a fifth of the store for one file: what is larger than that
 * is taken only where there is room for it anyway. Otherwise one request could empty a store.
 */
import type { Blockstore, StoredBlob } from '@selvedge/blockstore'
import type { FileImportPort, StorePort, TreeImportPort, VerifiedBlockLike } from '@selvedge/fetcher'
import type { Address } from '@selvedge/sdk'
import { setImmediate } from 'node:timers/promises'
import type { ContentUses } from './content-uses.ts'

export interface EvictionComponents {
  readonly store: Pick<Blockstore, 'usedBytes' | 'list'>
  /** Removes a content, unless it is kept or read. @returns whether it did. */
  readonly remove: (root: Uint8Array) => Promise<boolean>
  readonly isKept: (root: Uint8Array) => boolean
  readonly uses: Pick<ContentUses, 'of'>
  /** At most 1,024 at once. */
  readonly worthOf: (addresses: readonly Address[], options: { readonly signal: AbortSignal }) => Promise<readonly number[]>
}

export type EvictionEvent =
  | { readonly type: 'evicted'; readonly root: Uint8Array; readonly size: number }
  /** All that is left is small, paid for or being read: what arrives now may be refused. Said once until there is room. */
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
  /** Runs `job` while nothing is removed. */
  between<T>(job: () => Promise<T>): Promise<T>
  /** Ends a round, and waits for it. */
  stop(): Promise<void>
}

/** Larger content has files of its own. */
export const SMALL_BYTES_MAX: number = 256 * 1024
/** In percent of the store: a round begins above the one, and ends at the other. */
const HIGH_PERCENT = 90
const LOW_PERCENT = 80
/** A store in which nothing may leave is looked through no more often: whoever asks for much would have it looked through each time. */
const FRUITLESS_MS = 1_000
/** Contents that are valued at once: with four names each, as many as a service is asked about. */
const PAGE = 256
/** Contents that are looked at before everything else has a turn: the store lists without waiting for anything, and a long list would hold up all for seconds. */
const LOOKED_AT = 256
/** Contents that one listing finds to remove; then it is made again. */
const CANDIDATES_MAX = 4_096

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
    const wanted = Math.min(bytes, storeBytesMax - this.#percent(LOW_PERCENT))
    if (this.#used + wanted > storeBytesMax) await this.#round()
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
  #round(): Promise<void> {
    this.#rounds = this.#rounds.then(async () => {
      try {
        await this.#reduce(this.#percent(LOW_PERCENT))
      } catch (error) {
        if (!this.#ending.signal.aborted) this.#options.onError?.(error)
      }
    })
    return this.#rounds
  }

  async #reduce(target: number): Promise<void> {
    const { nowMs = () => performance.now() } = this.#options
    let isWorthwhile = nowMs() - this.#fruitlessMs >= FRUITLESS_MS
    if (!isWorthwhile) return
    let failure: { readonly error: unknown } | undefined
    while (this.#used > target && isWorthwhile) {
      isWorthwhile = false
      for (const { root, size } of await this.#cheapest()) {
        if (this.#used <= target) break
        this.#ending.signal.throwIfAborted()
        try {
          if (!(await this.between(() => this.#components.remove(root)))) continue
        } catch (error) {
          failure ??= { error } // it would be the first again in each round, and nothing behind it would ever leave
          continue
        }
        isWorthwhile = true
        this.#options.onEvent?.({ type: 'evicted', root, size })
      }
    }
    if (failure !== undefined) this.#options.onError?.(failure.error)
    const isFull = this.#used > target
    if (isFull) this.#fruitlessMs = nowMs()
    if (isFull && !this.#isFull) {
      this.#options.onEvent?.({ type: 'full', usedBytes: this.#used, storeBytesMax: this.#options.storeBytesMax })
    }
    this.#isFull = isFull
  }

  /** Those that are worth least, the least first. */
  async #cheapest(): Promise<readonly Candidate[]> {
    let found: Candidate[] = []
    let page: { readonly root: Uint8Array; readonly size: number }[] = []
    const value = async (): Promise<void> => {
      found.push(...(await this.#valued(page)))
      page = []
      if (found.length >= 2 * CANDIDATES_MAX) found = leastOf(found)
    }
    let looked = 0
    for await (const content of this.#components.store.list()) {
      if (++looked % LOOKED_AT === 0) await setImmediate()
      this.#ending.signal.throwIfAborted()
      if (content.size <= SMALL_BYTES_MAX || this.#components.isKept(content.root)) continue
      if (page.push(content) === PAGE) await value()
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

/** `store` as the fetcher sees it: before a file arrives there is room for it. */
export function storeWithRoom(store: Blockstore, makeRoom: (bytes: number) => Promise<void>): StorePort<StoredBlob> {
  const add = async (target: Pick<FileImportPort, 'add'>, block: VerifiedBlockLike): Promise<void> => {
    const { isEntityRoot, kind, fileSize = 0 } = block
    if (isEntityRoot && kind === 'file' && fileSize > SMALL_BYTES_MAX) await makeRoom(fileSize)
    await target.add(block)
  }
  return {
    open: (root) => store.open(root),
    entity: (cid) => store.entity(cid),
    getBlock: (cid, options) => store.getBlock(cid, options),
    putBlock: (cid, bytes) => store.putBlock(cid, bytes),
    putEntity: (entity) => store.putEntity(entity),
    importFile(cid) {
      const target: FileImportPort = store.importFile(cid)
      return {
        add: (block) => add(target, block),
        getBlock: (block) => target.getBlock(block),
        commit: (options) => target.commit(options),
        abort: () => target.abort(),
      }
    },
    importTree(cid) {
      const target: TreeImportPort = store.importTree(cid)
      return {
        add: (block) => add(target, block),
        getBlock: (block) => target.getBlock(block),
        commit: () => target.commit(),
        abort: () => target.abort(),
      }
    },
  }
}
