/**
 * A receiver of one blob from many sources: in any order, in parts, over several lives of the process. Every source's
 * response is verified by itself, so nothing wrong is ever stored and whoever sent a wrong byte is known at once.
 *
 * Invariants: a chunk counts as held only after its content and then its parents have been handed to the store; a parent is
 * stored only when a leaf below it was verified, because only a leaf, by its chunk number, proves where its parents stand
 * while the size is still a sender's word.
 */
import type { ByteReader } from './byte-reader.ts'
import type { ByteSource } from './byte-source.ts'
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, PAIR_BYTES } from './constants.ts'
import { type ContentSize, UNKNOWN_SIZE } from './content-size.ts'
import { type DecodeOptions, type Decoding, decodeWithParents } from './decode.ts'
import type { VerifiedPart } from './decoder.ts'
import { VerifyError } from './errors.ts'
import { placeInPerfect } from './group-tree.ts'
import type { SinkStore } from './memory-store.ts'
import { leftPlaceOf, type OutboardOrder, rightPlaceOf, rootPlaceOf } from './places.ts'
import type { Outboard } from './outboard-builder.ts'
import { decodeSinkState, encodeSinkState } from './sink-state.ts'
import { checkChunkGroupLog, checkRoot, chunkCountOf, groupCountOf, leftCountOf } from './tree.ts'
import { findings, type TreeSource, trueLeaves } from './verify-ranges.ts'

export interface SinkOptions {
  readonly store: SinkStore
  /** Of the sources' responses and of the outboard that is kept, 0 to 10. @default 4 (16 KiB, as iroh) */
  readonly chunkGroupLog?: number | undefined
  /** What `save` gave in an earlier life; its root and group size must be these. */
  readonly state?: Uint8Array | undefined
  /** Largest content accepted, in bytes. @default 2^53-1 */
  readonly maxSize?: number | undefined
}

/** An abort waits for a write of the store that has begun, since what it is given is a view; nothing else is waited for. */
export interface ReceiveOptions extends Pick<DecodeOptions, 'signal' | 'end'> {
  /** Name of the sender, for errors. @default 'unnamed' */
  readonly source?: string | undefined
  /** What the sender was asked for. @default everything */
  readonly ranges?: ChunkRanges | undefined
  /** Called after each part was stored. */
  readonly onProgress?: ((progress: SinkProgress) => void) | undefined
}

export interface SinkProgress {
  readonly type: 'stored'
  readonly source: string
  readonly offset: number
  readonly bytes: number
  /** Octets of this response that are verified; see `Decoding`. */
  readonly verifiedOffset: number
}

export interface Received {
  /** Verified bytes from this source. */
  readonly bytes: number
  /** Of them, those that were not held yet. */
  readonly newBytes: number
}

export interface Sink {
  /**
   * Takes one response of one source; many may run at once.
   *
   * @throws {VerifyError} as `decode`, with the sender's name in `details.source`: `VERIFY_MISMATCH` means that it lied, and
   * nothing of it from the wrong byte on was stored. What was stored before stays.
   */
  receive(encoded: ByteSource | ByteReader, options?: ReceiveOptions): Promise<Received>
  /** What is not held yet of `wanted`. Open-ended while the size is not proven; then the last chunk proves it. */
  missing(wanted?: ChunkRanges): ChunkRanges
  readonly held: ChunkRanges
  readonly size: ContentSize
  readonly isComplete: boolean
  /** Makes the store durable, then gives the state as it was before that: safe to keep wherever. */
  save(): Promise<Uint8Array<ArrayBuffer>>
  /** Reads back what is held and forgets what is not true (or not a whole group) any more; gives what was forgotten. */
  recheck(options?: { readonly signal?: AbortSignal | undefined }): Promise<ChunkRanges>
  /** Root, size and outboard of the complete blob. @throws {VerifyError} `VERIFY_INCOMPLETE` */
  finish(options?: { readonly order?: OutboardOrder | undefined }): Promise<Outboard>
}

/** A slot's pair waits here until a leaf below it is verified. */
interface PendingPair {
  readonly slot: number
  readonly pair: Uint8Array
}

class BlobSink implements Sink {
  readonly #root: Uint8Array<ArrayBuffer>
  readonly #store: SinkStore
  readonly #log: number
  readonly #maxSize: number | undefined
  #held = ChunkRanges.none
  #size: ContentSize = UNKNOWN_SIZE

  constructor(root: Uint8Array, { store, chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, state, maxSize }: SinkOptions) {
    this.#root = checkRoot(root)
    this.#store = store
    this.#log = checkChunkGroupLog(chunkGroupLog)
    this.#maxSize = maxSize
    if (state === undefined) return
    const saved = decodeSinkState(state)
    if (saved.chunkGroupLog !== chunkGroupLog || !saved.root.every((byte, i) => byte === this.#root[i])) {
      throw new VerifyError('VERIFY_BAD_ARGUMENT', 'the state is that of another blob or group size')
    }
    this.#held = saved.held
    this.#size = saved.size
  }

  get held(): ChunkRanges {
    return this.#held
  }

  get size(): ContentSize {
    return this.#size
  }

  get isComplete(): boolean {
    return this.#size.state === 'verified' && this.missing().isEmpty
  }

  missing(wanted: ChunkRanges = ChunkRanges.all): ChunkRanges {
    const inside = this.#size.state === 'verified' ? wanted.truncate(this.#size.bytes) : wanted
    return inside.difference(this.#held)
  }

  async receive(encoded: ByteSource | ByteReader, options: ReceiveOptions = {}): Promise<Received> {
    const { source = 'unnamed', ranges = ChunkRanges.all, signal, end, onProgress } = options
    const pending: PendingPair[] = []
    const groupChunks = 2 ** this.#log
    const decoding = decodeWithParents(
      encoded,
      this.#root,
      { ranges, chunkGroupLog: this.#log, maxSize: this.#maxSize, signal, end },
      (start, count, bytes, at, depth) => {
        for (let level = depth; level > 0; level--) {
          const chunks = depth === 1 ? count : groupChunks * 2 ** level
          for (let first = 0; first < count && chunks > groupChunks; first += chunks) {
            const from = at + placeInPerfect(depth, level, first / chunks, groupChunks * CHUNK_BYTES)
            const middle = start + first + leftCountOf(Math.min(chunks, count - first))
            pending.push({ slot: middle / groupChunks - 1, pair: bytes.slice(from, from + PAIR_BYTES) })
          }
        }
      },
    )
    let bytes = 0
    let newBytes = 0
    try {
      for await (const part of decoding) {
        this.#checkSize(decoding)
        const isNew = await this.#keep(part, pending)
        this.#learnSize(decoding)
        bytes += part.bytes.length
        if (isNew) newBytes += part.bytes.length
        const { verifiedOffset } = decoding
        onProgress?.({ type: 'stored', source, offset: part.offset, bytes: part.bytes.length, verifiedOffset })
      }
      this.#learnSize(decoding) // of the empty blob, which has no part
    } catch (error) {
      if (!(error instanceof VerifyError)) throw error
      throw new VerifyError(error.code, `${source}: ${error.message}`, { ...error.details, source }, { cause: error })
    }
    return { bytes, newBytes }
  }

  /** Stores a part and what proves it; false when it was held already. */
  async #keep(part: VerifiedPart, pending: PendingPair[]): Promise<boolean> {
    const start = part.offset / CHUNK_BYTES
    const count = Math.ceil(part.bytes.length / CHUNK_BYTES)
    const isNew = this.#held.coverage(start, start + count) !== 2
    if (isNew) {
      await this.#store.writeContent(part.offset, part.bytes)
      for (const { slot, pair } of pending) await this.#store.writePair(slot, pair)
      this.#held = this.#held.union(ChunkRanges.fromChunks(start, start + count))
    }
    pending.length = 0
    return isNew
  }

  /** A size other than the proven one is a lie, even where it has not led to a wrong byte yet. */
  #checkSize({ size }: Decoding): void {
    const said = size.state === 'verified' ? size.bytes : size.claimed
    if (this.#size.state !== 'verified' || said === this.#size.bytes) return
    throw new VerifyError('VERIFY_MISMATCH', `the size is ${this.#size.bytes}, not ${said}`, {
      what: 'size',
      offset: 0,
      end: this.#size.bytes,
    })
  }

  #learnSize({ size }: Decoding): void {
    if (this.#size.state !== 'verified')
      this.#size = size.state === 'verified' ? size : { state: 'unverified', claimed: this.#likelier(size.claimed) }
    if (size.state === 'verified' && size.bytes === 0) this.#held = ChunkRanges.fromChunks(0, 1)
  }

  /** Of two senders' words the smaller one that has room for what is held: nothing rests on it but what `recheck` tries first. */
  #likelier(said: number | undefined): number | undefined {
    const before = this.#size.state === 'unverified' ? this.#size.claimed : undefined
    if (before === undefined || said === undefined) return said ?? before
    const end = this.#held.boundaries[this.#held.boundaries.length - 1] ?? 0
    const [smaller, larger] = before < said ? [before, said] : [said, before]
    return chunkCountOf(smaller) >= end ? smaller : larger
  }

  async save(): Promise<Uint8Array<ArrayBuffer>> {
    const state = encodeSinkState({ root: this.#root, chunkGroupLog: this.#log, size: this.#size, held: this.#held })
    await this.#store.sync?.()
    return state
  }

  async recheck({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<ChunkRanges> {
    const before = this.#held
    const size = this.#size.state === 'verified' ? this.#size.bytes : this.#size.claimed
    if (size === undefined || before.isEmpty) return ChunkRanges.none
    const store = this.#store
    const groupChunks = 2 ** this.#log
    const tree: TreeSource = {
      chunkGroupLog: this.#log,
      content: (offset, length) => readable(() => store.readContent(offset, length)),
      order: 'pre',
      pair: (_place, start, count) => readable(() => store.readPair((start + leftCountOf(count)) / groupChunks - 1)),
    }
    const still = await trueLeaves(findings(tree, this.#root, size, wholeGroupsOf(before, this.#log, size), signal))
    this.#held = this.#held.difference(before.difference(still))
    this.#size = this.#held.contains(chunkCountOf(size) - 1) ? { state: 'verified', bytes: size } : { state: 'unverified', claimed: size }
    return before.difference(still)
  }

  async finish({ order = 'pre' }: { readonly order?: OutboardOrder | undefined } = {}): Promise<Outboard> {
    if (this.#size.state !== 'verified' || !this.isComplete) throw new VerifyError('VERIFY_INCOMPLETE', 'the blob is not complete yet')
    const size = this.#size.bytes
    const groups = groupCountOf(size, this.#log)
    const outboard = new Uint8Array((groups - 1) * PAIR_BYTES)
    const stack = groups > 1 ? [{ start: 0, groups, place: rootPlaceOf(order, groups) }] : []
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      const left = leftCountOf(node.groups)
      const right = node.groups - left
      outboard.set(await this.#store.readPair(node.start + left - 1), node.place * PAIR_BYTES)
      if (right > 1) stack.push({ start: node.start + left, groups: right, place: rightPlaceOf(order, node.place, node.groups) })
      if (left > 1) stack.push({ start: node.start, groups: left, place: leftPlaceOf(order, node.place, node.groups) })
    }
    return { root: this.#root.slice(), size, outboard }
  }
}

/** What a store gives, or nothing where it has nothing any more: after a crash that is a finding, not a failure. */
async function readable(read: () => Uint8Array | Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof VerifyError && (error.code === 'VERIFY_INCOMPLETE' || error.code === 'VERIFY_READ_FAILED')) return undefined
    throw error
  }
}

/** The whole groups within `ranges`: a group received in part cannot be checked again without the rest. */
function wholeGroupsOf(ranges: ChunkRanges, chunkGroupLog: number, size: number): ChunkRanges {
  const groupChunks = 2 ** chunkGroupLog
  const count = chunkCountOf(size)
  const boundaries: number[] = []
  for (const { start, end } of ranges.spans()) {
    const first = Math.ceil(start / groupChunks) * groupChunks
    const last = end >= count ? count : Math.floor(end / groupChunks) * groupChunks
    if (first < last) boundaries.push(first, last)
  }
  return ChunkRanges.fromBoundaries(boundaries)
}

/**
 * A resumable, sparse receiver of the blob with that root from any number of sources.
 *
 * @throws {VerifyError} `VERIFY_MALFORMED` or `VERIFY_BAD_ARGUMENT` when `state` is not one of this blob.
 * @example
 * const sink = createSink(root, { store: createMemoryStore() })
 * await sink.receive(await ask(peer, sink.missing()), { source: peer.name, ranges: sink.missing() })
 */
export function createSink(root: Uint8Array, options: SinkOptions): Sink {
  return new BlobSink(root, options)
}
