import type { CID } from 'multiformats/cid'
import type { ShardPlace } from './hamt.ts'

/** The block that must come next. */
export interface Expected {
  readonly cid: CID
  readonly depth: number
  /** Part of a file: where its bytes begin and how many they are. */
  readonly isFilePart: boolean
  readonly fileOffset: number
  readonly size: number | undefined
  readonly fileDepth: number
  readonly shard: ShardPlace | undefined
  /** Path segments still to be followed from this block. */
  readonly segmentsLeft: number
  /** The first block of a file, a directory, a symlink or anything else; not a part of a file, nor a shard further down. */
  readonly isEntityRoot: boolean
  /** Names that lead from what was asked to the entity that this block belongs to; undefined where there are none. */
  readonly path: readonly string[] | undefined
}
