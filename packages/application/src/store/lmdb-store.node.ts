/**
 * The store on LMDB: one environment, one database, the space's byte before each key. The only file that knows LMDB.
 *
 * A commit is one write transaction, flushed before it returns unless told otherwise, so a block is whole or it never was. Reads are synchronous and
 * come from a memory map; a snapshot is a read transaction that LMDB keeps consistent however many blocks are committed meanwhile.
 *
 * One row is its own (store-format.ts): by which version of the layout the database is written. Without one it is given the row when it is opened, and a
 * newer version is refused.
 */
import { open, type RootDatabase, type Transaction } from 'lmdb'
import { ApplicationError } from '../errors.ts'
import type { KeyValueStore, Space, StoreReader, StoreSnapshot, Write } from './contract.ts'
import { encodeStoreFormat, FORMAT_KEY, STORE_VERSION, verifyStoreFormat } from './store-format.ts'

const KEY_BYTES_MAX = 512

export interface LmdbStoreOptions {
  /** Size of the memory map at first, in bytes. It is made larger when the file outgrows it, so this bounds nothing. @default 64 GiB */
  readonly mapBytes?: number
  /**
   * `execute` returns when a block is committed, and the disk flushes it while the next one runs: nobody may be told of a block (no
   * checkpoint signed) before `flushed` has settled. A killed process loses nothing; a power cut falls back to the last flushed block,
   * from where the order brings the others again. @default false: a commit is flushed when it returns
   */
  readonly overlapsFlush?: boolean
}

/** The ledger's database in the folder `path`. One process a folder. */
export interface LmdbStore extends KeyValueStore {
  /** Settles when all that was committed is on disk. */
  flushed(): Promise<void>
  /** Waits for the disk. Nothing may be called afterwards. */
  close(): Promise<void>
}

/**
 * @throws {ApplicationError} `APPLICATION_FORMAT`, with the version and the newest that is known: it is of a newer one; `APPLICATION_DAMAGED`: it does not say of
 *   which. Nothing is changed by either. What LMDB throws for a folder that it cannot open.
 */
export function createLmdbStore(path: string, options: LmdbStoreOptions = {}): LmdbStore {
  const { mapBytes = 64 * 2 ** 30, overlapsFlush = false } = options
  const database = open<Buffer, Buffer>({
    path,
    noSubdir: false, // else a folder whose name has a dot would be a file
    keyEncoding: 'binary',
    encoding: 'binary',
    mapSize: mapBytes,
    overlappingSync: overlapsFlush,
  })
  settleFormat(database, path)
  const scratch = Buffer.alloc(1 + KEY_BYTES_MAX) // LMDB copies the key at the call

  const place = (space: Space, key: Uint8Array): Buffer => {
    scratch[0] = space
    scratch.set(key, 1)
    return scratch.subarray(0, key.length + 1)
  }
  const own = (space: Space, key: Uint8Array): Buffer => {
    const out = Buffer.allocUnsafe(key.length + 1)
    out[0] = space
    out.set(key, 1)
    return out
  }
  const readerOf = (transaction: Transaction | undefined): StoreReader => {
    const at = transaction === undefined ? {} : { transaction }
    return {
      get(space, key) {
        const found =
          transaction === undefined ? database.getBinaryFast(place(space, key)) : database.get(place(space, key), { transaction })
        // Never the Buffer itself: its `slice` is a view, and this memory is written again by the next read.
        return found === undefined ? undefined : new Uint8Array(found.buffer, found.byteOffset, found.length)
      },
      *range(space, from, to) {
        const end = to === undefined ? Buffer.of(space + 1) : own(space, to)
        for (const { key, value } of database.getRange({ start: own(space, from), end, ...at })) {
          yield [new Uint8Array(key.subarray(1)), new Uint8Array(value)]
        }
      },
    }
  }
  return {
    ...readerOf(undefined),
    commit(writes: readonly Write[]) {
      if (writes.length === 0) return
      database.transactionSync(() => {
        for (const { space, key, value } of writes) {
          if (value === undefined) database.removeSync(place(space, key))
          else database.putSync(place(space, key), Buffer.from(value.buffer, value.byteOffset, value.length))
        }
      })
      // Two copies of lmdb's JavaScript in one process share one native library, and the first then writes zeros without a word.
      const last = writes.findLast(({ value }) => value !== undefined)
      if (last?.value !== undefined && !database.get(own(last.space, last.key))?.equals(last.value)) throw forgetful(path)
    },
    openSnapshot(): StoreSnapshot {
      const transaction = database.useReadTransaction()
      return { ...readerOf(transaction), close: () => transaction.done() }
    },
    async flushed() {
      await database.flushed
    },
    async close() {
      await database.flushed
      await database.close()
    },
  }
}

/** In one transaction: a process that dies meanwhile leaves the row or none. */
function settleFormat(database: RootDatabase<Buffer, Buffer>, path: string): void {
  const key = Buffer.of(FORMAT_KEY)
  try {
    const row = database.get(key)
    if (row === undefined) writeFormat(database, key, path)
    else verifyStoreFormat(row, path)
  } catch (error) {
    void database.close()
    throw error
  }
}

function writeFormat(database: RootDatabase<Buffer, Buffer>, key: Buffer, path: string): void {
  const row = Buffer.from(encodeStoreFormat(STORE_VERSION))
  database.putSync(key, row)
  if (database.get(key)?.equals(row) === true) return
  database.removeSync(key) // zeros would be damage to whoever opens it rightly
  throw forgetful(path)
}

function forgetful(path: string): ApplicationError {
  return new ApplicationError('APPLICATION_DAMAGED', `the store in ${path} does not keep what it is given: is lmdb loaded twice?`, { path })
}
