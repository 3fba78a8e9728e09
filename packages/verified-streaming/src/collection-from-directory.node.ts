/** A directory of files as a collection (iroh's `CollectionV0.`): what its name is, and how to open each of its members. */
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Collection, type CollectionEntry, encodeCollection } from './collection.ts'
import { createOutboard } from './create-outboard.ts'
import { VerifyError } from './errors.ts'
import { fromFileHandle } from './random-access.ts'

export interface DirectoryProgress {
  readonly type: 'file'
  readonly name: string
  readonly root: Uint8Array
  readonly size: number
}

export interface CollectionFromDirectoryOptions {
  /** Chunk groups of the outboards, 0 to 10. @default 4 */
  readonly chunkGroupLog?: number | undefined
  /** Keeps each file's outboard, for whoever will serve it. @default outboards are dropped */
  readonly onOutboard?: ((entry: DirectoryEntry, outboard: Uint8Array) => void | Promise<void>) | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DirectoryProgress) => void) | undefined
}

export interface DirectoryEntry extends CollectionEntry {
  /** Where the file is. */
  readonly path: string
  readonly size: number
}

export interface DirectoryCollection {
  readonly collection: Collection
  /** In the collection's order: by name, as bytes. */
  readonly entries: readonly DirectoryEntry[]
}

/** Names of all regular files below, with `/` between parts; links are not followed. */
async function namesBelow(path: string, prefix = ''): Promise<string[]> {
  const names: string[] = []
  for (const entry of await readdir(join(path, prefix), { withFileTypes: true })) {
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) names.push(...(await namesBelow(path, name)))
    else if (entry.isFile()) names.push(name)
  }
  return names
}

const byBytes = (a: string, b: string): number => {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)]
  const at = left.findIndex((byte, i) => byte !== right[i])
  return at === -1 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1)
}

/**
 * Hashes every regular file of a directory, one after the other, and names the whole: names are relative paths with `/`, sorted as bytes,
 * so that equal directories have equal roots on every system. Links, sockets and the like are left out.
 *
 * @throws {VerifyError} `VERIFY_READ_FAILED` when a file becomes shorter meanwhile; the file system's own errors.
 * @example const { collection, entries } = await collectionFromDirectory('site')
 */
export async function collectionFromDirectory(path: string, options: CollectionFromDirectoryOptions = {}): Promise<DirectoryCollection> {
  const { chunkGroupLog, onOutboard, signal, onProgress } = options
  if (!(await stat(path)).isDirectory()) throw new VerifyError('VERIFY_BAD_ARGUMENT', `${path} is no directory`)
  const entries: DirectoryEntry[] = []
  for (const name of (await namesBelow(path)).sort(byBytes)) {
    const handle = await open(join(path, name))
    try {
      const { root, size, outboard } = await createOutboard(await fromFileHandle(handle), { chunkGroupLog, signal })
      const entry = { name, root, size, path: join(path, name) }
      entries.push(entry)
      await onOutboard?.(entry, outboard)
      onProgress?.({ type: 'file', name, root, size })
    } finally {
      await handle.close()
    }
  }
  return { collection: encodeCollection(entries), entries }
}
