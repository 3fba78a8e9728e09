/**
 * A subtree of up to 16 chunks whose whole encoding is at hand, verified at once: with small groups (Bao's are one chunk) this
 * lets the kernel hash chunks in parallel, where going node by node would take them one at a time. Every parent in the encoding
 * is still compared, with the value that the content gives it. Gives up on the first difference; who calls then goes node by
 * node, to hand on what is true and to name what is not.
 */
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, PAIR_BYTES } from './constants.ts'
import { GroupTree } from './group-tree.ts'
import { parentMatches } from './kernel/index.ts'
import { PreOrderWalk } from './pre-order-walk.ts'

const CHUNKS_LOG_MAX = 4

/** The parents, and runs of leaves, of a subtree in the order of its encoding. */
type Layout = readonly { readonly start: number; readonly count: number; readonly isLeaf: boolean }[]

export class WholeSubtree {
  readonly #log: number
  readonly #tree = new GroupTree(CHUNKS_LOG_MAX)
  readonly #layouts: Layout[] = []
  /** The content last verified, without what stood between. A view of memory that is used again. */
  readonly content: Uint8Array = new Uint8Array(CHUNK_BYTES * 2 ** CHUNKS_LOG_MAX)

  constructor(chunkGroupLog: number) {
    this.#log = chunkGroupLog
  }

  /** Whether subtrees of `count` chunks are verified here. */
  static takes(count: number, chunkGroupLog: number): boolean {
    return chunkGroupLog < CHUNKS_LOG_MAX && count <= 2 ** CHUNKS_LOG_MAX && count > 2 ** chunkGroupLog
  }

  /** Octets of the encoding of `count` chunks with `contentBytes`. */
  static encodedBytes(count: number, contentBytes: number, chunkGroupLog: number): number {
    return contentBytes + (Math.ceil(count / 2 ** chunkGroupLog) - 1) * PAIR_BYTES
  }

  /** Whether the encoding at `item[at]` is of the subtree whose value stands at `expected[index]`. */
  verify(
    item: Uint8Array,
    at: number,
    start: number,
    count: number,
    contentBytes: number,
    isRoot: boolean,
    expected: Int32Array,
    index: number,
  ): boolean {
    if (!parentMatches(item, at, isRoot, expected, index)) return false
    const layout = this.#layoutOf(count)
    let from = at
    for (const node of layout) {
      const offset = node.start * CHUNK_BYTES
      const length = node.isLeaf ? Math.min(node.count * CHUNK_BYTES, contentBytes - offset) : PAIR_BYTES
      if (node.isLeaf) this.content.set(item.subarray(from, from + length), offset)
      from += length
    }
    this.#tree.compute(this.content, 0, contentBytes, start)
    from = at
    for (const node of layout) {
      if (node.isLeaf) from += Math.min(node.count * CHUNK_BYTES, contentBytes - node.start * CHUNK_BYTES)
      else {
        if (!this.#tree.hasPair(start + node.start, node.count, item, from)) return false
        from += PAIR_BYTES
      }
    }
    return true
  }

  /** Calls `each` for every parent of a subtree, with its place in the encoding at `at`. */
  parents(at: number, start: number, count: number, contentBytes: number, each: (start: number, count: number, at: number) => void): void {
    let from = at
    for (const node of this.#layoutOf(count)) {
      if (!node.isLeaf) each(start + node.start, node.count, from)
      from += node.isLeaf ? Math.min(node.count * CHUNK_BYTES, contentBytes - node.start * CHUNK_BYTES) : PAIR_BYTES
    }
  }

  #layoutOf(count: number): Layout {
    return (this.#layouts[count] ??= layoutOf(count, this.#log))
  }
}

function layoutOf(count: number, chunkGroupLog: number): Layout {
  const walk = new PreOrderWalk(count, chunkGroupLog, ChunkRanges.all)
  const layout: Layout[number][] = []
  while (walk.next()) {
    const { start, count, isLeaf } = walk
    const last = layout[layout.length - 1]
    // Neighbouring leaves lie side by side in the content too, and are copied as one.
    if (isLeaf && last?.isLeaf) layout[layout.length - 1] = { ...last, count: last.count + count }
    else layout.push({ start, count, isLeaf })
  }
  return layout
}
