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
import { VerifyError } from './errors.ts'
import { parentMatches, subtreeCvs, subtreeMatches } from './kernel/index.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { checkChunkGroupLog, checkRoot, checkSize, chunkCountOf } from './tree.ts'
import { WholeSubtree } from './whole-subtree.ts'

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

/** Hears of a verified parent over `count` chunks from `start`: 64 bytes of `bytes` at `offset`, a view like that of a part. */
export type ParentListener = (start: number, count: number, bytes: Uint8Array, offset: number) => void

const CV_WORDS = HASH_BYTES / 4
const EMPTY = new Uint8Array(0)

export class Decoder {
  readonly #ranges: ChunkRanges
  readonly #chunkGroupLog: number
  readonly #maxSize: number
  readonly #onParent: ParentListener | undefined
  /** Expected values of the nodes that wait, by slot. */
  readonly #cvs = new Uint8Array(WALK_SLOTS * HASH_BYTES)
  readonly #words = new Int32Array(this.#cvs.buffer)
  readonly #fresh = new Uint8Array(PAIR_BYTES)
  #walk: PreOrderWalk | undefined
  #groups: WholeSubtree | undefined
  #size: ContentSize = UNKNOWN_SIZE
  #claimed = 0
  #failure: VerifyError | undefined

  /** Octets that the item in hand has; 0 when a new one is to be taken. */
  #need = HEADER_BYTES
  #isDone = false
  #input: Uint8Array = EMPTY
  #position = 0
  #carry = new Uint8Array(PAIR_BYTES)
  #carried = 0
  /** Where the item in hand lies once it is whole. */
  #item: Uint8Array = this.#input
  #itemAt = 0

  constructor(root: Uint8Array, options: DecoderOptions = {}, onParent?: ParentListener) {
    const { ranges = ChunkRanges.all, chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, maxSize = Number.MAX_SAFE_INTEGER } = options
    this.#cvs.set(checkRoot(root))
    this.#ranges = ranges
    this.#chunkGroupLog = checkChunkGroupLog(chunkGroupLog)
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

  /** Input not used: what follows the encoding, once it is done. */
  get rest(): Uint8Array {
    return this.#input.subarray(this.#position)
  }

  /** Hands in more, once `next` has answered `undefined`. Borrowed until `next` answers `undefined` again. */
  push(input: Uint8Array): void {
    if (this.#position < this.#input.length) throw new VerifyError('VERIFY_BAD_ARGUMENT', 'push() before the last input was used up')
    this.#input = input
    this.#position = 0
  }

  /**
   * The next verified part; `undefined` when more input is needed or the encoding is done.
   *
   * @throws {VerifyError} `VERIFY_MISMATCH`, `VERIFY_TOO_LARGE`; then the same at every later call.
   */
  next(): VerifiedPart | undefined {
    if (this.#failure !== undefined) throw this.#failure
    while (!this.#isDone) {
      if (this.#need === 0 && !this.#takeNode()) break
      const walk = this.#walk
      if (walk?.isWhole && !walk.isLeaf) {
        const part = this.#subtree(walk)
        if (part !== undefined) return part
      }
      if (!this.#gather()) return undefined
      const length = this.#need
      this.#need = 0
      const part = walk === undefined ? this.#header() : walk.isLeaf ? this.#leaf(walk, length) : this.#parent(walk)
      if (part !== undefined) return part
    }
    this.#isDone = true
    return undefined
  }

  /** Says that no input follows. @throws {VerifyError} `VERIFY_TRUNCATED` unless the encoding is done. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isDone) return
    const walk = this.#walk
    const offset = walk === undefined ? 0 : walk.start * CHUNK_BYTES
    this.#fail(
      'VERIFY_TRUNCATED',
      walk === undefined ? 'the encoding ends within its header' : `the encoding ends before the node at byte ${offset}`,
      { offset },
    )
  }

  #takeNode(): boolean {
    const walk = this.#walk!
    if (!walk.next()) return false
    this.#need = walk.isLeaf ? this.#leafBytes(walk) : PAIR_BYTES
    return true
  }

  /**
   * A subtree selected whole that is all there, verified at once: two groups that lie side by side behind their parent, or
   * several small ones. Nothing where it is not like that, or not true: then it goes node by node, and is refused there.
   */
  #subtree(walk: PreOrderWalk): VerifiedPart | undefined {
    const { start, count } = walk
    const log = this.#chunkGroupLog
    const isPair = count <= 2 * 2 ** log
    if (this.#carried > 0 || (!isPair && !WholeSubtree.takes(count, log))) return undefined
    const at = this.#position
    const contentBytes = this.#leafBytes(walk)
    const end = at + WholeSubtree.encodedBytes(count, contentBytes, log)
    if (end > this.#input.length) return undefined
    const bytes = isPair ? this.#pairOf(walk, at, end) : this.#groupsOf(walk, at, contentBytes)
    if (bytes === undefined) return undefined
    walk.skipChildren()
    this.#position = end
    this.#need = 0
    this.#proveSize(walk)
    return { offset: start * CHUNK_BYTES, bytes }
  }

  /** Two groups in one call of the kernel, where they lie. */
  #pairOf(walk: PreOrderWalk, at: number, end: number): Uint8Array | undefined {
    const item = this.#input
    const { start, count, slot } = walk
    if (!parentMatches(item, at, count === walk.chunkCount, this.#words, slot * CV_WORDS)) return undefined
    subtreeCvs(item, at + PAIR_BYTES, end, start, this.#chunkGroupLog, this.#fresh, 0)
    for (let i = 0; i < PAIR_BYTES; i++) if (this.#fresh[i] !== item[at + i]) return undefined
    this.#onParent?.(start, count, item, at)
    return item.subarray(at + PAIR_BYTES, end)
  }

  /** Several groups, their chunks hashed side by side; their content is put together in memory of our own. */
  #groupsOf(walk: PreOrderWalk, at: number, contentBytes: number): Uint8Array | undefined {
    const item = this.#input
    const { start, count, slot } = walk
    const groups = (this.#groups ??= new WholeSubtree(this.#chunkGroupLog))
    if (!groups.verify(item, at, start, count, contentBytes, count === walk.chunkCount, this.#words, slot * CV_WORDS)) return undefined
    const listener = this.#onParent
    if (listener !== undefined)
      groups.parents(at, start, count, contentBytes, (first, chunks, place) => listener(first, chunks, item, place))
    return groups.content.subarray(0, contentBytes)
  }

  #leafBytes(walk: PreOrderWalk): number {
    return Math.min(walk.count * CHUNK_BYTES, this.#claimed - walk.start * CHUNK_BYTES)
  }

  /** Whether the item in hand is whole, in one piece: where it lies in the input, or put together from several. */
  #gather(): boolean {
    const there = this.#input.length - this.#position
    if (this.#carried === 0 && there >= this.#need) {
      this.#item = this.#input
      this.#itemAt = this.#position
      this.#position += this.#need
      return true
    }
    const taken = Math.min(there, this.#need - this.#carried)
    this.#reserve(this.#carried + taken)
    this.#carry.set(this.#input.subarray(this.#position, this.#position + taken), this.#carried)
    this.#position += taken
    this.#carried += taken
    if (this.#carried < this.#need) return false
    this.#carried = 0
    this.#item = this.#carry
    this.#itemAt = 0
    return true
  }

  /** Grows with what has really come, at most eightfold, never by what was announced. */
  #reserve(length: number): void {
    if (length <= this.#carry.length) return
    const groupBytes = CHUNK_BYTES * 2 ** this.#chunkGroupLog
    const wanted = Math.max(length, 4 * this.#carry.length)
    const grown = new Uint8Array(2 * wanted > groupBytes ? Math.max(groupBytes, PAIR_BYTES) : wanted)
    grown.set(this.#carry.subarray(0, this.#carried))
    this.#carry = grown
  }

  #header(): undefined {
    const view = new DataView(this.#item.buffer, this.#item.byteOffset + this.#itemAt, HEADER_BYTES)
    const size = view.getBigUint64(0, true)
    if (size > BigInt(this.#maxSize)) {
      this.#fail('VERIFY_TOO_LARGE', `the encoding says ${size} bytes, at most ${this.#maxSize} are accepted`, {
        size: String(size),
        maxSize: this.#maxSize,
      })
    }
    this.#claimed = Number(size)
    this.#size = { state: 'unverified', claimed: this.#claimed }
    this.#walk = new PreOrderWalk(chunkCountOf(this.#claimed), this.#chunkGroupLog, this.#ranges.truncate(this.#claimed))
  }

  #parent(walk: PreOrderWalk): undefined {
    const item = this.#item
    const at = this.#itemAt
    const isRoot = walk.count === walk.chunkCount
    if (!parentMatches(item, at, isRoot, this.#words, walk.slot * CV_WORDS)) this.#mismatch('parent', walk.start, walk.count)
    if (this.#onParent !== undefined) this.#onParent(walk.start, walk.count, item, at)
    if (walk.leftSlot >= 0) this.#expect(walk.leftSlot, item, at)
    if (walk.rightSlot >= 0) this.#expect(walk.rightSlot, item, at + HASH_BYTES)
  }

  #leaf(walk: PreOrderWalk, length: number): VerifiedPart | undefined {
    const item = this.#item
    const at = this.#itemAt
    const end = at + length
    const { start, count, slot } = walk
    if (!subtreeMatches(item, at, end, start, count === walk.chunkCount, this.#words, slot * CV_WORDS)) this.#mismatch('leaf', start, count)
    this.#proveSize(walk)
    return length === 0 ? undefined : { offset: start * CHUNK_BYTES, bytes: item.subarray(at, end) }
  }

  /** After the node in hand, leaf or subtree, was found true. */
  #proveSize(walk: PreOrderWalk): void {
    if (walk.start + walk.count === walk.chunkCount) this.#size = { state: 'verified', bytes: this.#claimed }
  }

  #expect(slot: number, item: Uint8Array, at: number): void {
    const cvs = this.#cvs
    for (let i = 0; i < HASH_BYTES; i++) cvs[slot * HASH_BYTES + i] = item[at + i]!
  }

  #mismatch(what: 'parent' | 'leaf', start: number, count: number): never {
    const offset = start * CHUNK_BYTES
    const end = Math.min(offset + count * CHUNK_BYTES, this.#claimed)
    this.#fail('VERIFY_MISMATCH', `${what} of bytes ${offset} to ${end} does not belong to the root`, { what, offset, end })
  }

  #fail(code: VerifyError['code'], message: string, details: Record<string, number | string>): never {
    this.#failure = new VerifyError(code, message, details)
    throw this.#failure
  }
}
