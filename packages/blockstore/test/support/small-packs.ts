/** Stores in small packs, and content that comes and goes in them. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { partsOf, bytesOf } from '../../src/conformance-parts.ts'
import {
  type Blockstore,
  type BlockstoreComponents,
  type BlockstoreOptions,
  createNodeFileSystem,
  type FileSystem,
} from '../../src/index.ts'
import { useStoreFolder } from './store-folder.ts'

export const PACK_BYTES = 100_000
export const BLOB_BYTES = 5_000

export const disk: FileSystem = createNodeFileSystem()
/** What is durable is the concern of the crash tests: here the disk is not waited for. */
export const unsynced: FileSystem = {
  ...disk,
  open: async (path, mode) => ({ ...(await disk.open(path, mode)), datasync: async () => {} }),
  syncDirectory: async () => {},
}

export async function putBlob(store: Blockstore, seed: number, bytes: number = BLOB_BYTES): Promise<Uint8Array> {
  return (await store.put(partsOf(bytesOf(bytes, seed), bytes))).root
}

export async function contentOf(store: Blockstore, root: Uint8Array): Promise<Uint8Array | undefined> {
  const blob = await store.open(root)
  try {
    return await blob?.data.readAt(0, blob.size)
  } finally {
    await blob?.close()
  }
}

/** Puts `count` blobs and deletes all of them that are not kept. */
export async function churn(
  store: Blockstore,
  first: number,
  count: number,
  isKept: (i: number) => boolean,
): Promise<Map<number, Uint8Array>> {
  const roots = new Map<number, Uint8Array>()
  for (let i = first; i < first + count; i++) roots.set(i, await putBlob(store, i))
  for (const [i, root] of roots) {
    if (isKept(i)) continue
    await store.delete(root)
    roots.delete(i)
  }
  return roots
}

/** A folder for each test; its stores do not wait for the disk. */
export function useSmallPacks(): {
  readonly inFolder: (...names: string[]) => string
  readonly openStore: (options?: Partial<BlockstoreOptions>, components?: BlockstoreComponents) => Promise<Blockstore>
  readonly packs: () => Promise<string[]>
  readonly packBytes: () => Promise<number>
} {
  const folder = useStoreFolder()
  const inFolder = (...names: string[]): string => join(folder.path(), ...names)
  const packs = (): Promise<string[]> => readdir(inFolder('packs'))
  return {
    inFolder,
    openStore: (options = {}, components = {}) =>
      folder.open({ packBytesMax: PACK_BYTES, ...options }, { fileSystem: unsynced, ...components }),
    packs,
    async packBytes() {
      const sizes = (await packs()).map(async (name) => (await stat(inFolder('packs', name)).catch(() => undefined))?.size ?? 0) // one may go meanwhile
      return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
    },
  }
}
