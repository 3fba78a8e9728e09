/**
 * A snapshot from several sources at once: each is asked for a span of chunks at a time, every slice is verified as it comes, and what one
 * source does not bring another is asked for. Near the end a source that has nothing to do asks for what a slower one still owes.
 */
import { ChunkRanges, createSink, type Sink, VerifyError } from '@selvedge/verified-streaming'
import { SNAPSHOT_BYTES_MAX, SPAN_CHUNKS } from './constants.ts'
import { within } from './deadline.ts'
import type { SnapshotCache, SyncSource } from './ports.ts'
import type { SourceBook } from './source-book.ts'

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined
  /** For one span. */
  readonly msMax: number
  readonly spanChunks?: number | undefined
  readonly snapshotBytesMax?: number | undefined
  /** Called after a span was stored. */
  readonly onStored?: ((stored: { readonly source: string; readonly newBytes: number; readonly size: number }) => void) | undefined
}

/** Spans between two savings of what is held: so much is fetched again after a crash. */
const SPANS_A_SAVE = 16
/** Proves the size, which is nobody's word until then. */
const PROBE = ChunkRanges.fromChunks(0, 1).union(ChunkRanges.lastChunk)

/**
 * Brings the blob with `root` into the cache, going on where an earlier life stopped; gives its size.
 * @throws {SynchronizerError} `SYNCHRONIZER_NO_SOURCE`; the reason of `signal`. What was stored stays.
 */
export async function downloadSnapshot(
  root: Uint8Array,
  cache: SnapshotCache,
  book: SourceBook,
  options: DownloadOptions,
): Promise<number> {
  const { signal } = options
  const sink = await openSink(root, cache, options)
  const done = new AbortController()
  const onAbort = (): void => done.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    while (!sink.isComplete) {
      signal?.throwIfAborted()
      const download = new Download(root, sink, cache, book, options, done)
      await Promise.all(book.usable().map((source) => download.drain(source)))
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    done.abort()
    await cache.saveState(await sink.save())
  }
  return sizeOf(sink)!
}

class Download {
  readonly #root: Uint8Array
  readonly #sink: Sink
  readonly #cache: SnapshotCache
  readonly #book: SourceBook
  readonly #options: DownloadOptions
  readonly #done: AbortController
  readonly #inFlight = new Map<SyncSource, ChunkRanges>()
  #spans = 0
  #saving: Promise<void> = Promise.resolve()

  constructor(root: Uint8Array, sink: Sink, cache: SnapshotCache, book: SourceBook, options: DownloadOptions, done: AbortController) {
    this.#root = root
    this.#sink = sink
    this.#cache = cache
    this.#book = book
    this.#options = options
    this.#done = done
  }

  /** Asks `source` for one span after the other until all is there or it is out. */
  async drain(source: SyncSource): Promise<void> {
    const { signal } = this.#options
    while (!this.#sink.isComplete && this.#book.isUsable(source) && !this.#done.signal.aborted) {
      const span = this.#next()
      this.#inFlight.set(source, span)
      try {
        await this.#receive(source, span)
        this.#book.praise(source)
      } catch (error) {
        signal?.throwIfAborted()
        if (this.#sink.isComplete) break // it was cut off because others were faster
        this.#book.blame(source, error)
      } finally {
        this.#inFlight.delete(source)
      }
    }
    if (this.#sink.isComplete) this.#done.abort()
    await this.#saving
  }

  #next(): ChunkRanges {
    const { spanChunks = SPAN_CHUNKS } = this.#options
    if (sizeOf(this.#sink) === undefined) return PROBE
    const missing = this.#sink.missing()
    const owed = [...this.#inFlight.values()].reduce((all, ranges) => all.union(ranges), ChunkRanges.none)
    return nextSpan(missing, owed, spanChunks)
  }

  async #receive(source: SyncSource, ranges: ChunkRanges): Promise<void> {
    const { msMax, onStored } = this.#options
    const { newBytes } = await within(msMax, this.#done.signal, `a span from ${source.name}`, (signal) =>
      this.#sink.receive(source.snapshotSlice(this.#root, ranges, { signal }), { source: source.name, ranges, signal }),
    )
    onStored?.({ source: source.name, newBytes, size: sizeOf(this.#sink) ?? 0 })
    if (++this.#spans % SPANS_A_SAVE === 0) {
      this.#saving = this.#saving.then(async () => this.#cache.saveState(await this.#sink.save()))
      await this.#saving
    }
  }
}

/** The first chunks that are missing and nobody was asked for, at most `chunksMax`; when all were, the first that are missing. */
export function nextSpan(missing: ChunkRanges, owed: ChunkRanges, chunksMax: number): ChunkRanges {
  const free = missing.difference(owed)
  for (const { start, end } of (free.isEmpty ? missing : free).spans())
    return ChunkRanges.fromChunks(start, Math.min(end, start + chunksMax))
  return ChunkRanges.none
}

async function openSink(root: Uint8Array, { store, loadState }: SnapshotCache, options: DownloadOptions): Promise<Sink> {
  const { signal, snapshotBytesMax: maxSize = SNAPSHOT_BYTES_MAX } = options
  const state = await loadState()
  if (state !== undefined) {
    try {
      const sink = createSink(root, { store, maxSize, state })
      await sink.recheck(signal === undefined ? {} : { signal })
      return sink
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error // the state of another snapshot: begin anew
    }
  }
  return createSink(root, { store, maxSize })
}

function sizeOf(sink: Sink): number | undefined {
  return sink.size.state === 'verified' ? sink.size.bytes : undefined
}
