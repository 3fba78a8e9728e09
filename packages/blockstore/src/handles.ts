/** Files open for reading: shared, counted, bounded; a few idle ones stay open because the next reader is near. */
import { BlockstoreError } from './errors.ts'
import { stopped } from './jobs.ts'
import type { FileSystem, OpenFile } from './ports.ts'

interface Entry {
  readonly id: number
  readonly path: string
  readonly file: Promise<OpenFile>
  users: number
  /** The name was given to another file or removed: close it after its last reader. */
  isStale: boolean
}

export interface Handle {
  /** Of this opening of the file; no other one has it. */
  readonly id: number
  /** False once the store is stopped. */
  isReadable(): boolean
  /** Exactly `length` bytes. @throws {BlockstoreError} `BLOCKSTORE_DAMAGED` when the file ends before, `BLOCKSTORE_STOPPED`. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** The same, all of `target`. */
  readInto(offset: number, target: Uint8Array): Promise<void>
  /** Once; again does nothing. */
  release(): Promise<void>
}

export class Handles {
  readonly #fileSystem: FileSystem
  readonly #usedMax: number
  readonly #idleMax: number
  /** By path, in order of last use, the longest ago first. */
  readonly #entries = new Map<string, Entry>()
  /** Those that are read but have lost their path. */
  readonly #stale = new Set<Entry>()
  #used = 0
  #reads = 0
  #opened = 0
  #isStopped = false
  #quiet: (() => void) | undefined

  constructor(fileSystem: FileSystem, usedMax: number, idleMax: number) {
    this.#fileSystem = fileSystem
    this.#usedMax = usedMax
    this.#idleMax = idleMax
  }

  /** @throws {BlockstoreError} `BLOCKSTORE_BUSY`, `BLOCKSTORE_IO`, `BLOCKSTORE_STOPPED`. */
  async acquire(path: string): Promise<Handle> {
    if (this.#isStopped) throw stopped()
    const entry = this.#entries.get(path) ?? this.#open(path)
    if (entry.users === 0 && this.#used >= this.#usedMax) {
      await this.#dropUnused(entry)
      throw new BlockstoreError('BLOCKSTORE_BUSY', `${this.#usedMax} files are open for reading`, { open: this.#usedMax })
    }
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    if (entry.users++ === 0) this.#used++
    let isReleased = false
    const release = async (): Promise<void> => {
      if (isReleased) return
      isReleased = true
      await this.#release(entry)
    }
    try {
      const file = await entry.file
      return this.#handleOf(entry, file, release)
    } catch (error) {
      if (this.#entries.get(path) === entry) this.#entries.delete(path)
      this.#stale.delete(entry) // there is nothing to close
      if (--entry.users === 0) this.#used--
      throw error
    }
  }

  #open(path: string): Entry {
    return { id: ++this.#opened, path, file: this.#fileSystem.open(path, 'read'), users: 0, isStale: false }
  }

  #handleOf({ id, path }: Entry, file: OpenFile, release: Handle['release']): Handle {
    const read: Handle['read'] = (offset, length) => this.#read(file, path, offset, length)
    const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
      const bytes = await this.#read(file, path, offset, target.length, target)
      const isThere = bytes.buffer === target.buffer && bytes.byteOffset === target.byteOffset
      if (!isThere) target.set(bytes)
    }
    return { id, isReadable: () => !this.#isStopped, read, readInto, release }
  }

  /** One read. */
  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const handle = await this.acquire(path)
    try {
      return await handle.read(offset, length)
    } finally {
      await handle.release()
    }
  }

  async #read(file: OpenFile, path: string, offset: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    if (this.#isStopped) throw stopped()
    this.#reads++
    try {
      const bytes = await file.read(offset, length, target)
      if (bytes.length === length) return bytes
      throw new BlockstoreError('BLOCKSTORE_DAMAGED', `${path} ends before ${offset + length}`, { path, offset, length })
    } finally {
      if (--this.#reads === 0) this.#quiet?.()
    }
  }

  async #release(entry: Entry): Promise<void> {
    if (--entry.users > 0 || this.#isStopped) return
    this.#used--
    if (entry.isStale) {
      this.#stale.delete(entry)
      return (await entry.file).close()
    }
    let idle = 0
    for (const other of this.#entries.values()) if (other.users === 0) idle++
    if (idle <= this.#idleMax) return
    for (const other of this.#entries.values()) {
      if (other.users > 0) continue
      this.#entries.delete(other.path)
      return (await other.file).close()
    }
  }

  /** A file opened for a reader that was refused. */
  async #dropUnused(entry: Entry): Promise<void> {
    if (this.#entries.get(entry.path) !== entry) await (await entry.file).close()
  }

  /** The next `acquire` of this path opens anew. */
  async forget(path: string): Promise<void> {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#entries.delete(path)
    entry.isStale = true
    if (entry.users > 0) this.#stale.add(entry)
    else await (await entry.file).close()
  }

  /** Lets the reads that run end, closes everything; what is still held reads no more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#reads > 0) await new Promise<void>((resolve) => (this.#quiet = resolve))
    for (const entry of [...this.#entries.values(), ...this.#stale]) await (await entry.file).close()
    this.#entries.clear()
    this.#stale.clear()
  }
}
