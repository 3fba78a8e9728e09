import { decode as decodeDagPb } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { CarError } from './errors.ts'
import { prefixLengthOf } from './hamt.ts'
import type { Limits } from './limits.ts'
import type { BlockPort } from './ports.ts'
import { decodeUnixFs } from './unixfs.ts'
import type { VerifiedBlock } from './verified-block.ts'
import { verifyBlocks } from './verify.ts'

/** One name of a directory. Names are what the directory holds: whoever makes files of them checks them first. */
export interface Entry {
  readonly name: string
  readonly cid: CID
  /** Bytes of all blocks below, as the directory claims (`Tsize`): a hint that nothing proves. */
  readonly size: number | undefined
}

export interface ListEntriesOptions {
  readonly signal?: AbortSignal
  readonly limits?: Limits
}

/**
 * The entries of a directory, sharded ones too, in the order in which they stand. Every block is checked.
 * Where a name stands twice, the first one counts.
 *
 * @throws {CarError} `CAR_NOT_A_DIRECTORY`, and what `verifyBlocks` throws.
 */
export function listEntries(cid: CID, blocks: BlockPort, options: ListEntriesOptions = {}): AsyncIterable<Entry> {
  return entriesOf(verifyBlocks(cid, blocks, { scope: 'entity', ...options }))
}

/**
 * The entries of a directory whose blocks were verified already: `entriesOf(verifyCar(source, cid))`, `entriesOf(verifyProof(…))`.
 * @throws {CarError} `CAR_NOT_A_DIRECTORY` where the first block is something else.
 */
export async function* entriesOf(
  blocks: AsyncIterable<Pick<VerifiedBlock, 'cid' | 'kind' | 'block'>>,
): AsyncGenerator<Entry, void, undefined> {
  const seen = new Set<string>()
  for await (const { cid, kind, block } of blocks) {
    if (kind !== 'directory' && kind !== 'shard') throw new CarError('CAR_NOT_A_DIRECTORY', `${cid} is a ${kind}`, { cid: cid.toString() })
    const { Data: data, Links: links } = decodeDagPb(block)
    const prefixLength = kind === 'shard' ? prefixLengthOf(decodeUnixFs(data!).fanout!) : 0
    const entries: Entry[] = []
    for (const { Name = '', Hash, Tsize } of links) {
      const name = Name.slice(prefixLength)
      if (kind === 'shard' && name === '') continue
      if (kind === 'directory' && seen.size < seen.add(name).size) entries.push({ name, cid: Hash, size: Tsize })
      else if (kind === 'shard') entries.push({ name, cid: Hash, size: Tsize }) // a slot holds one name, which its hash leads to: no name can stand twice
    }
    yield* entries // decoded whole first: the block is a view that the next iteration may take away
  }
}
