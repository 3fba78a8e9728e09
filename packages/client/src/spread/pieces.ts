/** What one node sends of one part, verified, in order, as pieces that may be kept. */
import type { VerifiedBlock } from '@selvedge/verified-car'
import { OF_BLOCKS, type Transfer } from '../transfer.ts'

/** Its bytes are its own. */
export interface Piece {
  readonly offset: number
  readonly bytes: Uint8Array
  /** Of a CID: the blocks that came for it, each above before those below. */
  readonly blocks: readonly VerifiedBlock[]
  /** Of a CID: what parts of the file end with, if it is laid out evenly. */
  readonly grainBytes?: number
}

/** Requests name chunks of so many bytes. */
const CHUNK_BYTES = 1_024
/** Above it a grain of whole chunks is given up: a unit at the border of two parts comes twice. */
const GRAIN_BYTES_MAX = 2 ** 22

export async function* piecesOfRoot({ parts, isOwned }: Transfer): AsyncGenerator<Piece> {
  for await (const { offset, bytes } of parts!) yield { offset, bytes: isOwned ? bytes : bytes.slice(), blocks: [] }
}

/** @param isKept - blocks are wanted, not only their bytes. */
export async function* piecesOfFile(blocks: AsyncIterable<VerifiedBlock>, isOwned: boolean, isKept: boolean): AsyncGenerator<Piece> {
  let above: VerifiedBlock[] = []
  for await (const block of blocks) {
    const length = block.dataEnd - block.dataStart
    const kept = isOwned || !isKept ? block : OF_BLOCKS.keep(block)
    if (isKept) above.push(kept)
    if (length === 0) continue
    const bytes = isOwned || isKept ? kept.block.subarray(block.dataStart, block.dataEnd) : joined(block.parts, length)
    yield { offset: block.fileOffset, bytes, blocks: above, grainBytes: grainOf(length) }
    above = []
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length)
  let filled = 0
  for (const part of parts) {
    out.set(part, filled)
    filled += part.length
  }
  return out
}

/** The least multiple of a leaf that is whole chunks. */
function grainOf(leafBytes: number): number {
  const grain = leafBytes * (CHUNK_BYTES / greatestDivisor(leafBytes, CHUNK_BYTES))
  return grain <= GRAIN_BYTES_MAX ? grain : leafBytes
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}
