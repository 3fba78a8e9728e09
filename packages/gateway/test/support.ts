import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { importer, type ImporterOptions } from 'ipfs-unixfs-importer'
import type { CID } from 'multiformats/cid'

export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}

export interface StoredBlock {
  readonly cid: CID
  readonly bytes: Uint8Array
}

/** A block store in memory that fits both the importer and our port. */
export class Blocks {
  readonly map: Map<string, StoredBlock> = new Map()
  readonly asked: string[] = []
  async put(cid: CID, bytes: Uint8Array): Promise<CID> {
    this.map.set(keyOf(cid), { cid, bytes })
    return cid
  }
  async get(cid: CID): Promise<Uint8Array> {
    this.asked.push(cid.toString())
    const found = this.map.get(keyOf(cid))
    if (found === undefined) throw new NotFoundError(`no block ${cid}`)
    return found.bytes
  }
  delete(cid: CID): void {
    this.map.delete(keyOf(cid))
  }
}

function keyOf(cid: CID): string {
  return Buffer.from(cid.multihash.bytes).toString('hex')
}

export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 1
  for (let index = 0; index < length; index++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    bytes[index] = state >>> 24
  }
  return bytes
}

/** Imports files below one directory and answers the CID of each path, the root under ''. */
export async function importTree(
  files: Record<string, Uint8Array>,
  blocks: Blocks,
  options: ImporterOptions = {},
): Promise<Map<string, CID>> {
  const cids = new Map<string, CID>()
  const entries = Object.entries(files).map(([path, content]) => ({ path, content }))
  const all = { rawLeaves: true, cidVersion: 1 as const, wrapWithDirectory: true, chunker: fixedSize({ chunkSize: 1_000 }), ...options }
  for await (const { path = '', cid } of importer(entries, blocks as unknown as Parameters<typeof importer>[1], all))
    cids.set(path === cid.toString() ? '' : path, cid)
  return cids
}
