import type { CID } from 'multiformats/cid'
import type { BlockPort } from './ports.ts'
import { type ReadBlocksOptions, readBlocks } from './read-blocks.ts'
import { type ReadCarOptions, readCar, readCarAgain } from './read-car.ts'
import { type ReadProofOptions, readProof } from './read-proof.ts'
import type { ByteRange } from './ranges.ts'
import type { VerifiedBlock } from './verified-block.ts'
import { Walk, type WalkOptions } from './walk.ts'

export interface VerifyCarOptions extends WalkOptions, ReadCarOptions {}

/**
 * Verifies a CARv1 against `cid` while it streams, yielding only blocks that are proven, each as soon as its last byte has come.
 * The CAR must be depth-first with repeats (`order=dfs; dups=y`) and hold exactly what `scope` and the ranges select.
 * Held are the stack of the walk and one block.
 *
 * @param source - chunks of any size. They are kept, not copied, until their block was handed on: a source that reuses its buffers must copy.
 * @returns blocks whose bytes are views, valid until the next iteration: copy what you keep.
 * @throws {CarError} what the source did wrong (`CAR_NOT_A_CAR`, `CAR_TRUNCATED`, `CAR_MALFORMED`, `CAR_WRONG_ROOT`, `CAR_UNEXPECTED_BLOCK`,
 *   `CAR_BAD_HASH`, `CAR_BAD_NODE`) or the DAG has wrong (`CAR_BAD_CID`, `CAR_BAD_BLOCK`, `CAR_BAD_SIZE`, `CAR_BAD_UNIXFS`, `CAR_TOO_LARGE`, `CAR_TOO_DEEP`).
 * @throws what `source` throws, unchanged, and the reason of `signal`, at once, even while the source is stalled.
 * @example for await (const { offset, bytes } of flatBytes(verifyCar(response.body, cid))) await file.write(bytes, 0, bytes.length, offset)
 */
export function verifyCar(source: AsyncIterable<Uint8Array>, cid: CID, options: VerifyCarOptions = {}): AsyncIterable<VerifiedBlock> {
  return readCar(new Walk(cid, options), source, options, [])
}

export interface VerifyProofOptions extends Pick<WalkOptions, 'range' | 'ranges' | 'limits' | 'hashes'>, ReadProofOptions {}

/**
 * Verifies mode `proof` (the nodes of a file that overlap the ranges, raw leaves bare; ipfs.md §4.3) against `cid` while it streams.
 * Memory, views and errors as in `verifyCar`; what follows the proof in `source` is not looked at.
 *
 * @throws {CarError} also `CAR_BAD_SIZE` where `size` is not the file's, `CAR_TOO_LARGE` where a raw root is said to be larger than a block may be.
 */
export function verifyProof(source: AsyncIterable<Uint8Array>, cid: CID, options: VerifyProofOptions = {}): AsyncIterable<VerifiedBlock> {
  return readProof(new Walk(cid, options), source, options)
}

export interface VerifyBlocksOptions extends WalkOptions, ReadBlocksOptions {}

/** Walks single blocks of a port and checks each: the same yield as `verifyCar`, for sources that have no CAR. */
export function verifyBlocks(cid: CID, blocks: BlockPort, options: VerifyBlocksOptions = {}): AsyncIterable<VerifiedBlock> {
  return readBlocks(new Walk(cid, options), blocks, options)
}

/** A walk that several sources may feed, one after the other: each continues where the last one failed, and no block is yielded twice. */
export interface VerifiedWalk {
  readonly isComplete: boolean
  /** Flat bytes below this offset were yielded (files). */
  readonly offset: number
  /** What to ask the next source for. `undefined`: the same as the first, whose blocks are checked again and not yielded again. */
  readonly resumeRange: ByteRange | undefined
  /** A CAR from the start of what was asked or, after a failure, from that of `resumeRange`. */
  readCar(source: AsyncIterable<Uint8Array>, options?: ReadCarOptions): AsyncIterable<VerifiedBlock>
  readBlocks(blocks: BlockPort, options?: ReadBlocksOptions): AsyncIterable<VerifiedBlock>
}

/** For clients with several sources. One reader at a time. */
export function createVerifiedWalk(cid: CID, options: WalkOptions = {}): VerifiedWalk {
  let walk = new Walk(cid, options)
  const rangeEnd = options.range?.end
  return {
    get isComplete() {
      return walk.next() === undefined
    },
    get offset() {
      return walk.next()?.fileOffset ?? walk.fileSize ?? 0
    },
    get resumeRange() {
      const expected = walk.next()
      if (expected?.isFilePart !== true || options.ranges !== undefined || (options.path?.length ?? 0) > 0 || options.scope === 'all')
        return undefined
      return rangeEnd === undefined ? { start: expected.fileOffset } : { start: expected.fileOffset, end: rangeEnd }
    },
    readCar(source, readOptions = {}) {
      if (this.resumeRange !== undefined) return readCar(walk, source, readOptions, walk.outerCids())
      return readCarAgain(walk, new Walk(cid, options), source, readOptions, (further) => (walk = further))
    },
    readBlocks(blocks, readOptions = {}) {
      return readBlocks(walk, blocks, readOptions)
    },
  }
}
