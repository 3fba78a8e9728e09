import type { Cid } from './ids.ts'

export type BlockKind = 'file' | 'directory' | 'shard' | 'symlink' | 'other'

/** One block of a DAG whose bytes have been checked against its CID, as a walk in depth-first order meets it. */
export interface VerifiedBlock {
  readonly cid: Cid
  /** The whole block; a view, valid until the next iteration. */
  readonly block: Uint8Array
  readonly kind: BlockKind
  /** Kind `file`: where this block's own file bytes begin in the flat file; otherwise 0. */
  readonly fileOffset: number
  /** Own file bytes are `block.subarray(dataStart, dataEnd)`: empty for an interior node, the whole block for a raw leaf. */
  readonly dataStart: number
  readonly dataEnd: number
  /** Kind `file`: the size of the whole flat file, held true down the tree as the walk goes. */
  readonly fileSize: number | undefined
  /** Levels below what was asked. */
  readonly depth: number
  /** The first block of a file, a directory, a symlink or anything else; not a part of a file, nor a shard further down. */
  readonly isEntityRoot: boolean
  /** Nothing of what was asked comes after it; asked before the next one comes. */
  readonly isLast?: boolean
}
