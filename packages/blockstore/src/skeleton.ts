/**
 * The skeleton of a file: what its blocks are made of beside the flat bytes (ipfs.md §4.1).
 *
 * A block is `prefix · flat bytes · suffix`: a raw leaf has neither frame, an interior node is all prefix, a wrapped leaf or a
 * trickle node has both. Entries stand in the order in which the blocks arrived, a repeated block only once:
 * `multihash length u16 · multihash · flat offset u64 · flat length u32 · prefix length u32 · suffix length u32 · prefix · suffix`.
 */
import { readSize, viewOf, writeSize } from './bytes.ts'
import { BLOCK_BYTES_MAX, CID_BYTES_MAX, MIB } from './constants.ts'
import { BlockstoreError } from './errors.ts'

/** Where a block's parts are: in the flat file and in the skeleton. */
export interface Frame {
  readonly flatOffset: number
  readonly flatBytes: number
  /** Of the prefix, from the start of the skeleton; the suffix follows it. */
  readonly frameOffset: number
  readonly prefixBytes: number
  readonly suffixBytes: number
}

export interface SkeletonEntry extends Frame {
  readonly multihash: Uint8Array
}

const FIXED_BYTES = 20
const WINDOW_BYTES = MIB + 2 * BLOCK_BYTES_MAX

export function encodeSkeletonHead(
  multihash: Uint8Array,
  flatOffset: number,
  flatBytes: number,
  prefix: number,
  suffix: number,
): Uint8Array {
  const out = new Uint8Array(2 + multihash.length + FIXED_BYTES)
  const view = viewOf(out)
  const base = 2 + multihash.length
  view.setUint16(0, multihash.length, true)
  out.set(multihash, 2)
  writeSize(view, base, flatOffset)
  view.setUint32(base + 8, flatBytes, true)
  view.setUint32(base + 12, prefix, true)
  view.setUint32(base + 16, suffix, true)
  return out
}

/**
 * The entries of a skeleton, read in windows: memory stays bounded whatever its size.
 * @throws {BlockstoreError} `BLOCKSTORE_DAMAGED` when an entry cannot be.
 */
export async function* readSkeleton(
  size: number,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): AsyncGenerator<SkeletonEntry> {
  let windowStart = 0
  let window: Uint8Array = new Uint8Array(0)
  for (let offset = 0; offset < size; ) {
    const headBytes = Math.min(2 + CID_BYTES_MAX + FIXED_BYTES, size - offset)
    if (offset + headBytes > windowStart + window.length) {
      windowStart = offset
      window = await read(offset, Math.min(WINDOW_BYTES, size - offset))
    }
    const entry = decodeEntry(window, offset - windowStart, offset)
    const next = entry === undefined ? size + 1 : entry.frameOffset + entry.prefixBytes + entry.suffixBytes
    if (entry === undefined || next > size)
      throw new BlockstoreError('BLOCKSTORE_DAMAGED', `skeleton entry at ${offset} cannot be`, { offset })
    yield entry
    offset = next
  }
}

/** The entries of a skeleton that is in memory. @throws {BlockstoreError} as `readSkeleton`. */
export function* skeletonEntries(skeleton: Uint8Array): Generator<SkeletonEntry> {
  for (let offset = 0; offset < skeleton.length; ) {
    const entry = decodeEntry(skeleton, offset, offset)
    if (entry === undefined) throw new BlockstoreError('BLOCKSTORE_DAMAGED', `skeleton entry at ${offset} cannot be`, { offset })
    yield entry
    offset = entry.frameOffset + entry.prefixBytes + entry.suffixBytes
  }
}

function decodeEntry(window: Uint8Array, at: number, offset: number): SkeletonEntry | undefined {
  const view = viewOf(window)
  if (at + 2 > window.length) return undefined
  const length = view.getUint16(at, true)
  const base = at + 2 + length
  if (length > CID_BYTES_MAX || base + FIXED_BYTES > window.length) return undefined
  const entry = {
    multihash: window.slice(at + 2, base),
    flatOffset: readSize(view, base),
    flatBytes: view.getUint32(base + 8, true),
    frameOffset: offset + 2 + length + FIXED_BYTES,
    prefixBytes: view.getUint32(base + 12, true),
    suffixBytes: view.getUint32(base + 16, true),
  }
  const blockBytes = entry.flatBytes + entry.prefixBytes + entry.suffixBytes
  return blockBytes > BLOCK_BYTES_MAX ? undefined : entry
}

/** Puts a block together again. */
export async function rebuildBlock(
  frame: Frame,
  readFlat: (offset: number, length: number) => Promise<Uint8Array>,
  readSkeletonBytes: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const { flatOffset, flatBytes, frameOffset, prefixBytes, suffixBytes } = frame
  if (prefixBytes + suffixBytes === 0) return readFlat(flatOffset, flatBytes)
  const frames = await readSkeletonBytes(frameOffset, prefixBytes + suffixBytes)
  if (flatBytes === 0) return frames
  const block = new Uint8Array(prefixBytes + flatBytes + suffixBytes)
  block.set(frames.subarray(0, prefixBytes))
  block.set(await readFlat(flatOffset, flatBytes), prefixBytes)
  block.set(frames.subarray(prefixBytes), prefixBytes + flatBytes)
  return block
}
