/** Files open for reading: shared, counted, bounded; a few idle ones stay open because the next reader is near. */
import { BlockstoreError } from './errors.ts'
import type { FileSystem, OpenFile } from './ports.ts'

interface Entry {
  readonly path: string
  readonly file: Promise<OpenFile>
  users: number
  /** The name was given to another file or removed: close it after its last reader. */
  isStale: boolean
}

export class Handles {
  readonly #fileSystem: FileSystem
  readonly #usedMax: number
  readonly #idleMax: number
  /** In order of last use, the longest ago first. */
  readonly #entries = new Map<string, Entry>()
  #used = 0

  constructor(fileSystem: FileSystem, usedMax: number, idleMax: number) {
    this.#fileSystem = fileSystem
    this.#usedMax = usedMax
    this.#idleMax = idleMax
  }

  /** @throws {BlockstoreError} `BLOCKSTORE_BUSY`, `BLOCKSTORE_IO`. */
  async acquire(path: string): Promise<{ readonly file: OpenFile; release(): Promise<void> }> {
    let entry = this.#entries.get(path)
    if ((entry?.users ?? 0) === 0 && this.#used >= this.#usedMax) {
      throw new BlockstoreError('BLOCKSTORE_BUSY', `${this.#usedMax} files are open for reading`, { open: this.#usedMax })
    }
    entry ??= { path, file: this.#fileSystem.open(path, 'read'), users: 0, isStale: false }
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    if (entry.users++ === 0) this.#used++
    const taken = entry
    try {
      const file = await entry.file
      let isReleased = false
      return {
        file,
        release: async () => {
          if (isReleased) return
          isReleased = true
          await this.#release(taken)
        },
      }
    } catch (error) {
      taken.isStale = true
      if (this.#entries.get(path) === taken) this.#entries.delete(path)
      if (--taken.users === 0) this.#used--
      throw error
    }
  }

  /** One read, of exactly `length` bytes. */
  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const handle = await this.acquire(path)
    try {
      const bytes = await handle.file.read(offset, length)
      if (bytes.length === length) return bytes
      throw new BlockstoreError('BLOCKSTORE_DAMAGED', `${path} ends before ${offset + length}`, { path, offset, length })
    } finally {
      await handle.release()
    }
  }

  async #release(entry: Entry): Promise<void> {
    if (--entry.users > 0) return
    this.#used--
    if (entry.isStale) return (await entry.file).close()
    let idle = 0
    for (const other of this.#entries.values()) if (other.users === 0) idle++
    if (idle <= this.#idleMax) return
    for (const other of this.#entries.values()) {
      if (other.users > 0) continue
      this.#entries.delete(other.path)
      return (await other.file).close()
    }
  }

  /** The next `acquire` of this path opens anew. */
  async forget(path: string): Promise<void> {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#entries.delete(path)
    entry.isStale = true
    if (entry.users === 0) await (await entry.file).close()
  }

  async stop(): Promise<void> {
    for (const entry of [...this.#entries.values()]) if (entry.users === 0) await this.forget(entry.path)
  }
}
