import type { CID } from 'multiformats/cid'
import { BlockBody, JoinBuffer } from './block-body.ts'
import type { BlockKind } from './decode-node.ts'
import { IDENTITY } from './constants.ts'
import type { Limits } from './limits.ts'
import type { BlockPort } from './ports.ts'
import { inlineBody } from './read-block.ts'
import { Walk } from './walk.ts'

export interface ResolvedPath {
  /** The root and the CID of each segment, the last being what the path leads to. */
  readonly cids: readonly CID[]
  readonly cid: CID
  readonly kind: BlockKind
  /** Flat size where it is a file. */
  readonly size: number | undefined
  /** Its block: belongs to the port. */
  readonly block: Uint8Array
}

/**
 * Follows names from a root through directories, sharded ones too, reading only the blocks on the way.
 * Symlinks are not followed. The port answers for the hashes.
 *
 * @throws {CarError} `CAR_NOT_FOUND` (its details name the segment), and what the walk throws.
 */
export async function resolvePath(
  root: CID,
  path: readonly string[],
  blocks: BlockPort,
  { signal, limits }: { readonly signal?: AbortSignal; readonly limits?: Limits } = {},
): Promise<ResolvedPath> {
  const walk = new Walk(root, { path, scope: 'block', ...(limits === undefined ? {} : { limits }) })
  const buffer = new JoinBuffer()
  const cids: CID[] = []
  let found: ResolvedPath | undefined
  for (let expected = walk.next(); expected !== undefined; expected = walk.next()) {
    signal?.throwIfAborted()
    const isInline = expected.cid.multihash.code === IDENTITY
    const block = isInline
      ? inlineBody(expected, buffer).joined()
      : await blocks.get(expected.cid, signal === undefined ? undefined : { signal })
    const { kind, fileSize } = walk.accept(new BlockBody([block], block.length, buffer))
    if (cids.length <= path.length - expected.segmentsLeft) cids.push(expected.cid) // else a shard further down, of the same segment
    found = { cids, cid: expected.cid, kind, size: fileSize, block }
  }
  return found!
}
