/** A store's parts, put together on its folder: what a crash left is mended, and everything is counted once. */
import { Catalog } from './catalog.ts'
import { Compactor } from './compactor.ts'
import { PACK_BYTES_MAX, PACK_BYTES_MIN, PACKS_A_QUOTA } from './constants.ts'
import { Content } from './content.ts'
import { Handles } from './handles.ts'
import type { Layout } from './layout.ts'
import { createLmdbIndex } from './lmdb-index.ts'
import { acquireLock } from './lock.ts'
import type { BlockstoreComponents, BlockstoreOptions } from './options.ts'
import { PackLog } from './pack-log.ts'
import type { FileSystem, Index } from './ports.ts'
import { checkFiles, prepareFolders } from './recovery.ts'
import { Usage } from './usage.ts'

const IDLE_FILES_MAX = 64

/** What is there between start() and stop(). */
export interface Live {
  readonly index: Index
  readonly catalog: Catalog
  readonly log: PackLog
  readonly handles: Handles
  readonly usage: Usage
  readonly content: Content
  readonly compactor: Compactor
  readonly unlock: () => Promise<void>
}

/** @throws {BlockstoreError} as `start`: then nothing is open and the store is nobody's. */
export async function openStore(
  components: BlockstoreComponents,
  options: BlockstoreOptions,
  fileSystem: FileSystem,
  layout: Layout,
): Promise<Live> {
  const { quotaBytes, packBytesMax = packBytesOf(quotaBytes), openFilesMax = 1024, onRecovery = ignore, onCompaction = ignore } = options
  await fileSystem.makeDirectory(layout.root)
  const unlock = await (components.acquireLock ?? acquireLock)(layout.lock)
  let index: Index | undefined
  try {
    await prepareFolders(fileSystem, layout)
    index = (components.openIndex ?? createLmdbIndex)(layout.index)
    const handles = new Handles(fileSystem, openFilesMax, IDLE_FILES_MAX)
    const catalog: Catalog = new Catalog({ index, readEntries: (file) => content.entriesOf(file) })
    const log = new PackLog({
      fileSystem,
      path: layout.packs,
      packBytesMax,
      apply: (facts, applied, forgotten) => catalog.apply(facts, applied, forgotten),
      onEvent: onRecovery,
    })
    const usage = new Usage(quotaBytes ?? Number.MAX_SAFE_INTEGER, () => catalog.live.bytes)
    const content = new Content({ fileSystem, layout, log, catalog, handles, usage })
    await catalog.live.count() // what the log applies is noted as it comes
    await log.start(catalog.applied)
    const { fileBytes, lost } = await checkFiles(fileSystem, layout, catalog, onRecovery)
    usage.fileBytes = fileBytes
    for (const root of lost) {
      await content.delete(root)
      onRecovery({ type: 'lost', root })
    }
    const compactor = new Compactor({ fileSystem, index, log, catalog, handles, usage, packBytesMax, onEvent: onCompaction })
    return { index, catalog, log, handles, usage, content, compactor, unlock }
  } catch (error) {
    await index?.close()
    await unlock()
    throw error
  }
}

/** So that what is dead in a pack is little beside a small quota, too. */
function packBytesOf(quotaBytes: number | undefined): number {
  if (quotaBytes === undefined) return PACK_BYTES_MAX
  return Math.min(PACK_BYTES_MAX, Math.max(PACK_BYTES_MIN, Math.floor(quotaBytes / PACKS_A_QUOTA)))
}

function ignore(): void {}
