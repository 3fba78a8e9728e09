/**
 * Files of verified bytes in the origin's private file system, the ones used last, within a bound.
 *
 * A file is written beside its place and takes it when it is whole (`createWritable`), and whoever reads one verifies it. So what a crash, a
 * second tab or a flipped bit leave is at worst a file that is not used. Nothing here may fail a download: what the file system refuses is told
 * to `onError`, and counts as not there.
 */
export interface OpfsFilesOptions {
  readonly open: () => Promise<FileSystemDirectoryHandle>
  readonly bytesMax: number
  readonly onError: ((error: unknown) => void) | undefined
}

export class OpfsFiles {
  readonly #options: OpfsFilesOptions
  /** Name to bytes, the one used last at the end. What other tabs write is seen with the next life of this one. */
  #sizes = new Map<string, number>()
  #bytes = 0
  #directory: Promise<FileSystemDirectoryHandle> | undefined
  #scan: Promise<void> | undefined

  constructor(options: OpfsFilesOptions) {
    this.#options = options
  }

  /** The whole file, the caller's own; undefined where there is none that can be read. Not verified. */
  async read(name: string): Promise<Uint8Array | undefined> {
    return await this.#tried(async (directory) => {
      const file = await (await directory.getFileHandle(name)).getFile()
      const bytes = new Uint8Array(await file.arrayBuffer())
      this.#note(name, bytes.length)
      return bytes
    })
  }

  /** Resolves when it is there, or could not be written. What was used longest ago makes room. */
  async write(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (bytes > this.#options.bytesMax) return
    await this.#tried(async (directory) => {
      await this.#known(directory)
      this.#note(name, bytes)
      await this.#makeRoom(directory)
      try {
        const handle = await directory.getFileHandle(name, { create: true })
        if (!('createWritable' in handle))
          throw new DOMException('files can be written here by dedicated workers only', 'NotSupportedError')
        const writable = await handle.createWritable()
        try {
          for (const part of parts) await writable.write(part as Uint8Array<ArrayBuffer>)
          await writable.close()
        } catch (error) {
          await writable.abort().catch(() => undefined) // it ended with the error that is told
          throw error
        }
      } catch (error) {
        this.#forget(name)
        await directory.removeEntry(name).catch(() => undefined) // an empty file, or none
        throw error
      }
    })
  }

  /** One that was read as empty stays: it is being written, or was when a tab died. */
  async remove(name: string): Promise<void> {
    if (this.#sizes.get(name) === 0) return
    this.#forget(name)
    await this.#tried(async (directory) => await directory.removeEntry(name))
  }

  async clear(): Promise<void> {
    await this.#tried(async (directory) => {
      await this.#known(directory)
      for (const name of this.#sizes.keys()) {
        this.#forget(name)
        await directory.removeEntry(name)
      }
    })
  }

  /** Undefined: there is none now. It is asked for again when it is wanted next, for a refusal may be of the moment. */
  async #opened(): Promise<FileSystemDirectoryHandle | undefined> {
    try {
      return await (this.#directory ??= this.#options.open())
    } catch (error) {
      this.#directory = undefined
      this.#options.onError?.(error)
      return undefined
    }
  }

  /** What `work` gives; undefined where the file system would not, for whatever reason. */
  async #tried<T>(work: (directory: FileSystemDirectoryHandle) => Promise<T>): Promise<T | undefined> {
    const directory = await this.#opened()
    if (directory === undefined) return undefined
    try {
      return await work(directory)
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      if (error.name !== 'NotFoundError') this.#options.onError?.(error)
      return undefined
    }
  }

  /** Another tab may write while the directory is gone through, and end that: then the next one goes through it. */
  async #known(directory: FileSystemDirectoryHandle): Promise<void> {
    const scan = (this.#scan ??= this.#look(directory))
    try {
      await scan
    } catch (error) {
      if (this.#scan === scan) this.#scan = undefined
      throw error
    }
  }

  /** What an earlier life left, oldest first; before what this one has used already. */
  async #look(directory: FileSystemDirectoryHandle): Promise<void> {
    const found: { readonly name: string; readonly size: number; readonly lastModified: number }[] = []
    for await (const [name, handle] of directory.entries()) {
      if (handle.kind !== 'file') continue
      const file = await (handle as FileSystemFileHandle).getFile().catch(ignoreGone)
      if (file !== undefined) found.push({ name, size: file.size, lastModified: file.lastModified })
    }
    const used = this.#sizes
    this.#sizes = new Map()
    this.#bytes = 0
    for (const { name, size } of found.sort((a, b) => a.lastModified - b.lastModified)) if (!used.has(name)) this.#note(name, size)
    for (const [name, size] of used) this.#note(name, size)
  }

  #note(name: string, bytes: number): void {
    this.#forget(name)
    this.#sizes.set(name, bytes)
    this.#bytes += bytes
  }

  #forget(name: string): void {
    this.#bytes -= this.#sizes.get(name) ?? 0
    this.#sizes.delete(name)
  }

  async #makeRoom(directory: FileSystemDirectoryHandle): Promise<void> {
    for (const name of this.#sizes.keys()) {
      if (this.#bytes <= this.#options.bytesMax) return
      this.#forget(name)
      await directory.removeEntry(name).catch(ignoreGone)
    }
  }
}

/** Another tab may have removed it, or be writing it: it is not ours any more. */
function ignoreGone(error: unknown): undefined {
  if (!(error instanceof DOMException)) throw error
}
