/** A block out of wherever it is, checked against its CID before it leaves: what is damaged on disk is an error, never content. */
import type { Catalog } from './catalog.ts'
import { type MatchesCid, blockKeyOf, inlineBytesOf, rootOfBlake3Cid } from './cid.ts'
import { BLOCK_BYTES_MAX } from './constants.ts'
import type { Content } from './content.ts'
import { BlockstoreError } from './errors.ts'
import type { CidLike } from './ports.ts'
import { rebuildBlock } from './skeleton.ts'

export interface BlockReaderParts {
  readonly catalog: Catalog
  readonly content: Content
  readonly matches: MatchesCid
}

/** One place a block may be read from. */
interface Candidate {
  read(): Promise<Uint8Array>
  /** Still there: false when a delete came between. */
  isNamed(): boolean
}

/**
 * @returns undefined when the block is not here.
 * @throws {BlockstoreError} `BLOCKSTORE_DAMAGED` when it is here and no copy is whole.
 */
export async function readBlock(parts: BlockReaderParts, cid: CidLike, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  const inline = inlineBytesOf(cid)
  if (inline !== undefined) return inline
  let damage: unknown
  for (const candidate of candidatesOf(parts, cid)) {
    signal?.throwIfAborted()
    try {
      const block = await candidate.read()
      if (await parts.matches(cid, block)) return block
      damage ??= new Error('the hash does not match')
    } catch (error) {
      if (!isDamage(error)) throw error
      if (candidate.isNamed()) damage ??= error
    }
  }
  if (damage === undefined) return undefined
  throw new BlockstoreError(
    'BLOCKSTORE_DAMAGED',
    `the stored block ${cid} is not what was written`,
    { cid: String(cid) },
    { cause: damage },
  )
}

function* candidatesOf({ catalog, content }: BlockReaderParts, cid: CidLike): Generator<Candidate> {
  const key = blockKeyOf(cid)
  const block = catalog.block(key)
  if (block !== undefined) {
    yield { read: () => content.readBlock(key, block), isNamed: () => catalog.block(key) !== undefined }
  }
  const root = rootOfBlake3Cid(cid)
  const own = root === undefined ? undefined : catalog.blob(root)
  if (own !== undefined && own.size <= BLOCK_BYTES_MAX) {
    yield { read: () => content.read(own, 0, own.size), isNamed: () => catalog.blob(own.root) !== undefined }
  }
  for (const { file, frame } of catalog.placesOf(key)) {
    const blob = catalog.blob(file.root)
    if (blob === undefined) continue
    const readFlat = (offset: number, length: number): Promise<Uint8Array> => content.read(blob, offset, length)
    const readFrames = (offset: number, length: number): Promise<Uint8Array> => content.readSkeleton(file, offset, length)
    yield { read: () => rebuildBlock(frame, readFlat, readFrames), isNamed: () => catalog.file(file.id) !== undefined }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof BlockstoreError && (error.code === 'BLOCKSTORE_DAMAGED' || error.code === 'BLOCKSTORE_IO')
}
