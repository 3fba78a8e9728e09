/**
 * Root and outboard of bytes that arrive in pieces of any length, hashing each group as soon as it is whole. Parents are
 * kept in the order in which they become known, which is post-order; pre-order is arranged at the end.
 *
 * A value is merged with its left neighbour only when a further group has begun, because the last merge of all needs the
 * root flag. For the same reason the first group waits until a second one begins. Memory: the outboard (twice while it is
 * arranged), one group, one value a level.
 */
import { CHUNK_BYTES, CHUNK_GROUP_LOG_DEFAULT, HASH_BYTES, HEADER_BYTES, PAIR_BYTES, WALK_SLOTS } from './constants.ts'
import { VerifyError } from './errors.ts'
import { parentCv, subtreeCv, subtreeCvs } from './kernel/index.ts'
import { groupBytesOf, type OutboardOrder, reorderOutboard, writeSize } from './outboard.ts'
import { checkChunkGroupLog, groupCountOf } from './tree.ts'

export interface OutboardOptions {
  /** Chunk groups of 2^chunkGroupLog KiB, 0 to 10. @default 4 (16 KiB, as iroh) */
  readonly chunkGroupLog?: number | undefined
  /** Parents before their children (Bao, iroh's files) or after them. @default 'pre' */
  readonly order?: OutboardOrder | undefined
  /**
   * Whether a u64le size stands in it: before the pairs in pre-order, behind them in post-order.
   * @default true at `chunkGroupLog` 0 in pre-order, which makes it Bao's outboard; false otherwise, as bao-tree's
   */
  readonly lengthField?: boolean | undefined
}

export interface Outboard {
  /** BLAKE3 hash of the content, 32 bytes: the same for every group size. */
  readonly root: Uint8Array
  readonly size: number
  readonly outboard: Uint8Array
}

export interface OutboardBuilder {
  /** Takes the next bytes; they are the caller's again when it returns. */
  update(bytes: Uint8Array): OutboardBuilder
  /** Once, at the end. */
  finish(): Outboard
}

/** Pairs are collected in pieces of this many, so that growing copies nothing. */
const SEGMENT_PAIRS = 1024
/** Values asked of the kernel in one call. */
const CVS_AT_ONCE = 64

/** The builder, with a second way in for values that workers made. */
export class TreeBuilder implements OutboardBuilder {
  readonly #log: number
  readonly #order: OutboardOrder
  readonly #lengthField: boolean
  readonly #groupBytes: number
  /** The group that is not whole yet, or the first one. */
  readonly #tail: Uint8Array
  #held = 0
  #size = 0
  #groups = 0
  #isFinished = false
  /** Values of finished subtrees, largest first, side by side: the last two are the pair to be merged next. */
  readonly #stack = new Uint8Array((WALK_SLOTS + 1) * HASH_BYTES)
  #depth = 0
  readonly #fresh = new Uint8Array(CVS_AT_ONCE * HASH_BYTES)
  readonly #segments: Uint8Array[] = []
  #pairs = 0

  constructor(options: OutboardOptions) {
    const { chunkGroupLog = CHUNK_GROUP_LOG_DEFAULT, order = 'pre' } = options
    this.#log = checkChunkGroupLog(chunkGroupLog)
    this.#order = order
    this.#lengthField = options.lengthField ?? (chunkGroupLog === 0 && order === 'pre')
    this.#groupBytes = groupBytesOf(this.#log)
    this.#tail = new Uint8Array(this.#groupBytes)
  }

  update(bytes: Uint8Array): this {
    if (this.#isFinished) throw new VerifyError('VERIFY_BAD_ARGUMENT', 'update() after finish()')
    if (this.#size + bytes.length > Number.MAX_SAFE_INTEGER) throw new VerifyError('VERIFY_TOO_LARGE', 'content above 2^53-1 bytes')
    this.#size += bytes.length
    let at = 0
    if (this.#held > 0) {
      at = Math.min(bytes.length, this.#groupBytes - this.#held)
      this.#tail.set(bytes.subarray(0, at), this.#held)
      this.#held += at
      if (this.#held < this.#groupBytes || (this.#groups === 0 && at === bytes.length)) return this
      this.#addGroups(this.#tail, 0, this.#groupBytes)
      this.#held = 0
    }
    const rest = bytes.length - at
    const keepsAll = this.#groups === 0 && rest <= this.#groupBytes
    const whole = keepsAll ? at : at + rest - (rest % this.#groupBytes)
    this.#addGroups(bytes, at, whole)
    this.#tail.set(bytes.subarray(whole))
    this.#held = bytes.length - whole
    return this
  }

  /**
   * Takes the values of the next whole groups instead of their bytes; the last of a blob may be short. Only where `update`
   * has left no group begun, and only of blobs of more than one group.
   */
  addCvs(cvs: Uint8Array, bytes: number): void {
    this.#size += bytes
    for (let at = 0; at < cvs.length; at += this.#fresh.length) {
      const some = cvs.subarray(at, at + this.#fresh.length)
      this.#fresh.set(some)
      for (let i = 0; i < some.length; i += HASH_BYTES) this.#push(i)
    }
  }

  finish(): Outboard {
    if (this.#isFinished) throw new VerifyError('VERIFY_BAD_ARGUMENT', 'finish() a second time')
    this.#isFinished = true
    if (this.#groups === 0) subtreeCv(this.#tail, 0, this.#held, 0, true, this.#stack, 0)
    else {
      if (this.#held > 0) this.#addGroups(this.#tail, 0, this.#held)
      while (this.#depth > 1) this.#merge(this.#depth === 2)
    }
    return { root: this.#stack.slice(0, HASH_BYTES), size: this.#size, outboard: this.#arrange() }
  }

  /** Hashes whole groups, or the last short one, of a blob that has more than one. */
  #addGroups(bytes: Uint8Array, start: number, end: number): void {
    const stepBytes = CVS_AT_ONCE * this.#groupBytes
    for (let at = start; at < end; at += stepBytes) {
      const startChunk = this.#groups * (this.#groupBytes / CHUNK_BYTES)
      const count = subtreeCvs(bytes, at, Math.min(end, at + stepBytes), startChunk, this.#log, this.#fresh, 0)
      for (let i = 0; i < count; i++) this.#push(i * HASH_BYTES)
    }
  }

  /** Adds the value of the next group, after the merges which its predecessors were waiting for. */
  #push(freshAt: number): void {
    for (let merged = this.#groups; merged > 0 && merged % 2 === 0; merged /= 2) this.#merge(false)
    const at = this.#depth++ * HASH_BYTES
    for (let i = 0; i < HASH_BYTES; i++) this.#stack[at + i] = this.#fresh[freshAt + i]!
    this.#groups++
  }

  #merge(isRoot: boolean): void {
    const at = (this.#depth - 2) * HASH_BYTES
    const place = this.#pairs++ % SEGMENT_PAIRS
    if (place === 0) this.#segments.push(new Uint8Array(SEGMENT_PAIRS * PAIR_BYTES))
    const segment = this.#segments[this.#segments.length - 1]!
    for (let i = 0; i < PAIR_BYTES; i++) segment[place * PAIR_BYTES + i] = this.#stack[at + i]!
    parentCv(this.#stack, at, isRoot, this.#stack, at)
    this.#depth--
  }

  #arrange(): Uint8Array {
    const length = this.#pairs * PAIR_BYTES
    const post = new Uint8Array(length)
    this.#segments.forEach((segment, i) =>
      post.set(segment.subarray(0, Math.min(segment.length, length - i * segment.length)), i * segment.length),
    )
    this.#segments.length = 0
    if (this.#order === 'post' && !this.#lengthField) return post
    const out = new Uint8Array(length + (this.#lengthField ? HEADER_BYTES : 0))
    const pairs = this.#order === 'pre' ? out.subarray(out.length - length) : out.subarray(0, length)
    reorderOutboard(post, 'post', pairs, this.#order, groupCountOf(this.#size, this.#log))
    if (this.#lengthField) writeSize(out, this.#order === 'pre' ? 0 : length, this.#size)
    return out
  }
}

/**
 * Root and outboard in push form, synchronous: for whoever hashes content while writing it.
 *
 * @example
 * const builder = createOutboardBuilder()
 * for await (const bytes of source) { builder.update(bytes); await file.write(bytes) }
 * const { root, size, outboard } = builder.finish()
 */
export function createOutboardBuilder(options: OutboardOptions = {}): OutboardBuilder {
  return new TreeBuilder(options)
}
