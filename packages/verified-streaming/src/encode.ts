/**
 * Writes encodings: the whole of a blob, or the response for a set of ranges, in pieces of one size. Parents above the
 * outboard's groups come from the outboard; those inside a group that is sent in part, or that the outboard is too coarse
 * for, are computed from the group's bytes. So an encoding can be begun at any of its items (`encode-from.ts`).
 */
import { takeAll } from './byte-source.ts'
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, HEADER_BYTES, PAIR_BYTES, WALK_SLOTS } from './constants.ts'
import { refuse } from './errors.ts'
import { GroupTree } from './group-tree.ts'
import { after, type Later, orAbort } from './later.ts'
import { readOutboard, writeSize } from './outboard.ts'
import { createOutboardBuilder } from './outboard-builder.ts'
import type { OutboardOrder } from './places.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { asReadAt, type RandomAccess } from './random-access.ts'
import { checkChunkGroupLog, checkSize, chunkCountOf } from './tree.ts'
import { windowOn } from './window.ts'

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
  /**
   * Of `encodeRanges` and `encodeRangesFrom`: told where each leaf ends, in octets of the encoding, before the piece that ends there or goes on behind it. Up to
   * there a receiver can verify everything, so this is where a sender may pause.
   */
  readonly onUnitEnd?: ((offset: number) => void) | undefined
  /**
   * Of `encodeRanges` and `encodeRangesFrom`: gives memory of just so many octets, whatever is in it, into which the next piece is written. For a sender who knows when
   * a piece has left, and has its memory written anew. @default a fresh one for each
   */
  readonly newPiece?: ((bytes: number) => Uint8Array<ArrayBuffer>) | undefined
}

/** Octets of a piece, and of what is read of the content at once until a first piece of it was. */
const PIECE_BYTES = 64 * 1024
/** And afterwards: whoever takes so much takes more, and each read has a price of its own. */
const READ_BYTES_MAX = 256 * 1024

/** The items of an encoding in the order of `walk`, whose next node has been taken: each a view that is valid until the next. */
function itemsOf(
  { data, outboard, order }: VerifiableBlob,
  size: number,
  selection: ChunkRanges,
  chunkGroupLog: number,
): { walk: PreOrderWalk; item: () => Later<Uint8Array> } {
  const source = asReadAt(data)
  if (source.size < size) refuse(`data of ${size} bytes`, source.size)
  const content = windowOn(source)
  const pairs = readOutboard(asReadAt(outboard), size, order)
  const walk = new PreOrderWalk(chunkCountOf(size), chunkGroupLog, selection, order, pairs.chunkGroupLog)
  const groupChunks = 2 ** pairs.chunkGroupLog
  const tree = new GroupTree(0, pairs.chunkGroupLog)
  let first: number | undefined

  /** Content of some chunks, read ahead only within what is selected. */
  function read(start: number, count: number): Later<Uint8Array> {
    const from = start * CHUNK_BYTES
    first ??= from
    const end = Math.min(from + count * CHUNK_BYTES, size)
    const readBytes = from - first < PIECE_BYTES ? PIECE_BYTES : READ_BYTES_MAX
    const ahead = Math.min(from + readBytes, selection.runEnd(start) * CHUNK_BYTES, size)
    return content(from, end - from, from, Math.max(end, ahead))
  }

  function item(): Later<Uint8Array> {
    const { start, count } = walk
    if (walk.isLeaf) return read(start, count)
    if (count > groupChunks) return pairs.pair(walk.place, walk.groups())
    const group = start - (start % groupChunks)
    if (tree.start === group) return tree.pair(start, count)
    return after(read(group, groupChunks), (bytes) => {
      tree.compute(bytes, 0, bytes.length, group)
      return tree.pair(start, count)
    })
  }

  return { walk, item }
}

/**
 * The response for a set of ranges: u64le size, then parents and leaves in pre-order as far as the ranges reach. At
 * `chunkGroupLog` 0 byte for byte a Bao slice (of everything: the combined encoding), at 4 what iroh sends. A range
 * beyond the end gives the last chunk, which proves the size.
 *
 * Nothing is verified: content that does not fit its outboard gives an encoding that its receiver refuses. The first piece
 * ends with the first leaf, the others have 64 KiB; as much is read at once, then up to 256 KiB, and never outside the ranges' groups.
 *
 * @returns pieces of the caller's own, read from `data` only as they are asked for.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when size and outboard do not fit each other, or memory of `newPiece` is not as long as was asked for.
 * @throws the reason of `options.signal`; whatever `readAt` or `readInto` throws.
 * @example for await (const piece of encodeRanges({ data, outboard, size }, ChunkRanges.fromByteRanges([{ start: 5_000_000 }]))) socket.write(piece)
 */
export function encodeRanges(
  blob: VerifiableBlob,
  ranges: ChunkRanges = ChunkRanges.all,
  options: EncodeOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  return piecesOf(blob, ranges, options)
}

const freshPiece = (bytes: number): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

function madeBy(newPiece: typeof freshPiece, bytes: number): Uint8Array<ArrayBuffer> {
  const piece = newPiece(bytes)
  return piece.length === bytes ? piece : refuse(`a piece of ${bytes} bytes`, piece.length)
}

/** The item that pieces begin in: where it begins, in octets of the encoding, and how many of its octets are left out. */
export type FirstItem = readonly [placed: number, at: number]

/** @param begin - takes nodes of the walk up to the item that is the first one; `undefined` where nothing is left. @default the header, no node */
export async function* piecesOf(
  blob: VerifiableBlob,
  ranges: ChunkRanges,
  { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, signal, onUnitEnd, newPiece = freshPiece }: EncodeOptions,
  begin?: (walk: PreOrderWalk) => FirstItem | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const size = checkSize(blob.size)
  const { walk, item } = itemsOf(blob, size, ranges.truncate(size), checkChunkGroupLog(chunkGroupLog))
  signal?.throwIfAborted()
  const first = begin ? begin(walk) : [0, 0]
  if (!first) return

  const header = new Uint8Array(HEADER_BYTES)
  writeSize(header, 0, size)
  // Up to the first leaf lies no more than one parent a level.
  const firstBytes = Math.min(PIECE_BYTES, HEADER_BYTES + WALK_SLOTS * PAIR_BYTES + CHUNK_BYTES * 2 ** chunkGroupLog)
  let piece: Uint8Array<ArrayBuffer> | undefined
  let held = 0
  let isFirst = true
  let [placed, at] = first
  let next: Later<Uint8Array> | false = placed > 0 ? item() : header
  for (; next; next = walk.next() && item()) {
    const bytes = next instanceof Promise ? await orAbort(next, signal) : next
    placed += bytes.length
    do {
      piece ??= madeBy(newPiece, isFirst ? firstBytes : PIECE_BYTES)
      const taken = Math.min(bytes.length - at, piece.length - held)
      piece.set(taken === bytes.length ? bytes : bytes.subarray(at, at + taken), held)
      held += taken
      at += taken
      const isLeafEnd = walk.isLeaf && at === bytes.length
      if (isLeafEnd) onUnitEnd?.(placed)
      if (held === piece.length || (isFirst && isLeafEnd)) {
        yield piece.subarray(0, held)
        isFirst = false
        piece = undefined
        held = 0
      }
      signal?.throwIfAborted()
    } while (at < bytes.length) // the leaf of the empty blob is one too
    at = 0
  }
  if (piece && held > 0) yield piece.subarray(0, held)
}

/**
 * The combined encoding of a whole blob. Parents come before what they prove, so the content is read twice: it must be
 * something that can be (bytes, a Blob or File, a file handle), not a stream. It is hashed on this thread: for large content on
 * several cores, `createOutboard` and then `encodeRanges`.
 *
 * @returns pieces of the caller's own.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` for a stream.
 * @example for await (const piece of encode(await fromFileHandle(handle))) process.stdout.write(piece)
 */
export async function* encode(source: RandomAccess, options: EncodeOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  asReadAt(source)
  const builder = createOutboardBuilder({ chunkGroupLog: options.chunkGroupLog })
  await takeAll(source, options.signal, (bytes) => builder.update(bytes))
  const { outboard, size } = builder.finish()
  yield* encodeRanges({ data: source, outboard, size }, ChunkRanges.all, options)
}
