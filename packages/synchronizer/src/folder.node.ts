/** Files of a folder on disk: for the server's snapshots, and for the one that a joiner is receiving. */
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromFileHandle, type SinkStore, VerifyError } from '@selvedge/verified-streaming'
import type { SnapshotCache, SnapshotFiles } from './ports.ts'

const PART = '.part'

/** Snapshot files in `path`, which is made if it is missing. What a crash left unfinished is never listed. */
export async function openSnapshotFolder(path: string): Promise<SnapshotFiles> {
  await mkdir(path, { recursive: true })
  for (const name of await readdir(path)) if (name.endsWith(PART)) await rm(join(path, name), { force: true })
  return {
    async create(name) {
      const part = join(path, name + PART)
      const handle = await open(part, 'w')
      return {
        async write(bytes) {
          await handle.appendFile(bytes)
        },
        async finish() {
          await handle.datasync()
          await handle.close()
          await rename(part, join(path, name)) // data before name: a crash anywhere leaves a whole file or none
          await syncFolder(path)
        },
        async abort() {
          await handle.close().catch(() => undefined)
          await rm(part, { force: true })
        },
      }
    },
    async open(name) {
      const handle = await open(join(path, name), 'r')
      return { data: await fromFileHandle(handle), close: () => handle.close() }
    },
    list: async () => (await readdir(path)).filter((name) => !name.endsWith(PART)),
    remove: (name) => rm(join(path, name), { force: true }),
  }
}

/** A cache for one arriving snapshot in `path`: `content`, `pairs` and `state`. */
export async function openSnapshotCache(path: string): Promise<SnapshotCache & { close(): Promise<void> }> {
  await mkdir(path, { recursive: true })
  const content = await open(join(path, 'content'), 'a+').then((handle) => handle.close().then(() => open(join(path, 'content'), 'r+')))
  const pairs = await open(join(path, 'pairs'), 'a+').then((handle) => handle.close().then(() => open(join(path, 'pairs'), 'r+')))
  const read = async (handle: typeof content, offset: number, length: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const { bytesRead } = await handle.read(bytes, at, length - at, offset + at)
      if (bytesRead === 0) throw new VerifyError('VERIFY_INCOMPLETE', `nothing is stored at ${offset + at}`, { offset: offset + at })
      at += bytesRead
    }
    return bytes
  }
  const store: SinkStore = {
    async writeContent(offset, bytes) {
      await content.write(bytes, 0, bytes.length, offset)
    },
    async writePair(slot, pair) {
      await pairs.write(pair, 0, pair.length, slot * 64)
    },
    readContent: (offset, length) => read(content, offset, length),
    readPair: (slot) => read(pairs, slot * 64, 64),
    async sync() {
      await content.datasync()
      await pairs.datasync()
    },
  }
  return {
    store,
    loadState: () => readFile(join(path, 'state')).catch(() => undefined),
    async saveState(state) {
      const part = join(path, `state${PART}`)
      await writeFile(part, state, { flush: true })
      await rename(part, join(path, 'state'))
      await syncFolder(path)
    },
    async close() {
      await content.close()
      await pairs.close()
    },
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync()
  await handle.close()
}
