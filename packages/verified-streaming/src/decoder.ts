/**
 * The verifier of an encoding as a synchronous state machine: bytes in by `push`, verified parts out by `next`. It holds at
 * most one item of the encoding (a parent, or a leaf of one chunk group) and otherwise works on views of what was pushed.
 *
 * Invariants: a part is handed out only after its chunks and every parent above them were compared with the root; nothing is
 * allocated because an unverified length asks for it; work per byte is bounded by the tree's depth, at most 43 levels.
 */
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, HASH_BYTES, HEADER_BYTES, PAIR_BYTES, WALK_SLOTS } from './constants.ts'
import { type ContentSize, UNKNOWN_SIZE } from './content-size.ts'
import { errorOf, type VerifyError, type VerifyErrorCode } from './errors.ts'
import { GroupTree, placeInPerfect } from './group-tree.ts'
import { parentMatches, subtreeMatches } from './kernel/index.ts'
import { NodeInput } from './node-input.ts'
import { readSize } from './outboard.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { checkChunkGroupLog, checkRoot, checkSize, chunkCountOf, plainBytes } from './tree.ts'

/** Verified bytes and where they belong. */
export interface VerifiedPart {
  readonly offset: number
  /** A view, valid until the next part is asked for: copy what you keep. */
  readonly bytes: Uint8Array
}

export interface DecoderOptions {
  /** What the encoding was asked for: both ends must name the same set. @default ChunkRanges.all */
  readonly ranges?: ChunkRanges | undefined
  /** Chunk groups of 2^chunkGroupLog KiB, 0 to 10. @default 4 (16 KiB, as iroh) */
  readonly chunkGroupLog?: number | undefined
  /** Largest content accepted, in bytes. @default 2^53-1 */
  readonly maxSize?: number | undefined
}

/**
 * Hears of the verified parents of a subtree of `count` chunks from `start`, whose encoding is at `offset` of `bytes`, a view like that of
 * a part: with `depth` 1 of the topmost, else of all of a subtree of 2^depth groups.
 */
export type ParentListener = (start: number, count: number, bytes: Uint8Array, offset: number, depth: number) => void

const CV_WORDS = HASH_BYTES / 4
/** Small groups are verified so many chunks at a time, where all are there: then the kernel hashes them side by side. */
const CHUNKS_AT_ONCE_LOG = 4

/** Push form of `decode`, for whoever moves bytes without an iterator. */
export class Decoder {
  readonly #input: NodeInput
  readonly #ranges: ChunkRanges
  readonly #log: number
  readonly #maxSize: number
  readonly #onParent: ParentListener | undefined
  /** Expected values of the nodes that wait, by slot. */
  readonly #cvs = new Uint8Array(WALK_SLOTS * HASH_BYTES)
  readonly #words = new Int32Array(this.#cvs.buffer)
  #tree: GroupTree | undefined
  #joined: Uint8Array | undefined
  #walk: PreOrderWalk | undefined
  #size: ContentSize = UNKNOWN_SIZE
  #claimed = 0
  #verifiedOffset = 0
  #isDone = false
  #failure: VerifyError | undefined
  /** Octets of the node in hand, or of the header. */
  #need = HEADER_BYTES

  constructor(root: Uint8Array, options: DecoderOptions = {}, onParent?: ParentListener) {
    const { ranges = ChunkRanges.all, chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, maxSize = Number.MAX_SAFE_INTEGER } = options
    this.#cvs.set(checkRoot(root))
    this.#ranges = ranges
    this.#log = checkChunkGroupLog(chunkGroupLog)
    this.#input = new NodeInput(CHUNK_BYTES * 2 ** chunkGroupLog)
    this.#maxSize = checkSize(maxSize)
    this.#onParent = onParent
  }

  /** The content's size and whether it is proven. */
  get size(): ContentSize {
    return this.#size
  }

  /** Whether the encoding is over. What follows it in the last input is `rest`. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Octets of the encoding up to the end of the last leaf that was found true: all of them are verified. */
  get verifiedOffset(): number {
    return this.#verifiedOffset
  }

  /** Input not used: what follows the encoding, once it is done. */
  get rest(): Uint8Array {
    return this.#input.rest
  }

  /** Hands in more, once `next` has answered `undefined`. Borrowed until `next` answers `undefined` again. */
  push(input: Uint8Array): void {
    this.#input.push(plainBytes(input))
  }

  /**
   * The next verified part; `undefined` when more input is needed or the encoding is done.
   *
   * @throws {VerifyError} `VERIFY_MISMATCH`, `VERIFY_TOO_LARGE`; then the same at every later call.
   */
  next(): VerifiedPart | undefined {
    if (this.#failure) throw this.#failure
    while (!this.#isDone) {
      let walk = this.#walk
      let part = walk && this.#subtree(walk)
      if (!part) {
        if (!this.#input.gather(this.#need)) return undefined
        part = walk ? this.#node(walk) : this.#header()
      }
      walk = this.#walk!
      this.#isDone = !walk.next()
      this.#need = walk.isLeaf ? this.#leafBytes(walk) : PAIR_BYTES
      if (part) return part
    }
    return undefined
  }

  /** Says that no input follows. @throws {VerifyError} `VERIFY_TRUNCATED` unless the encoding is done. */
  end(): void {
    if (this.#failure) throw this.#failure
    if (!this.#isDone) this.#fail('VERIFY_TRUNCATED', { offset: (this.#walk?.start ?? 0) * CHUNK_BYTES })
  }

  /**
   * A subtree selected whole that is all there, verified at once: two groups that lie side by side behind their parent, or
   * several small ones, whose content is put together in memory of our own. Every parent is still compared. Nothing where it is not
   * like that, or not true: then it goes node by node, to hand on what is true and to name what is not.
   */
  #subtree(walk: PreOrderWalk): VerifiedPart | undefined {
    const { start, count } = walk
    const groups = walk.groups()
    if (!walk.isWhole || walk.isLeaf || (groups > 2 && count > 1 << CHUNKS_AT_ONCE_LOG)) return undefined
    const depth = 31 - Math.clz32(groups)
    const contentBytes = this.#leafBytes(walk)
    const input = this.#input
    const { bytes, position } = input
    const end = position + contentBytes + (groups - 1) * PAIR_BYTES
    if (groups !== 1 << depth || !input.has(end - position) || !this.#parentIsTrue(walk, bytes, position)) return undefined
    const tree = (this.#tree ??= new GroupTree(this.#log, Math.max(CHUNKS_AT_ONCE_LOG, this.#log + 1)))
    let part = bytes
    let from = position + PAIR_BYTES
    if (groups > 2) {
      // Groups lie side by side two by two.
      const groupBytes = CHUNK_BYTES << this.#log
      part = this.#joined ??= new Uint8Array(CHUNK_BYTES << CHUNKS_AT_ONCE_LOG)
      from = 0
      for (let group = 0; group < groups; group += 2) {
        const place = position + placeInPerfect(depth, 0, group, groupBytes)
        part.set(bytes.subarray(place, Math.min(place + 2 * groupBytes, end)), group * groupBytes)
      }
    }
    tree.compute(part, from, from + contentBytes, start)
    if (!tree.hasParents(bytes, position, depth)) return undefined
    this.#onParent?.(start, count, bytes, position, depth)
    walk.skipChildren()
    input.position = end
    return this.#part(walk, part.subarray(from, from + contentBytes))
  }

  #leafBytes({ start, count }: PreOrderWalk): number {
    return Math.min(count * CHUNK_BYTES, this.#claimed - start * CHUNK_BYTES)
  }

  #parentIsTrue({ slot, count, chunkCount }: PreOrderWalk, bytes: Uint8Array, at: number): boolean {
    return parentMatches(bytes, at, count === chunkCount, this.#words, slot * CV_WORDS)
  }

  #header(): undefined {
    const size = readSize(this.#input.item, this.#input.at)
    if (size > this.#maxSize) this.#fail('VERIFY_TOO_LARGE', { size: String(size), maxSize: this.#maxSize })
    const claimed = (this.#claimed = Number(size))
    this.#size = { state: 'unverified', claimed }
    this.#walk = new PreOrderWalk(chunkCountOf(claimed), this.#log, this.#ranges.truncate(claimed))
  }

  #node(walk: PreOrderWalk): VerifiedPart | undefined {
    const { start, count, slot, isLeaf } = walk
    const { item, at } = this.#input
    const end = at + this.#need
    const isTrue = isLeaf
      ? subtreeMatches(item, at, end, start, count === walk.chunkCount, this.#words, slot * CV_WORDS)
      : this.#parentIsTrue(walk, item, at)
    const offset = start * CHUNK_BYTES
    if (!isTrue) this.#fail('VERIFY_MISMATCH', { what: isLeaf ? 'leaf' : 'parent', offset, end: offset + this.#leafBytes(walk) })
    if (isLeaf) return this.#part(walk, item.subarray(at, end))
    this.#onParent?.(start, count, item, at, 1)
    this.#expect(walk.leftSlot, item, at)
    this.#expect(walk.rightSlot, item, at + HASH_BYTES)
    return undefined
  }

  #expect(slot: number, item: Uint8Array, at: number): void {
    if (slot >= 0) for (let i = 0; i < HASH_BYTES; i++) this.#cvs[slot * HASH_BYTES + i] = item[at + i]!
  }

  /** Of the node in hand, leaf or subtree, which was found true. The last one proves the size. */
  #part({ start, count, chunkCount }: PreOrderWalk, bytes: Uint8Array): VerifiedPart | undefined {
    this.#verifiedOffset = this.#input.offset
    if (start + count === chunkCount) this.#size = { state: 'verified', bytes: this.#claimed }
    return bytes.length > 0 ? { offset: start * CHUNK_BYTES, bytes } : undefined
  }

  #fail(code: VerifyErrorCode, details: Record<string, number | string>): never {
    throw (this.#failure = errorOf(code, details))
  }
}
