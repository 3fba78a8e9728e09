/**
 * A sink's store in files, so that a download outlives its process: `PATH.part` holds content, `PATH.pairs` what proves it, `PATH.state`
 * what is held. The state is written only after content and proof are on the disk, by renaming, so that after a crash at any moment it
 * names nothing that is not there; a sink's `recheck` finds what a disk lost all the same.
 */
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { HASH_BYTES, PAIR_BYTES } from './constants.ts'
import { VerifyError } from './errors.ts'
import type { SinkStore } from './memory-store.ts'
import { fromFileHandle } from './random-access.ts'
import type { Sink } from './sink.ts'

export interface FileStore extends SinkStore {
  /** What `save` wrote in an earlier life, for `createSink`; `undefined` at first. */
  readonly state: Uint8Array | undefined
  /** Keeps what the sink holds: on the disk when it resolves. Call it as often as you would not download again; calls take turns. */
  save(sink: Sink): Promise<void>
  /** Gives the complete file its name and removes the others. @throws {VerifyError} `VERIFY_INCOMPLETE` */
  finish(sink: Sink): Promise<void>
  /** Lets go of the files and keeps them. */
  close(): Promise<void>
}

/** What `use` gives of a file, `undefined` where there is no such file. */
async function whereThere<T>(use: Promise<T>): Promise<T | undefined> {
  try {
    return await use
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

interface Files {
  readonly content: FileHandle
  readonly pairs: FileHandle
  readonly state: Uint8Array | undefined
}

/** Opens what there is of a download and makes what there is not; lets go of what it opened when it fails. */
async function openFiles(path: string): Promise<Files> {
  let content: FileHandle | undefined
  let pairs: FileHandle | undefined
  try {
    content = await whereThere(open(`${path}.part`, 'r+'))
    pairs = await whereThere(open(`${path}.pairs`, 'r+'))
    // `finish` may have died after it had named the content: then a state that is left speaks of files which are no longer these.
    if (content === undefined || pairs === undefined) await rm(`${path}.state`, { force: true })
    content ??= await open(`${path}.part`, 'wx+')
    pairs ??= await open(`${path}.pairs`, 'wx+')
    const state = await whereThere(readFile(`${path}.state`))
    return { content, pairs, state: state && new Uint8Array(state) }
  } catch (error) {
    await content?.close()
    await pairs?.close()
    throw error
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten
}

/**
 * Opens the files of a download to `path`, new or begun earlier. One process at a time. A file that is at `path` already is not looked
 * at: it stays until `finish` replaces it, and `hashParallel` tells whether it is the one.
 *
 * @throws the file system's own errors.
 * @example const store = await openFileStore('film.webm'), sink = createSink(root, { store, state: store.state })
 */
export async function openFileStore(path: string): Promise<FileStore> {
  const { content, pairs, state } = await openFiles(path)
  const sync = async (): Promise<void> => {
    await content.datasync()
    await pairs.datasync()
  }
  const close = async (): Promise<void> => {
    await content.close()
    await pairs.close()
  }
  let turn: Promise<void> = Promise.resolve()
  const writeState = async (sink: Sink): Promise<void> => {
    const bytes = await sink.save() // which syncs first
    await writeFile(`${path}.state.new`, bytes, { flush: true })
    await rename(`${path}.state.new`, `${path}.state`)
  }
  return {
    state,
    writeContent: (offset, bytes) => writeAt(content, bytes, offset),
    writePair: (slot, pair) => writeAt(pairs, pair, slot * PAIR_BYTES),
    readContent: (offset, length) => fromFileHandle(content, Number.MAX_SAFE_INTEGER).readAt(offset, length),
    readPair: (slot) => fromFileHandle(pairs, Number.MAX_SAFE_INTEGER).readAt(slot * PAIR_BYTES, 2 * HASH_BYTES),
    sync,
    close,
    save(sink) {
      const saved = turn.then(() => writeState(sink))
      turn = saved.catch(() => {}) // whoever asked is told; the next one has its own try
      return saved
    },
    async finish(sink) {
      const { size } = sink
      if (!sink.isComplete || size.state !== 'verified') throw new VerifyError('VERIFY_INCOMPLETE', `${path} is not complete yet`)
      await turn
      await content.truncate(size.bytes)
      await sync()
      await close()
      await rename(`${path}.part`, path)
      for (const ending of ['pairs', 'state']) await rm(`${path}.${ending}`, { force: true })
    },
  }
}
