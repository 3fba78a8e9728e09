/** Puts a file of this machine into a store under its CID: the DAG is built over the file, then walked and checked as from any origin. */
import type { Blockstore, Entity } from '@selvedge/blockstore'
import { verifyBlocks } from '@selvedge/verified-car'
import type { CID } from 'multiformats/cid'
import { Buffer } from 'node:buffer'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { createFileDag } from '../dag/file-dag.ts'
import { NodeError } from '../errors.ts'

/** A file in the store, in words. */
export interface AddedFile {
  readonly cid: string
  readonly root: string
  readonly size: number
}

/** What the operator puts into a store, and wants kept whatever else has to leave it. */
export interface OwnContent {
  /** Before so much comes. */
  makeRoom(bytes: number): Promise<void>
  /** For good, and on disk when it resolves. @returns whether it was in the store. */
  keep(root: Uint8Array, size: number): Promise<boolean>
}

/** How often a file is put in that has left before it could be kept. */
const ADDS_MAX = 3

/** What `selvedge add` does, and says. @throws as `importFileInto`; `NODE_BUSY` where the store lets go of the file as fast as it comes. */
export async function addFile(
  { store, own }: { readonly store: Blockstore; readonly own: OwnContent },
  file: string,
  signal?: AbortSignal,
): Promise<AddedFile> {
  await own.makeRoom((await sizeOf(file)) ?? 0)
  for (let left = ADDS_MAX; left > 0; left--) {
    const { cid, entity } = await importFileInto(store, file, signal)
    const root = entity.root!
    if (await own.keep(root, entity.size)) return { cid: cid.toString(), root: Buffer.from(root).toString('hex'), size: entity.size }
  }
  throw new NodeError('NODE_BUSY', `the store is full, and lets go of ${file} as fast as it comes`)
}

const sizeOf = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ size }) => size,
    () => undefined, // what is wrong with it is said when it is read
  )

export interface Imported {
  readonly cid: CID
  readonly entity: Entity
}

/** @throws {NodeError} `NODE_USAGE` where `file` is no regular file, `NODE_FILE_CHANGED` where it changes meanwhile; the reason of the signal. */
export async function importFileInto(store: Blockstore, file: string, signal?: AbortSignal): Promise<Imported> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new NodeError('NODE_USAGE', `${file} cannot be read: ${(cause as Error).message}`, {}, { cause })
  })
  if (!found.isFile()) throw new NodeError('NODE_USAGE', `${file} is not a file; to serve a folder, use: selvedge origin ${file}`)
  const dag = createFileDag()
  const cid = await dag.build([{ path: basename(file), file, size: found.size }], { wrap: false, ...(signal && { signal }) })
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
