/** Content that lies beside its outboard, held against a root: all of it, ranges of it, or whatever of it is still true. */
import { ChunkRanges } from './chunk-ranges.ts'
import { CHUNK_BYTES, HASH_BYTES, HEADER_BYTES, PAIR_BYTES, WALK_SLOTS } from './constants.ts'
import { VerifyError } from './errors.ts'
import { parentCv, subtreeCv } from './kernel/index.ts'
import { orAbort } from './later.ts'
import { type OutboardReader, readOutboard, readSize } from './outboard.ts'
import type { OutboardOrder } from './places.ts'
import { PreOrderWalk } from './pre-order-walk.ts'
import { asReadAt, type RandomAccess, type ReadAt } from './random-access.ts'
import { checkRoot, checkSize, chunkCountOf } from './tree.ts'

export interface VerifyRangesOptions {
  /** Of the content. @default the size of `data` */
  readonly size?: number | undefined
  /** @default 'pre' */
  readonly order?: OutboardOrder | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: { readonly type: 'verified'; readonly bytes: number }) => void) | undefined
}

/** One node that was looked at: a leaf group or a parent, and whether it is what its parent says. */
interface Finding {
  readonly start: number
  readonly count: number
  readonly isLeaf: boolean
  readonly isTrue: boolean
}

type Found = Uint8Array | undefined

/** Where content and pairs of a tree are found, by node; `undefined` for what cannot be read, which then is not true. */
export interface TreeSource {
  readonly chunkGroupLog: number
  content(offset: number, length: number): Found | Promise<Found>
  /** Of the places of pairs. */
  readonly order: OutboardOrder
  pair(place: number, start: number, count: number): Found | Promise<Found>
}

/** Content beside an outboard in pre- or post-order. */
function besideOutboard(data: ReadAt, reader: OutboardReader): TreeSource {
  const { chunkGroupLog, order } = reader
  return {
    chunkGroupLog,
    order,
    content: (offset, length) => data.readAt(offset, length),
    pair: (place, _start, count) => reader.pair(place, Math.ceil(count / 2 ** chunkGroupLog)),
  }
}

/** Looks at every node that the (whole groups of the) selection reaches, top down; below a false parent at nothing. */
export async function* findings(
  tree: TreeSource,
  root: Uint8Array,
  size: number,
  ranges: ChunkRanges,
  signal: AbortSignal | undefined,
): AsyncGenerator<Finding, void, void> {
  const wholeGroups = ranges.truncate(size).roundUpToGroups(tree.chunkGroupLog).truncate(size)
  const walk = new PreOrderWalk(chunkCountOf(size), tree.chunkGroupLog, wholeGroups, tree.order)
  const expected = new Uint8Array(WALK_SLOTS * HASH_BYTES)
  const actual = new Uint8Array(HASH_BYTES)
  expected.set(checkRoot(root))
  while (walk.next()) {
    signal?.throwIfAborted()
    const { start, count, isLeaf, slot } = walk
    const isRoot = count === walk.chunkCount
    const from = start * CHUNK_BYTES
    const read = isLeaf ? tree.content(from, Math.min(count * CHUNK_BYTES, size - from)) : tree.pair(walk.place, start, count)
    const bytes = read instanceof Promise ? await orAbort(read, signal) : read
    if (bytes !== undefined && isLeaf) subtreeCv(bytes, 0, bytes.length, start, isRoot, actual, 0)
    else if (bytes !== undefined) parentCv(bytes, 0, isRoot, actual, 0)
    const isTrue = bytes !== undefined && actual.every((byte, i) => byte === expected[slot * HASH_BYTES + i])
    if (!isTrue) walk.skipChildren()
    else if (!isLeaf) {
      if (walk.leftSlot >= 0) expected.set(bytes.subarray(0, HASH_BYTES), walk.leftSlot * HASH_BYTES)
      if (walk.rightSlot >= 0) expected.set(bytes.subarray(HASH_BYTES, PAIR_BYTES), walk.rightSlot * HASH_BYTES)
    }
    yield { start, count, isLeaf, isTrue }
  }
}

async function open(data: RandomAccess, outboard: RandomAccess, options: VerifyRangesOptions): Promise<{ tree: TreeSource; size: number }> {
  const source = asReadAt(data)
  const size = checkSize(options.size ?? source.size)
  const proof = asReadAt(outboard)
  const reader = readOutboard(proof, size, options.order)
  if (reader.sizeAt !== undefined) {
    const named = Number(readSize(await proof.readAt(reader.sizeAt, HEADER_BYTES), 0)) // beyond 2^53 not exactly: then it is another anyway
    if (named !== size)
      throw new VerifyError('VERIFY_MISMATCH', `the outboard is of ${named} bytes, not ${size}`, { what: 'outboard', offset: 0, end: size })
  }
  return { size, tree: besideOutboard(source, reader) }
}

/**
 * Verifies stored content: every chunk group that `ranges` touch, through its outboard, up to the root. Where the last group
 * is among them the size is verified too.
 *
 * @throws {VerifyError} `VERIFY_MISMATCH` at the first group or parent that does not fit, with its byte range;
 * `VERIFY_BAD_ARGUMENT` when size and outboard do not fit each other.
 * @throws the reason of `options.signal`.
 * @example await verifyRanges(file, outboard, root, ChunkRanges.fromByteRanges([{ start: 0, end: 2 ** 20 }]))
 */
export async function verifyRanges(
  data: RandomAccess,
  outboard: RandomAccess,
  root: Uint8Array,
  ranges: ChunkRanges = ChunkRanges.all,
  options: VerifyRangesOptions = {},
): Promise<void> {
  const { tree, size } = await open(data, outboard, options)
  let bytes = 0
  for await (const { start, count, isLeaf, isTrue } of findings(tree, root, size, ranges, options.signal)) {
    const offset = start * CHUNK_BYTES
    const end = Math.min(offset + count * CHUNK_BYTES, size)
    const what = isLeaf ? 'content' : 'outboard'
    if (!isTrue)
      throw new VerifyError('VERIFY_MISMATCH', `${what} of bytes ${offset} to ${end} does not belong to the root`, { what, offset, end })
    if (isLeaf) options.onProgress?.({ type: 'verified', bytes: (bytes += end - offset) })
  }
}

/**
 * The chunks among `ranges` whose whole group is true: what can still be served or need not be fetched again after damage.
 *
 * @throws as `verifyRanges`, but `VERIFY_MISMATCH` only where the outboard names another size.
 */
export async function validRanges(
  data: RandomAccess,
  outboard: RandomAccess,
  root: Uint8Array,
  ranges: ChunkRanges = ChunkRanges.all,
  options: VerifyRangesOptions = {},
): Promise<ChunkRanges> {
  const { tree, size } = await open(data, outboard, options)
  return trueLeaves(findings(tree, root, size, ranges, options.signal))
}

/** The chunks of the leaves that were found true. */
export async function trueLeaves(found: AsyncIterable<Finding>): Promise<ChunkRanges> {
  const boundaries: number[] = []
  for await (const { start, count, isLeaf, isTrue } of found) {
    if (!isLeaf || !isTrue) continue
    if (boundaries[boundaries.length - 1] === start) boundaries.pop()
    else boundaries.push(start)
    boundaries.push(start + count)
  }
  return ChunkRanges.fromBoundaries(boundaries)
}
