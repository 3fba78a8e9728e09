/**
 * The validator's log on disk: `<path>/epoch-<number>/00000001.wal`, and so on.
 *
 * What was acknowledged by `sync` survives kill -9 and a power cut; a torn tail is cut when the store is opened. An epoch is deleted by
 * renaming its folder first, so that half of one is never read.
 *
 * @module
 */
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConsensusError } from './errors.ts'
import type { EpochStore, Store } from './ports.ts'
import { EpochLog } from './store/epoch-log.ts'
import { GroupCommit, syncFolder } from './store/group-commit.ts'
import { acquireLock } from './store/lock.ts'
import { RecentBytes } from './store/recent-bytes.ts'

export { type LoggedRecord, readLog } from './store/read-log.ts'

export interface FileStoreOptions {
  /** The folder; made if it is not there. */
  readonly path: string
  /** A file that has grown beyond it is followed by a new one. @default 256 MiB */
  readonly segmentBytesMax?: number
  /** Bodies kept in memory after they are durable, with half a kilobyte for each that they cost beside. @default 16 MiB */
  readonly recentBytesMax?: number
}

const MIB = 2 ** 20

/**
 * Makes a `Store` of files.
 * @example const store = createFileStore({ path: '/var/lib/validator/log' })
 */
export function createFileStore(options: FileStoreOptions): Store {
  const { path, segmentBytesMax = 256 * MIB, recentBytesMax = 16 * MIB } = options
  const commit = new GroupCommit(new RecentBytes(recentBytesMax))
  const logs = new Map<number, EpochLog>()
  let release: (() => Promise<void>) | undefined

  const folderOf = (epoch: number): string => join(path, `epoch-${epoch}`)
  const openLog = (epoch: number): EpochLog => {
    const log = new EpochLog({ folder: folderOf(epoch), epoch, segmentBytesMax, enqueue: (unwritten) => commit.enqueue(unwritten) })
    logs.set(epoch, log)
    return log
  }
  const assertStarted = (): void => {
    if (release === undefined) throw new ConsensusError('CONSENSUS_STOPPED', `the store at ${path} is not started`, { path })
  }

  return {
    async start() {
      if (release !== undefined) return
      await guarded(path, async () => {
        mkdirSync(path, { recursive: true })
        await syncFolder(dirname(resolve(path)))
      })
      release = await acquireLock(path)
      try {
        for (const name of readdirSync(path)) {
          if (name.startsWith('deleted-')) await rm(join(path, name), { recursive: true, force: true })
          const epoch = /^epoch-(\d{1,10})$/.exec(name)?.[1]
          if (epoch !== undefined) await guarded(path, () => openLog(Number(epoch)))
        }
      } catch (error) {
        await this.stop()
        throw error
      }
    },
    epochs: () => [...logs].flatMap(([epoch, log]) => (log.isEmpty ? [] : [epoch])).toSorted((a, b) => a - b),
    epoch(epoch): EpochStore {
      assertStarted()
      return logs.get(epoch) ?? openLog(epoch)
    },
    sync: () => commit.sync(),
    async drop(epoch) {
      assertStarted()
      const log = logs.get(epoch)
      if (log === undefined) return
      await commit.sync()
      log.close()
      logs.delete(epoch)
      const deleted = join(path, `deleted-${epoch}-${Date.now()}`)
      await guarded(path, () => renameSync(folderOf(epoch), deleted))
      await rm(deleted, { recursive: true, force: true })
    },
    async stop() {
      if (release === undefined) return
      await commit.sync().catch(() => {}) // whoever waits for it has been told
      for (const log of logs.values()) log.close()
      logs.clear()
      const free = release
      release = undefined
      await free()
    },
  }
}

async function guarded<T>(path: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    if (cause instanceof ConsensusError) throw cause
    throw new ConsensusError('CONSENSUS_STORE_FAILED', `${path}: ${(cause as Error).message}`, { path }, { cause })
  }
}
