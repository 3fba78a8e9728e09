/**
 * Mode `proof` (ipfs.md §4.3): a CAR without what the reader knows already. Depth-first over the nodes that overlap the
 * ranges; a raw leaf is its bare bytes, whole, whose length its parent has declared; any other block is a varint length and
 * the block. Each is checked with its CID before the next is read, and held are one block and the stack, as for a CAR.
 *
 * With a raw root there is no parent to know the length from: the answer's size says it, and the hash proves it.
 */
import { JoinBuffer } from './block-body.ts'
import { ByteSource } from './byte-source.ts'
import { IDENTITY, RAW } from './constants.ts'
import { CarError } from './errors.ts'
import { assertBlockFits } from './limits.ts'
import { drain, inlineBody, readBody, truncated } from './read-block.ts'
import { readVarint } from './varint.ts'
import type { VerifiedBlock } from './verified-block.ts'
import type { Expected } from './expected.ts'
import type { Walk } from './walk.ts'

export interface ReadProofOptions {
  /** Flat size of the file as the answer claims it; needed where the root is a raw leaf, checked where it is not. */
  readonly size?: number
  readonly signal?: AbortSignal
}

export async function* readProof(
  walk: Walk,
  chunks: AsyncIterable<Uint8Array>,
  { size, signal }: ReadProofOptions,
): AsyncGenerator<VerifiedBlock, void, undefined> {
  const source = new ByteSource(chunks, signal)
  const buffer = new JoinBuffer()
  try {
    for (let expected = walk.next(); expected !== undefined; expected = walk.next()) {
      const isInline = expected.cid.multihash.code === IDENTITY
      const body = isInline
        ? inlineBody(expected, buffer)
        : await readBody(source, await readLength(source, walk, expected, size), expected, walk, buffer)
      const block = walk.accept(body, source.offset)
      if (size !== undefined && block.fileSize !== undefined && block.fileSize !== size) {
        throw new CarError('CAR_BAD_SIZE', `${walk.root} has ${block.fileSize} bytes, the answer said ${size}`, {
          expected: size,
          actual: block.fileSize,
        })
      }
      yield block
      signal?.throwIfAborted()
    }
    await drain(source, walk)
  } finally {
    await source.close()
  }
}

async function readLength(source: ByteSource, walk: Walk, expected: Expected, size: number | undefined): Promise<number> {
  const { cid } = expected
  const known = cid.code === RAW ? (expected.size ?? size) : undefined
  if (known !== undefined) {
    assertBlockFits(known, walk.limits, cid)
    return known
  }
  if (cid.code === RAW)
    throw new CarError('CAR_MALFORMED', `the proof of the raw leaf ${cid} needs the size that the answer claims`, { cid: cid.toString() })
  const length = await readVarint(source)
  if (length === 'end' || length === 'cut') throw truncated(walk, `before block ${cid}`, source.offset)
  if (length === 'bad')
    throw new CarError('CAR_MALFORMED', `block ${cid} has no readable length`, { cid: cid.toString(), offset: source.offset })
  if (length > walk.limits.blockBytesMax) {
    throw new CarError('CAR_TOO_LARGE', `block ${cid} is said to have ${length} bytes, at most ${walk.limits.blockBytesMax} are allowed`, {
      cid: cid.toString(),
      bytes: length,
      offset: source.offset,
    })
  }
  return length
}
