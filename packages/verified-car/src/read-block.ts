/** What every format shares: taking the bytes of one block from a source while they are hashed, and the check itself. */
import type { CID } from 'multiformats/cid'
import { BlockBody, type JoinBuffer, PartList } from './block-body.ts'
import type { ByteSource } from './byte-source.ts'
import { RAW } from './constants.ts'
import { CarError } from './errors.ts'
import type { Expected } from './expected.ts'
import type { Walk } from './walk.ts'

/** @throws {CarError} `CAR_TRUNCATED`, and as `checkDigest` does. Nothing of the block is visible before its hash was compared. */
export async function readBody(
  source: ByteSource,
  length: number,
  { cid, fileOffset }: Pick<Expected, 'cid' | 'fileOffset'>,
  walk: Walk,
  buffer: JoinBuffer,
): Promise<BlockBody> {
  const hash = walk.hashes.get(cid.multihash.code)!.create()
  const list = new PartList()
  for (let left = length; left > 0; ) {
    if (source.available === 0 && !(await source.refill())) throw truncated(walk, `inside block ${cid}`, source.offset)
    const bytes = source.take(left)
    left -= bytes.length
    hash.update(list.add(bytes))
  }
  const digest = hash.digest()
  checkDigest(cid, digest instanceof Uint8Array ? digest : await digest, fileOffset)
  return new BlockBody(list.parts, length, buffer)
}

/** For blocks that come whole. */
export async function checkBlock(block: Uint8Array, { cid, fileOffset }: Expected, walk: Walk): Promise<void> {
  const hash = walk.hashes.get(cid.multihash.code)!.create()
  hash.update(block)
  const digest = hash.digest()
  checkDigest(cid, digest instanceof Uint8Array ? digest : await digest, fileOffset)
}

/**
 * Two codes, for what they cost the reader: a leaf that is wrong loses a piece of data, a linking node that is wrong
 * loses all that hangs below it.
 */
function checkDigest(cid: CID, digest: Uint8Array, fileOffset: number): void {
  const expected = cid.multihash.digest
  for (let index = 0; index < expected.length; index++) {
    if (expected[index] !== digest[index]) {
      const code = cid.code === RAW ? 'CAR_BAD_HASH' : 'CAR_BAD_NODE'
      throw new CarError(code, `block ${cid} does not hash to its CID`, { cid: cid.toString(), fileOffset })
    }
  }
}

export function truncated(walk: Walk, where: string, offset: number): CarError {
  const missing = walk.next()
  const details = missing === undefined ? { offset } : { cid: missing.cid.toString(), fileOffset: missing.fileOffset, offset }
  return new CarError('CAR_TRUNCATED', `the source ended after ${offset} bytes, ${where}`, details)
}

/** An identity CID is its own block: decoded here, never expected from a source. */
export function inlineBody({ cid }: Expected, buffer: JoinBuffer): BlockBody {
  const bytes = cid.multihash.digest
  return new BlockBody([bytes], bytes.length, buffer)
}

export async function skip(source: ByteSource, walk: Walk, length: number): Promise<void> {
  for (let left = length; left > 0; left -= source.take(left).length) {
    if (source.available === 0 && !(await source.refill())) throw truncated(walk, 'inside a block', source.offset)
  }
}

/**
 * Everything that was asked is there, so whatever happens now is no failure; but a connection that is read to its end can
 * be used again, and a lane that is read to its end closes without a reset.
 */
export async function drain(source: ByteSource, walk: Walk): Promise<void> {
  try {
    let left = walk.limits.trailingBytesMax
    while (left > 0 && (source.available > 0 || (await source.refill()))) left -= source.take(left).length
  } catch {
    // The walk is complete: an error after it is none of ours.
  }
}
