/** Puts a file of this machine into a store under its CID: the DAG is built over the file, then walked and checked as from any origin. */
import type { Blockstore, Entity } from '@selvedge/blockstore'
import { verifyBlocks } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createFileDag } from '../dag/file-dag.ts'
import { NodeError } from '../errors.ts'

export interface Imported {
  readonly cid: CID
  readonly entity: Entity
}

/** @throws {NodeError} `NODE_USAGE` where `file` is no regular file, `NODE_FILE_CHANGED` where it changes meanwhile. */
export async function importFileInto(store: Blockstore, file: string, signal?: AbortSignal): Promise<Imported> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new NodeError('NODE_USAGE', `${file} cannot be read: ${(cause as Error).message}`, {}, { cause })
  })
  if (!found.isFile()) throw new NodeError('NODE_USAGE', `${file} is not a file; to serve a folder, use: selvedge origin ${file}`)
  const dag = createFileDag()
  const cid = await dag.build([{ path: basename(file), file, size: found.size }], { wrap: false })
  const entity = (await store.entity(cid)) ?? (await copy(store, dag.blocks, cid, signal))
  return { cid, entity }
}

async function copy(store: Blockstore, blocks: { get(cid: CID): Promise<Uint8Array> }, cid: CID, signal?: AbortSignal): Promise<Entity> {
  const abort = signal === undefined ? {} : { signal }
  const target = store.importFile(cid, abort)
  try {
    for await (const block of verifyBlocks(cid, blocks, abort)) await target.add(block)
    return await target.commit()
  } catch (error) {
    await target.abort()
    throw error
  }
}
