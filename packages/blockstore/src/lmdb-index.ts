/** The `Index` port on LMDB: one environment, one named database a table. The only file that knows LMDB. */
import { open, type Database } from 'lmdb'
import { BlockstoreError } from './errors.ts'
import type { Index, Table } from './ports.ts'

const TABLES: readonly Table[] = ['blobs', 'blocks', 'places', 'entities', 'files', 'roots', 'meta']
type Bytes = Database<Buffer, Buffer>

/**
 * @param path - a folder of its own.
 * Commits become visible before they are flushed (`overlappingSync`): after a power cut LMDB falls back to the last flushed
 * transaction, and the packs replay the rest.
 */
export function createLmdbIndex(path: string): Index {
  const root = open<Buffer, Buffer>({
    path,
    keyEncoding: 'binary',
    encoding: 'binary',
    maxDbs: TABLES.length,
    overlappingSync: true,
    separateFlushed: true,
    commitDelay: 0,
  })
  const databases = new Map<Table, Bytes>(
    TABLES.map((table) => [table, root.openDB<Buffer, Buffer>({ name: table, keyEncoding: 'binary', encoding: 'binary' })]),
  )
  const databaseOf = (table: Table): Bytes => databases.get(table) as Bytes
  return {
    get(table, key) {
      const value = databaseOf(table).get(bufferOf(key))
      return value === undefined ? undefined : new Uint8Array(value)
    },
    range(table, prefix, limit, after) {
      const out: [Uint8Array, Uint8Array][] = []
      const first = after ?? prefix
      const options = first.length === 0 ? { limit: limit + 1 } : { start: bufferOf(first), limit: limit + 1 }
      for (const { key, value } of databaseOf(table).getRange(options)) {
        if (!startsWith(key, prefix) || out.length === limit) break
        if (after !== undefined && key.equals(after)) continue
        out.push([new Uint8Array(key), new Uint8Array(value)])
      }
      return out
    },
    async apply(batch) {
      if (batch.length === 0) return
      await root.batch(() => {
        for (const { table, key, value } of batch) {
          if (value === undefined) void databaseOf(table).remove(bufferOf(key))
          else void databaseOf(table).put(bufferOf(key), bufferOf(value))
        }
      })
      // Two copies of lmdb's JavaScript in one process share one native library, and the first then writes zeros without a word.
      const last = batch.findLast(({ value }) => value !== undefined)
      if (last?.value !== undefined && !databaseOf(last.table).get(bufferOf(last.key))?.equals(last.value)) {
        throw new BlockstoreError(
          'BLOCKSTORE_IO',
          `the index in ${path} does not keep what it is given: is a second copy of lmdb loaded?`,
          { path },
        )
      }
    },
    async flush() {
      await root.flushed
    },
    async close() {
      await root.flushed
      await root.close()
    },
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  if (key.length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false
  return true
}
