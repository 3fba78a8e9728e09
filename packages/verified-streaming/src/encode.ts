/**
 * Writes encodings: the whole of a blob, or the response for a set of ranges, in pieces of one size. Parents above the
 * outboard's groups come from the outboard; those inside a group that is sent in part, or that the outboard is too coarse
 * for, are computed from the group's bytes.
 */
import { orAbort } from './byte-source.ts'
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, HEADER_BYTES, PAIR_BYTES, WALK_SLOTS } from './constants.ts'
import { createOutboard } from './create-outboard.ts'
import { VerifyError } from './errors.ts'
import { GroupTree } from './group-tree.ts'
import { leftPlaceOf, OutboardReader, type OutboardOrder, rightPlaceOf, rootPlaceOf, writeSize } from './outboard.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { asReadAt, isRandomAccess, type RandomAccess, type ReadAt } from './random-access.ts'
import { checkChunkGroupLog, checkSize, chunkCountOf } from './tree.ts'

/** Content with what proves it. */
export interface VerifiableBlob {
  readonly data: RandomAccess
  /** As `createOutboard` makes it, of any group size: which one is told from its length. */
  readonly outboard: RandomAccess
  readonly size: number
  /** Not needed to encode; here so that what `createOutboard` returns fits. */
  readonly root?: Uint8Array
  /** @default 'pre' */
  readonly order?: OutboardOrder | undefined
}

export interface EncodeOptions {
  /** Chunk groups of the encoding, 0 to 10; the outboard may have others. @default 4 (16 KiB, as iroh) */
  readonly chunkGroupLog?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Octets of a piece, and of what is read of the content at once. */
const PIECE_BYTES = 64 * 1024

/** What the encoder reads, with a window of content that is read ahead only within what is selected. */
class Supply {
  readonly outboard: OutboardReader
  readonly #data: ReadAt
  readonly #size: number
  readonly #groupChunks: number
  readonly #selection: ChunkRanges
  readonly #tree: GroupTree
  #treeStart = -1
  #window: Uint8Array = new Uint8Array(0)
  #windowStart = 0

  constructor(blob: VerifiableBlob, size: number, selection: ChunkRanges) {
    this.#data = asReadAt(blob.data)
    this.#size = size
    if (this.#data.size < size) throw new VerifyError('VERIFY_BAD_ARGUMENT', `data of ${this.#data.size} bytes for a blob of ${size}`)
    this.outboard = new OutboardReader(asReadAt(blob.outboard), size, blob.order ?? 'pre')
    this.#groupChunks = 2 ** this.outboard.chunkGroupLog
    this.#selection = selection
    this.#tree = new GroupTree(this.outboard.chunkGroupLog)
  }

  /** Content `start` to `end`, a view valid until the next call; `ahead` is how far it may read on. */
  content(start: number, end: number, ahead: number): Uint8Array | Promise<Uint8Array> {
    const at = start - this.#windowStart
    if (at >= 0 && end - this.#windowStart <= this.#window.length) return this.#window.subarray(at, at + end - start)
    const windowEnd = Math.max(end, Math.min(ahead, start + PIECE_BYTES, this.#size))
    const read = this.#data.readAt(start, windowEnd - start)
    const keep = (bytes: Uint8Array): Uint8Array => {
      this.#window = bytes
      this.#windowStart = start
      return bytes.subarray(0, end - start)
    }
    return read instanceof Uint8Array ? keep(read) : read.then(keep)
  }

  leaf(start: number, count: number): Uint8Array | Promise<Uint8Array> {
    const from = start * CHUNK_BYTES
    return this.content(from, Math.min(from + count * CHUNK_BYTES, this.#size), this.#selection.runEnd(start) * CHUNK_BYTES)
  }

  /** The pair of a node inside one group of the outboard. */
  innerPair(start: number, count: number): Uint8Array | Promise<Uint8Array> {
    const group = start - (start % this.#groupChunks)
    if (group === this.#treeStart) return this.#tree.pair(start, count)
    const from = group * CHUNK_BYTES
    const end = Math.min(from + this.#groupChunks * CHUNK_BYTES, this.#size)
    const compute = (bytes: Uint8Array): Uint8Array => {
      this.#tree.compute(bytes, 0, bytes.length, group)
      this.#treeStart = group
      return this.#tree.pair(start, count)
    }
    const bytes = this.content(from, end, this.#selection.runEnd(start) * CHUNK_BYTES)
    return bytes instanceof Uint8Array ? compute(bytes) : bytes.then(compute)
  }
}

/** The items of an encoding in order, each a view that is valid until the next. */
class Items {
  readonly #walk: PreOrderWalk
  readonly #supply: Supply
  readonly #places = new Float64Array(WALK_SLOTS)
  readonly #groupChunks: number

  constructor(walk: PreOrderWalk, supply: Supply) {
    this.#walk = walk
    this.#supply = supply
    this.#groupChunks = 2 ** supply.outboard.chunkGroupLog
    this.#places[0] = rootPlaceOf(supply.outboard.order, supply.outboard.groupCount)
  }

  next(): Uint8Array | undefined | Promise<Uint8Array> {
    const walk = this.#walk
    if (!walk.next()) return undefined
    if (walk.isLeaf) return this.#supply.leaf(walk.start, walk.count)
    if (walk.count <= this.#groupChunks) return this.#supply.innerPair(walk.start, walk.count)
    const { order } = this.#supply.outboard
    const groups = Math.ceil(walk.count / this.#groupChunks)
    const place = this.#places[walk.slot]!
    if (walk.rightSlot >= 0) this.#places[walk.rightSlot] = rightPlaceOf(order, place, groups)
    if (walk.leftSlot >= 0) this.#places[walk.leftSlot] = leftPlaceOf(order, place, groups)
    return this.#supply.outboard.pair(place, groups)
  }
}

/**
 * The response for a set of ranges: u64le size, then parents and leaves in pre-order as far as the ranges reach. At
 * `chunkGroupLog` 0 byte for byte a Bao slice (of everything: the combined encoding), at 4 what iroh sends. A range
 * beyond the end gives the last chunk, which proves the size.
 *
 * Nothing is verified: content that does not fit its outboard gives an encoding that its receiver refuses. The first piece
 * ends with the first leaf, the others have 64 KiB; what is read ahead is as much, and never outside the ranges' groups.
 *
 * @returns pieces of the caller's own, read from `data` only as they are asked for.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when size and outboard do not fit each other.
 * @throws the reason of `options.signal`; whatever `readAt` throws.
 * @example for await (const piece of encodeRanges({ data, outboard, size }, ChunkRanges.fromByteRanges([{ start: 5_000_000 }]))) socket.write(piece)
 */
export async function* encodeRanges(
  blob: VerifiableBlob,
  ranges: ChunkRanges = ChunkRanges.all,
  options: EncodeOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, signal } = options
  const size = checkSize(blob.size)
  const selection = ranges.truncate(size)
  const walk = new PreOrderWalk(chunkCountOf(size), checkChunkGroupLog(chunkGroupLog), selection)
  const items = new Items(walk, new Supply(blob, size, selection))

  let piece = new Uint8Array(PIECE_BYTES)
  writeSize(piece, 0, size)
  let held = HEADER_BYTES
  let isFirst = true
  for (;;) {
    signal?.throwIfAborted()
    const next = items.next()
    const item = next instanceof Promise ? await orAbort(next, signal) : next
    if (item === undefined) break
    for (let at = 0; at < item.length; ) {
      const taken = Math.min(item.length - at, PIECE_BYTES - held)
      piece.set(at === 0 && taken === item.length ? item : item.subarray(at, at + taken), held)
      held += taken
      at += taken
      if (held < PIECE_BYTES && !(isFirst && walk.isLeaf && at === item.length)) continue
      yield piece.subarray(0, held)
      signal?.throwIfAborted()
      isFirst = false
      piece = new Uint8Array(PIECE_BYTES)
      held = 0
    }
  }
  if (held > 0) yield piece.subarray(0, held)
}

/**
 * The combined encoding of a whole blob. Parents come before what they prove, so the content is read twice: it must be
 * something that can be (bytes, a Blob or File, a file handle), not a stream.
 *
 * @returns pieces of the caller's own.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for a stream.
 * @example for await (const piece of encode(await fromFileHandle(handle))) process.stdout.write(piece)
 */
export async function* encode(source: RandomAccess, options: EncodeOptions = {}): AsyncGenerator<Uint8Array, void, void> {
  if (!isRandomAccess(source))
    throw new VerifyError('VERIFY_BAD_ARGUMENT', 'encode() reads its source twice: bytes, a Blob or an object with `size` and `readAt`')
  const { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, signal } = options
  const { outboard, size } = await createOutboard(source, { chunkGroupLog, signal })
  yield* encodeRanges({ data: source, outboard, size }, ChunkRanges.all, options)
}

/** Octets of the response for `ranges`, without making it. */
export function encodedBytesOf(
  size: number,
  ranges: ChunkRanges = ChunkRanges.all,
  chunkGroupLog: number = CHUNK_GROUP_LOG_DEFAULT,
): number {
  const walk = new PreOrderWalk(chunkCountOf(checkSize(size)), checkChunkGroupLog(chunkGroupLog), ranges.truncate(size))
  let bytes = HEADER_BYTES
  while (walk.next()) {
    if (!walk.isLeaf) bytes += PAIR_BYTES
    if (!walk.isWhole) continue
    bytes += Math.min(walk.count * CHUNK_BYTES, size - walk.start * CHUNK_BYTES)
    if (walk.isLeaf) continue
    bytes += (Math.ceil(walk.count / 2 ** chunkGroupLog) - 2) * PAIR_BYTES
    walk.skipChildren()
  }
  return bytes
}
