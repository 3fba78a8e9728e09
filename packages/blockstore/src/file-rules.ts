/** What holds of each block of a file that arrives, whoever keeps it. */
import { equalBytes } from './bytes.ts'
import { BLOCK_BYTES_MAX } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import type { CidLike, FileBlock } from './ports.ts'

export interface ArrivedPart {
  /** The file that arrives. */
  readonly cid: CidLike
  /** Flat bytes that have come. */
  readonly written: number
  readonly isFirst: boolean
}

/** @throws {BlockstoreError} `BLOCKSTORE_TOO_LARGE`, `BLOCKSTORE_MALFORMED` */
export function checkFileBlock({ block, kind, cid, dataStart, dataEnd, fileOffset }: FileBlock, arrived: ArrivedPart): void {
  if (block.length > BLOCK_BYTES_MAX) throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `block exceeds ${BLOCK_BYTES_MAX} bytes`)
  if (kind !== 'file') throw malformed(`a block of kind ${kind} is no part of a file`)
  if (dataStart < 0 || dataEnd < dataStart || dataEnd > block.length) throw malformed('the bytes of a block lie outside of it')
  const { written } = arrived
  if (dataEnd > dataStart && fileOffset !== written) throw malformed(`the next byte is ${written}, the block brings ${fileOffset}`)
  if (arrived.isFirst && !equalBytes(cid.multihash.bytes, arrived.cid.multihash.bytes)) throw malformed('the first block is not the root')
}

export function checkFileSize(declared: number | undefined, arrived: number): void {
  if (declared !== undefined && declared !== arrived) throw malformed(`the root says ${declared} bytes, ${arrived} arrived`)
}

export function malformed(message: string): BlockstoreError {
  return new BlockstoreError('BLOCKSTORE_MALFORMED', message)
}

export function ended(): BlockstoreError {
  return malformed('this import has ended')
}
