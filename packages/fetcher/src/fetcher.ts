/**
 * One plan for getting content: the store first, then the origins in order; one fetch however many ask at once.
 *
 * A range that is asked while the whole file is being fetched is served from what arrives when it begins at most `nearBytes`
 * beyond it, otherwise from a fetch of its own. A fetch ends when its last asker leaves, except when only its end is missing.
 */
import { raceAbort } from './abort-race.ts'
import { keyOf } from './block-key.ts'
import { FetcherError } from './errors.ts'
import { LeftBlocks } from './left-blocks.ts'
import type { ByteRange, CidLike, EntityKind, OriginPort, StorePort } from './ports.ts'
import { normalRangesOf, textOf } from './ranges.ts'
import { type FetchEvent, type FetchScope, type Known, SharedFetch } from './shared-fetch.ts'
import { Slots } from './slots.ts'

export interface FetcherComponents<Blob> {
  readonly store: StorePort<Blob>
  /** In the order in which they are tried. */
  readonly origins: readonly OriginPort[]
  /** Calls back once after `delayMs`; the returned function cancels it. @default setTimeout */
  readonly after?: (delayMs: number, callback: () => void) => () => void
}

export interface FetcherOptions {
  /** Origin fetches at once; more wait. Up to eight of single blocks that have left the store run beside them. @default 64 */
  readonly fetchesMax?: number
  /** Fetches that wait; more are refused with `FETCHER_BUSY`. @default 1,024 */
  readonly waitingMax?: number
  /** Calls of `blocks.get` that wait in one fetch; more are refused with `FETCHER_BUSY`. @default 1,024 */
  readonly waitersMax?: number
  /** How far beyond what has arrived of a whole file a range may begin and still be served from it. @default 4 MiB */
  readonly nearBytes?: number
  /** `abort`: a fetch that nobody waits for any more ends. `finish`: it goes on into the store. @default 'abort' */
  readonly abandoned?: 'abort' | 'finish'
  /** How long a fetch that nobody waits for may take to end when all its bytes are here. @default 5,000 */
  readonly lingerMs?: number
  readonly onEvent?: (event: FetchEvent) => void
}

/** An entity that is in the store, or on its way. Close it. */
export interface Opened {
  /** True: everything is in the store. */
  readonly complete: boolean
  readonly kind: EntityKind
  /** Of a file, when it is known. */
  readonly size: number | undefined
  readonly root: Uint8Array | undefined
  /** While it arrives, `get` waits for the block, and rejects with the origin's error when the fetch fails. */
  readonly blocks: { get(cid: CidLike, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array> }
  /** Gives it up: its waiting calls reject with `FETCHER_CLOSED`. Again does nothing. */
  close(): Promise<void>
}

export interface OpenOptions {
  readonly signal?: AbortSignal
}

export interface Fetcher<Blob> {
  /** A blob by its BLAKE3 root: from the store. Undefined when it is not there. */
  openRoot(root: Uint8Array, options?: OpenOptions): Promise<Blob | undefined>
  /** Resolves when the root block is known. @throws {FetcherError}; an origin's own error, unchanged; the reason of `signal`. */
  openCid(cid: CidLike, options?: OpenOptions & { readonly ranges?: readonly ByteRange[] }): Promise<Opened>
  /**
   * As `openCid`, with the blocks of everything below. What is in the store comes from there; the first block that is not begins one fetch of
   * all of it, which all who ask for the same tree share. `complete` is true where there is nothing below.
   */
  openTree(cid: CidLike, options?: OpenOptions): Promise<Opened>
  /** Ends every fetch and waits for it. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What is remembered of CIDs that were fetched in part. */
const REMEMBERED_MAX = 1_024

interface What {
  readonly cid: CidLike
  readonly ranges: readonly ByteRange[] | undefined
  readonly scope: FetchScope
}

interface Shared {
  readonly fetch: SharedFetch
  readonly key: string
  askers: number
  cancelLinger: (() => void) | undefined
}

export function createFetcher<Blob>(components: FetcherComponents<Blob>, options: FetcherOptions = {}): Fetcher<Blob> {
  return new StoreFirstFetcher(components, options)
}

/** Of single blocks at once: a slow reader of many small ones must not be what an origin refuses this node for. */
const LEFT_FETCHES_MAX = 8

class StoreFirstFetcher<Blob> implements Fetcher<Blob> {
  readonly #components: FetcherComponents<Blob>
  readonly #options: FetcherOptions
  readonly #slots: Slots
  readonly #left: LeftBlocks
  /** Fetches that may be joined, by key: one a key. */
  readonly #shared = new Map<string, Shared>()
  /** Fetches that may not be joined any more and have not ended yet. */
  readonly #ending = new Map<string, SharedFetch>()
  readonly #remembered = new Map<string, Known>()
  #isStopped = false

  constructor(components: FetcherComponents<Blob>, options: FetcherOptions) {
    this.#components = components
    this.#options = options
    const { fetchesMax = 64, waitingMax = 1024, onEvent = ignore } = options
    this.#slots = new Slots(fetchesMax, waitingMax)
    this.#left = new LeftBlocks({
      origins: components.origins,
      slots: new Slots(Math.min(fetchesMax, LEFT_FETCHES_MAX), waitingMax),
      onEvent,
    })
  }

  async openRoot(root: Uint8Array, { signal }: OpenOptions = {}): Promise<Blob | undefined> {
    if (this.#isStopped) throw stopped()
    signal?.throwIfAborted()
    return this.#components.store.open(root)
  }

  async openCid(cid: CidLike, { ranges, signal }: OpenOptions & { readonly ranges?: readonly ByteRange[] } = {}): Promise<Opened> {
    if (this.#isStopped) throw stopped()
    signal?.throwIfAborted()
    return await this.#join(this.#sharedOf(cid, normalRangesOf(ranges)), signal)
  }

  async openTree(cid: CidLike, { signal }: OpenOptions = {}): Promise<Opened> {
    if (this.#isStopped) throw stopped()
    signal?.throwIfAborted()
    const entityKey = entityKeyOf(cid)
    const key = `${entityKey}:all`
    return await this.#join(this.#shared.get(key) ?? this.#begin({ cid, ranges: undefined, scope: 'all' }, key, entityKey), signal)
  }

  async #join(shared: Shared, signal: AbortSignal | undefined): Promise<Opened> {
    shared.askers++
    shared.cancelLinger?.()
    shared.cancelLinger = undefined
    try {
      return this.#openedOf(shared, await raceAbort(shared.fetch.ready, [signal]))
    } catch (error) {
      this.#leave(shared)
      throw error
    }
  }

  #sharedOf(cid: CidLike, ranges: readonly ByteRange[] | undefined): Shared {
    const entityKey = entityKeyOf(cid)
    const key = `${entityKey}:${textOf(ranges)}`
    const whole = this.#shared.get(`${entityKey}:${textOf(undefined)}`)
    const { nearBytes = 4 * 2 ** 20 } = this.#options
    if (ranges !== undefined && whole !== undefined && ranges.every(({ start }) => whole.fetch.reaches(start, nearBytes))) return whole
    return this.#shared.get(key) ?? this.#begin({ cid, ranges, scope: 'entity' }, key, entityKey)
  }

  #begin(what: What, key: string, entityKey: string): Shared {
    const { store, origins } = this.#components
    const { waitersMax = 1024, onEvent = ignore } = this.#options
    const parts = { ...what, store, origins, slots: this.#slots, left: this.#left, waitersMax, onEvent }
    const fetch: SharedFetch = new SharedFetch(
      {
        ...parts,
        remembered: () => this.#remembered.get(entityKey),
        remember: (known) => this.#remember(entityKey, known),
        onSettled: () => this.#forget(key, fetch),
      },
      this.#ending.get(key)?.settled,
    )
    const shared: Shared = { fetch, key, askers: 0, cancelLinger: undefined }
    this.#shared.set(key, shared)
    return shared
  }

  #remember(entityKey: string, known: Known): void {
    this.#remembered.delete(entityKey)
    this.#remembered.set(entityKey, known)
    if (this.#remembered.size <= REMEMBERED_MAX) return
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest)
      return
    }
  }

  #forget(key: string, fetch: SharedFetch): void {
    const shared = this.#shared.get(key)
    if (shared?.fetch === fetch) {
      this.#shared.delete(key)
      shared.cancelLinger?.()
    }
    if (this.#ending.get(key) === fetch) this.#ending.delete(key)
  }

  #openedOf(shared: Shared, known: Known): Opened {
    const controller = new AbortController()
    let isClosed = false
    let waiting = 0
    const get = async (cid: CidLike, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> => {
      if (isClosed) throw closed()
      waiting++
      try {
        return await shared.fetch.get(cid, [controller.signal, signal])
      } finally {
        waiting--
      }
    }
    return {
      ...known,
      blocks: { get },
      close: async () => {
        if (isClosed) return
        isClosed = true
        if (waiting > 0) controller.abort(closed()) // mostly nobody waits: no error and no event then
        this.#leave(shared)
      },
    }
  }

  #leave(shared: Shared): void {
    if (--shared.askers > 0 || shared.fetch.isSettled) return
    const { abandoned = 'abort', lingerMs = 5_000 } = this.#options
    if (abandoned === 'finish' && !this.#isStopped) return
    if (!shared.fetch.isNearEnd || this.#isStopped) return this.#end(shared)
    shared.cancelLinger = (this.#components.after ?? afterTimeout)(lingerMs, () => this.#end(shared))
  }

  #end({ key, fetch }: Shared): void {
    if (fetch.isSettled) return
    this.#shared.delete(key)
    this.#ending.set(key, fetch)
    fetch.abort(new FetcherError('FETCHER_CLOSED', 'nobody waits for this fetch any more'))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const shared of this.#shared.values()) {
      shared.cancelLinger?.()
      this.#end(shared)
    }
    await Promise.all([this.#left.stop(), ...Array.from(this.#ending.values(), (fetch) => fetch.settled)])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** Version 0 is version 1 with the dag-pb codec. */
function entityKeyOf(cid: CidLike): string {
  return `${cid.version === 0 ? 0x70 : cid.code}:${keyOf(cid)}`
}

function afterTimeout(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs)
  return () => clearTimeout(timer)
}

function closed(): FetcherError {
  return new FetcherError('FETCHER_CLOSED', 'this was closed')
}

function stopped(): FetcherError {
  return new FetcherError('FETCHER_CLOSED', 'the fetcher was stopped')
}

function ignore(): void {}
