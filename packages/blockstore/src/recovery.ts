/**
 * What start() does with the rest of a crash: parts are swept, names without a record are swept, and each record of a file is
 * held against the file's size. The packs mend themselves (`PackLog.start`).
 */
import { FORMAT_TEXT, FORMAT_TEXT_BEFORE } from './constants.ts'
import type { Catalog } from './catalog.ts'
import { BlockstoreError } from './errors.ts'
import { type Layout, outboardBytesOf } from './layout.ts'
import type { LogEvent } from './pack-log.ts'
import type { FileSystem } from './ports.ts'

export type RecoveryEvent =
  | LogEvent
  /** A file that had no record: the rest of a crash, or of a delete. */
  | { readonly type: 'swept'; readonly path: string }
  /** A blob whose files are gone or have another size: it is forgotten. */
  | { readonly type: 'lost'; readonly root: Uint8Array }

/** Makes the folders, checks the format, sweeps the parts. */
export async function prepareFolders(fileSystem: FileSystem, layout: Layout): Promise<void> {
  for (const path of [layout.root, layout.index, layout.packs, layout.parts, layout.blobs, layout.skeletons]) {
    await fileSystem.makeDirectory(path)
  }
  await checkFormat(fileSystem, layout)
  for (const name of await fileSystem.list(layout.parts)) await fileSystem.remove(`${layout.parts}/${name}`)
  await fileSystem.syncDirectory(layout.root)
}

/** A store of the version before becomes one of this version: all that it may hold means the same here. */
async function checkFormat(fileSystem: FileSystem, layout: Layout): Promise<void> {
  const size = await fileSystem.size(layout.format)
  if (size === undefined) return await writeFormat(fileSystem, layout)
  const file = await fileSystem.open(layout.format, 'read')
  const text = new TextDecoder().decode(await file.read(0, Math.min(size, 256)))
  await file.close()
  if (text === FORMAT_TEXT_BEFORE) return await writeFormat(fileSystem, layout)
  if (text !== FORMAT_TEXT) {
    throw new BlockstoreError('BLOCKSTORE_FORMAT', `${layout.root} holds ${JSON.stringify(text)}, expected ${JSON.stringify(FORMAT_TEXT)}`)
  }
}

/** Beside it and renamed: before anything of this version is written. `prepareFolders` syncs the name. */
async function writeFormat(fileSystem: FileSystem, layout: Layout): Promise<void> {
  const part = `${layout.parts}/FORMAT`
  await fileSystem.remove(part)
  const file = await fileSystem.open(part, 'create')
  await file.write(0, [new TextEncoder().encode(FORMAT_TEXT)])
  await file.datasync()
  await file.close()
  await fileSystem.rename(part, layout.format)
}

export interface Found {
  /** Bytes in files of their own. */
  readonly fileBytes: number
  readonly lost: readonly Uint8Array[]
}

/** Holds records and files against each other. Costs a `stat` for each file, and reads none. */
export async function checkFiles(
  fileSystem: FileSystem,
  layout: Layout,
  catalog: Catalog,
  onEvent: (event: RecoveryEvent) => void,
): Promise<Found> {
  const expected = new Set<string>()
  const lost: Uint8Array[] = []
  let fileBytes = 0
  for (const blob of catalog.blobs()) {
    if (blob.place !== undefined) continue
    const [data, outboard] = [layout.data(blob.root), layout.outboard(blob.root)]
    const outboardBytes = outboardBytesOf(blob.size)
    if ((await fileSystem.size(data)) === blob.size && (await fileSystem.size(outboard)) === outboardBytes) {
      expected.add(data).add(outboard)
      fileBytes += blob.size + outboardBytes
    } else {
      lost.push(blob.root)
    }
  }
  for (const file of catalog.files()) {
    if (file.skeletonPlace !== undefined) continue
    expected.add(layout.skeleton(file.cid))
    fileBytes += file.skeletonBytes
  }
  for (const folder of [layout.blobs, layout.skeletons]) {
    for (const name of await fileSystem.list(folder)) {
      const path = `${folder}/${name}`
      if (expected.has(path)) continue
      await fileSystem.remove(path)
      onEvent({ type: 'swept', path })
    }
  }
  return { fileBytes, lost }
}
