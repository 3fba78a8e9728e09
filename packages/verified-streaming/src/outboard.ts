/**
 * An outboard: every parent of a tree above its chunk groups, 64 bytes each, in pre-order (Bao, iroh's `.obao4`) or
 * post-order (children first, so that it can be written while data arrives). Nothing in it says which; a u64le size may stand
 * before a pre-order outboard (Bao) or behind a post-order one. Places of nodes follow from the counts of groups alone.
 */
import { CHUNK_BYTES, CHUNK_GROUP_LOG_MAX, HEADER_BYTES, PAIR_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import type { ReadAt } from './random-access.ts'
import { groupCountOf, leftCountOf, outboardBytesOf } from './tree.ts'

export type OutboardOrder = 'pre' | 'post'

/** Where the pair of a node's left and right child lies, given its own place and the groups under it. */
export function leftPlaceOf(order: OutboardOrder, place: number, groups: number): number {
  if (order === 'pre') return place + 1
  return place - 1 - (groups - leftCountOf(groups) - 1)
}

export function rightPlaceOf(order: OutboardOrder, place: number, groups: number): number {
  return order === 'pre' ? place + leftCountOf(groups) : place - 1
}

/** Place of the root's pair. */
export function rootPlaceOf(order: OutboardOrder, groups: number): number {
  return order === 'pre' ? 0 : groups - 2
}

/** How an outboard is laid out, told from its length: counts of groups of different sizes never agree above one group. */
export interface OutboardLayout {
  readonly chunkGroupLog: number
  /** Octets before the first pair. */
  readonly pairsAt: number
  /** Where the length field lies, if there is one. */
  readonly sizeAt: number | undefined
}

/**
 * @param chunkGroupLog - where known; else the one that fits the length.
 * @throws {VerifyError} `VERIFY_BAD_ARGUMENT` when no group size gives an outboard of that length.
 */
export function layoutOf(outboardBytes: number, size: number, order: OutboardOrder, chunkGroupLog?: number): OutboardLayout {
  const first = chunkGroupLog ?? 0
  const last = chunkGroupLog ?? CHUNK_GROUP_LOG_MAX
  for (let log = first; log <= last; log++) {
    const pairs = outboardBytesOf(size, log)
    if (outboardBytes === pairs) return { chunkGroupLog: log, pairsAt: 0, sizeAt: undefined }
    if (outboardBytes === pairs + HEADER_BYTES) {
      return { chunkGroupLog: log, pairsAt: order === 'pre' ? HEADER_BYTES : 0, sizeAt: order === 'pre' ? 0 : pairs }
    }
  }
  throw new VerifyError('VERIFY_BAD_ARGUMENT', `an outboard of ${outboardBytes} bytes does not fit a blob of ${size}`, {
    outboardBytes,
    size,
  })
}

/** Pairs read at once from random access: one read for each MiB of content at 16 KiB groups. */
const WINDOW_PAIRS = 64

/** Reads pairs by place, keeping a window of those around the last one read: a subtree's pairs lie together in both orders. */
export class OutboardReader {
  readonly order: OutboardOrder
  readonly chunkGroupLog: number
  readonly groupCount: number
  readonly #source: ReadAt
  readonly #pairsAt: number
  readonly #sizeAt: number | undefined
  #window: Uint8Array = new Uint8Array(0)
  #windowFirst = 0

  constructor(source: ReadAt, size: number, order: OutboardOrder, chunkGroupLog?: number) {
    const layout = layoutOf(source.size, size, order, chunkGroupLog)
    this.order = order
    this.chunkGroupLog = layout.chunkGroupLog
    this.groupCount = groupCountOf(size, layout.chunkGroupLog)
    this.#source = source
    this.#pairsAt = layout.pairsAt
    this.#sizeAt = layout.sizeAt
  }

  /** The size that the outboard itself names, if it does; beyond 2^53 not exactly. */
  async namedSize(): Promise<number | undefined> {
    if (this.#sizeAt === undefined) return undefined
    const field = await this.#source.readAt(this.#sizeAt, HEADER_BYTES)
    return Number(new DataView(field.buffer, field.byteOffset).getBigUint64(0, true))
  }

  /** Left and right value of the node at `place` over `groups` groups: a view, valid until the next call. */
  pair(place: number, groups: number): Uint8Array | Promise<Uint8Array> {
    const held = this.#pairOfWindow(place)
    if (held !== undefined) return held
    const pairs = Math.min(groups - 1, WINDOW_PAIRS)
    const first = this.order === 'pre' ? place : place - pairs + 1
    const read = this.#source.readAt(this.#pairsAt + first * PAIR_BYTES, pairs * PAIR_BYTES)
    if (read instanceof Uint8Array) return this.#keep(read, first, place)
    return read.then((bytes) => this.#keep(bytes, first, place))
  }

  #keep(bytes: Uint8Array, first: number, place: number): Uint8Array {
    this.#window = bytes
    this.#windowFirst = first
    return this.#pairOfWindow(place)!
  }

  #pairOfWindow(place: number): Uint8Array | undefined {
    const at = (place - this.#windowFirst) * PAIR_BYTES
    return at >= 0 && at + PAIR_BYTES <= this.#window.length ? this.#window.subarray(at, at + PAIR_BYTES) : undefined
  }
}

/** Rearranges the pairs of a tree of `groups` groups, without length field. Writes to `target`, which has their length. */
export function reorderOutboard(source: Uint8Array, from: OutboardOrder, target: Uint8Array, to: OutboardOrder, groups: number): void {
  const stack = groups > 1 ? [{ groups, from: rootPlaceOf(from, groups), to: rootPlaceOf(to, groups) }] : []
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    target.set(source.subarray(node.from * PAIR_BYTES, (node.from + 1) * PAIR_BYTES), node.to * PAIR_BYTES)
    const left = leftCountOf(node.groups)
    const right = node.groups - left
    if (right > 1)
      stack.push({ groups: right, from: rightPlaceOf(from, node.from, node.groups), to: rightPlaceOf(to, node.to, node.groups) })
    if (left > 1) stack.push({ groups: left, from: leftPlaceOf(from, node.from, node.groups), to: leftPlaceOf(to, node.to, node.groups) })
  }
}

/** u64le. */
export function writeSize(target: Uint8Array, offset: number, size: number): void {
  new DataView(target.buffer, target.byteOffset, target.byteLength).setBigUint64(offset, BigInt(size), true)
}

/** Octets of one chunk group. */
export function groupBytesOf(chunkGroupLog: number): number {
  return CHUNK_BYTES * 2 ** chunkGroupLog
}
