/**
 * One fetch, however many ask for it. It looks into the store first; what is not there it takes from the origins in order, into
 * the store, and whoever waits for a block is given it when it can be read: the disk is the buffer between an origin and a slow
 * consumer, and no block is held in memory for one, but for the last MiB that the disk has not taken yet.
 *
 * Invariants: the origin is asked only while nobody else asks it for the same key (`fetcher.ts` has one fetch a key); a block
 * wakes its waiters after it is readable; when the fetch settles every waiter is woken and reads the outcome. Who waits gets the bytes
 * that were checked as they came; who comes later reads them from the store, which checks them again, and where a full store has let go of
 * one by then it is fetched once more by itself (`left-blocks.ts`).
 */
import { raceAbort } from './abort-race.ts'
import { ArrivingBlocks } from './arriving-blocks.ts'
import { keyOf } from './block-key.ts'
import { CameBlocks } from './came-blocks.ts'
import { FetcherError } from './errors.ts'
import type { LeftBlockEvent, LeftBlocks } from './left-blocks.ts'
import { originStep } from './origin-step.ts'
import type {
  ByteRange,
  CidLike,
  EntityKind,
  EntityLike,
  FileImportPort,
  OriginPort,
  StorePort,
  TreeImportPort,
  VerifiedBlockLike,
} from './ports.ts'
import type { Slots } from './slots.ts'

export interface Known {
  readonly complete: boolean
  readonly kind: EntityKind
  readonly size: number | undefined
  readonly root: Uint8Array | undefined
}

/** One file, or a directory's own nodes; or everything below. */
export type FetchScope = 'entity' | 'all'

interface What {
  readonly cid: CidLike
  readonly ranges: readonly ByteRange[] | undefined
  readonly scope: FetchScope
}

export type FetchEvent =
  | (What & { readonly type: 'fetchStarted'; readonly origin: number })
  | LeftBlockEvent
  | (What & { readonly type: 'fetchEnded'; readonly error?: unknown })

export interface SharedFetchParts {
  readonly cid: CidLike
  /** Undefined: the whole entity. */
  readonly ranges: readonly ByteRange[] | undefined
  readonly scope: FetchScope
  readonly store: StorePort<unknown>
  readonly origins: readonly OriginPort[]
  readonly slots: Slots
  readonly left: Pick<LeftBlocks, 'get'>
  readonly waitersMax: number
  /** What an earlier fetch learned of this CID: then a range needs no origin before a block is missing. */
  readonly remembered: () => Known | undefined
  readonly remember: (known: Known) => void
  readonly onEvent: (event: FetchEvent) => void
  /** Called once, in the turn in which the outcome is known. */
  readonly onSettled: () => void
}

/** Told that its block has come, or, without one, to look again. */
type Waiter = (view?: Uint8Array) => void

type Phase = 'looking' | 'idle' | 'fetching' | 'stored' | 'failed'

export class SharedFetch {
  /** Resolves when the root block is known, rejects when it cannot be had. */
  readonly ready: Promise<Known>
  /** Resolves, never rejects, when nothing of this fetch runs any more. */
  readonly settled: Promise<void>
  readonly #parts: SharedFetchParts
  readonly #controller = new AbortController()
  readonly #waiters = new Map<string, Set<Waiter>>()
  #waiterCount = 0
  #phase: Phase = 'looking'
  #error: unknown
  #import: FileImportPort | TreeImportPort | undefined
  readonly #arriving: ArrivingBlocks
  #kind: EntityKind | undefined
  #fileSize: number | undefined
  /** Flat bytes that have come. */
  #arrived = 0
  /** Blocks that have come: another origin's first so many are the same. */
  #blocks = 0
  /** Which. */
  readonly #came = new CameBlocks()
  /** It ends with an error, though readers are not told yet. */
  #isFailing = false
  #newest: VerifiedBlockLike | undefined
  #known: (known: Known) => void = ignore
  #refuse: (error: unknown) => void = ignore
  #end: () => void = ignore

  /** @param before - a fetch of the same key that is still ending. */
  constructor(parts: SharedFetchParts, before: Promise<void> | undefined) {
    this.#parts = parts
    this.#arriving = new ArrivingBlocks(parts.store)
    this.ready = new Promise((resolve, reject) => {
      this.#known = resolve
      this.#refuse = reject
    })
    this.ready.catch(ignore) // the last asker may have left
    this.settled = new Promise((resolve) => {
      this.#end = resolve
    })
    void this.#run(before)
  }

  /** True while `range` is better taken from what arrives than from a request of its own. */
  reaches(start: number, nearBytes: number): boolean {
    const mayBeFile = this.#kind === undefined || this.#kind === 'file'
    return (this.#phase === 'looking' || this.#phase === 'fetching') && mayBeFile && start <= this.#arrived + nearBytes
  }

  /** Nothing but an end that is near is missing: ending now would throw away a whole file for its last few bytes of protocol. */
  get isNearEnd(): boolean {
    const { ranges, scope } = this.#parts
    if (this.#phase !== 'fetching' || this.#kind === undefined || ranges !== undefined) return false
    if (scope === 'all') return this.#newest?.isLast === true
    return this.#kind !== 'file' || (this.#fileSize !== undefined && this.#arrived >= this.#fileSize)
  }

  get isSettled(): boolean {
    return this.#phase === 'stored' || this.#phase === 'failed'
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
    if (this.#phase === 'idle') this.#settle('failed', reason)
  }

  async #run(before: Promise<void> | undefined): Promise<void> {
    try {
      await before
      const { cid, ranges, store, remembered } = this.#parts
      const entity = await store.entity(cid)
      this.#controller.signal.throwIfAborted()
      if (entity !== undefined) return this.#find(entity)
      const known = ranges === undefined ? undefined : remembered()
      if (known !== undefined && (await store.getBlock(cid)) !== undefined) {
        this.#controller.signal.throwIfAborted()
        this.#kind = known.kind
        this.#phase = 'idle'
        return this.#known(known)
      }
      await this.#fetch()
    } catch (error) {
      this.#settle('failed', error)
    }
  }

  /**
   * The store has it. A file is there as a whole. Of a directory's own nodes one may have left since, and of a tree it is known that the top is here, and
   * nothing of what is below: that comes from the store too, and the first block that does not begins the fetch.
   */
  #find({ kind, size, root }: EntityLike): void {
    const isLeaf = kind === 'file' || kind === 'symlink'
    if (!isLeaf) this.#kind = kind
    this.#known({ complete: isLeaf || this.#parts.scope === 'entity', kind, size: kind === 'file' ? size : undefined, root })
    if (isLeaf) this.#settle('stored')
    else this.#phase = 'idle'
  }

  async #fetch(): Promise<void> {
    const { slots, cid, ranges, scope, onEvent } = this.#parts
    const { signal } = this.#controller
    this.#phase = 'fetching'
    await slots.enter(signal)
    try {
      await this.#tryOrigins()
      signal.throwIfAborted()
      await this.#commit()
      this.#settle('stored')
      onEvent({ type: 'fetchEnded', cid, ranges, scope })
    } catch (error) {
      this.#isFailing = true
      const arriving = this.#import
      this.#import = undefined // first, so that who reads now is not told of the import's end but of its reason
      await arriving?.abort()
      await this.#arriving.end()
      this.#settle('failed', error)
      onEvent({ type: 'fetchEnded', cid, ranges, scope, error })
    } finally {
      slots.leave()
    }
  }

  async #tryOrigins(): Promise<void> {
    const { cid, ranges, scope, origins, onEvent } = this.#parts
    const { signal } = this.#controller
    if (origins.length === 0)
      throw new FetcherError('FETCHER_NO_ORIGIN', `${cid} is not here, and there is no origin`, { cid: String(cid) })
    for (const [index, origin] of origins.entries()) {
      onEvent({ type: 'fetchStarted', cid, ranges, scope, origin: index })
      const failure = await this.#takeFrom(origin)
      if (failure === undefined) return
      signal.throwIfAborted()
      onEvent({ type: 'originFailed', cid, origin: index, error: failure.error })
      if (index === origins.length - 1) throw failure.error
    }
  }

  /** @returns what the origin threw. @throws what the store threw: another origin would not help. */
  async #takeFrom(origin: OriginPort): Promise<{ error: unknown } | undefined> {
    const { cid, ranges, scope } = this.#parts
    for (const range of ranges ?? [undefined]) {
      const { signal } = this.#controller
      let seen = 0
      let iterator: AsyncIterator<VerifiedBlockLike> | undefined
      try {
        iterator = origin.fetch(cid, { scope, signal, ...(range === undefined ? {} : { range }) })[Symbol.asyncIterator]()
        for (;;) {
          const next = await originStep(iterator, signal)
          if ('error' in next) return next
          if (next.done === true) break
          if (seen++ >= this.#blocks || ranges !== undefined) await this.#take(next.value)
        }
        iterator = undefined
      } finally {
        // Told, not waited for: a stalled origin would never answer.
        Promise.resolve(iterator?.return?.()).catch(ignore)
      }
      if (seen === 0) return { error: new FetcherError('FETCHER_EMPTY', `an origin sent nothing for ${cid}`, { cid: String(cid) }) }
    }
    return undefined
  }

  async #take(block: VerifiedBlockLike): Promise<void> {
    const { cid, ranges, scope, store, remember } = this.#parts
    if (this.#kind === undefined) {
      this.#kind = block.kind === 'shard' ? 'directory' : block.kind
      this.#fileSize = block.fileSize
      if (this.#kind === 'file' && ranges === undefined && scope === 'entity') this.#import = store.importFile(cid)
    }
    this.#newest = block
    if (scope === 'all') this.#import ??= store.importTree(cid)
    if (this.#import === undefined) await this.#arriving.put(keyOf(block.cid), block.cid, block.block)
    else await this.#import.add(block)
    if (scope === 'entity' || this.#kind === 'file')
      this.#arrived = Math.max(this.#arrived, block.fileOffset + block.dataEnd - block.dataStart)
    if (this.#blocks++ === 0) {
      const known = { complete: false, kind: this.#kind, size: this.#fileSize, root: undefined }
      if (ranges !== undefined) remember(known)
      this.#known(known)
    }
    this.#came.add(block.cid)
    this.#wake(keyOf(block.cid), block.block)
  }

  async #commit(): Promise<void> {
    const { cid, ranges, store } = this.#parts
    await this.#arriving.settle()
    if (this.#import !== undefined)
      await this.#import.commit({ mayLinger: true }) // whoever asked has it as it came
    else if (ranges === undefined && this.#kind !== undefined) await store.putEntity({ cid, kind: this.#kind })
  }

  #settle(phase: 'stored' | 'failed', error?: unknown): void {
    if (this.isSettled) return
    this.#phase = phase
    this.#error = error
    if (phase === 'failed') this.#refuse(error)
    this.#parts.onSettled()
    this.#end()
    for (const key of this.#waiters.keys()) this.#wake(key)
  }

  /** @param view - of the block that has come; each waiter gets a copy. */
  #wake(key: string, view?: Uint8Array): void {
    const waiters = this.#waiters.get(key)
    if (waiters === undefined) return
    this.#waiters.delete(key)
    this.#waiterCount -= waiters.size
    for (const waiter of waiters) waiter(view)
  }

  /**
   * A block as soon as it is here. One that has come and is here no more comes once more, whether or not the rest is still arriving.
   * @throws the origin's error, `FETCHER_NOT_FOUND`, `FETCHER_BUSY`, the reasons of `signals`.
   */
  async get(cid: CidLike, signals: readonly (AbortSignal | undefined)[]): Promise<Uint8Array> {
    for (;;) {
      for (const signal of signals) signal?.throwIfAborted()
      // First the waiter, then the look: what arrives between the two is not missed.
      const waiter = this.#phase === 'fetching' ? this.#waitFor(keyOf(cid)) : undefined
      const [phase, error, hasCome] = [this.#phase, this.#error, this.#came.has(cid)]
      try {
        const block = await raceAbort(this.#look(cid), signals)
        if (block !== undefined) return block
        const again = hasCome && !this.#isFailing ? this.#parts.left.get(cid, signals) : undefined
        if (again !== undefined && waiter === undefined) return await again
        if (waiter !== undefined) {
          // That it has come may be said in error, so it may come now as well: then nothing is wrong with it.
          const { arrived } = waiter
          const given = await raceAbort(again === undefined ? arrived : Promise.race([arrived, again.catch(() => arrived)]), signals)
          if (given !== undefined) return given
        } else if (phase === 'failed') throw error
        else if (phase === 'idle') this.#startAfterAll()
        else if (phase === 'stored')
          throw new FetcherError('FETCHER_NOT_FOUND', `${cid} is no part of what was opened`, { cid: String(cid) })
        else await raceAbort(this.ready, signals)
      } finally {
        waiter?.cancel()
      }
    }
  }

  /** A range thought to be here is not: now the origin is asked. */
  #startAfterAll(): void {
    if (this.#phase === 'idle') this.#fetch().catch((error: unknown) => this.#settle('failed', error))
  }

  async #look(cid: CidLike): Promise<Uint8Array | undefined> {
    const held = this.#arriving.get(keyOf(cid))
    if (held !== undefined) return held
    const arriving = this.#import
    if (arriving !== undefined && this.#phase === 'fetching') {
      try {
        const block = await arriving.getBlock(cid)
        if (block !== undefined) return block
      } catch (error) {
        if (!this.isSettled && this.#import === arriving) throw error // else the import ended while it was read: the store knows
      }
    }
    return this.#parts.store.getBlock(cid)
  }

  #waitFor(key: string): { readonly arrived: Promise<Uint8Array | undefined>; cancel(): void } {
    if (this.#waiterCount >= this.#parts.waitersMax) {
      throw new FetcherError('FETCHER_BUSY', `${this.#parts.waitersMax} wait for blocks of this fetch already`, {
        waiting: this.#waiterCount,
      })
    }
    const waiters = this.#waiters.get(key) ?? new Set<Waiter>()
    this.#waiters.set(key, waiters)
    this.#waiterCount++
    let wake: Waiter = ignore
    const arrived = new Promise<Uint8Array | undefined>((resolve) => {
      wake = (view) => resolve(view === undefined ? undefined : new Uint8Array(view)) // not `slice`, which of a Buffer is a view
    })
    waiters.add(wake)
    return {
      arrived,
      cancel: () => {
        if (this.#waiters.get(key) !== waiters || !waiters.delete(wake)) return
        this.#waiterCount--
        if (waiters.size === 0) this.#waiters.delete(key)
      },
    }
  }
}

function ignore(): void {}
