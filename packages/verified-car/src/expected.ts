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
}
