/**
 * Bytes on their way in: in memory while they are few, else in a part file, gathered into large writes and synced every 16 MiB
 * in the background. What was written can be read at once.
 */
import { INLINE_BYTES_MAX, SYNC_BYTES, WRITE_BYTES } from './constants.ts'
import type { FileSystem, OpenFile } from './ports.ts'

export interface SpoolOptions {
  readonly fileSystem: FileSystem
  /** The part file, made when it is needed. */
  readonly path: string
  /** Up to this size the bytes stay in memory. @default 256 KiB */
  readonly inlineBytesMax?: number
}

export class Spool {
  readonly path: string
  readonly #fileSystem: FileSystem
  readonly #inlineBytesMax: number
  /** As large as the first bytes, then twice as large each time: most of what comes is one small file in one piece. */
  #buffer = new Uint8Array(0)
  #filled = 0
  /** Bytes in the file; what the buffer holds comes after them. */
  #flushed = 0
  #synced = 0
  #file: OpenFile | undefined
  #syncing: Promise<unknown> | undefined
  #failure: unknown

  constructor({ fileSystem, path, inlineBytesMax = INLINE_BYTES_MAX }: SpoolOptions) {
    this.path = path
    this.#fileSystem = fileSystem
    this.#inlineBytesMax = inlineBytesMax
  }

  get size(): number {
    return this.#flushed + this.#filled
  }

  /** The caller waits for one write before the next. */
  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes
    if (this.#file === undefined) {
      if (this.#filled + rest.length <= this.#inlineBytesMax) return this.#keep(rest)
      this.#file = await this.#fileSystem.open(this.path, 'create')
      this.#grow(Math.max(WRITE_BYTES, this.#filled))
    }
    if (this.#filled > 0 || rest.length < WRITE_BYTES) {
      const part = rest.subarray(0, this.#buffer.length - this.#filled)
      this.#keep(part)
      rest = rest.subarray(part.length)
      if (this.#filled < this.#buffer.length) return
      await this.#flush()
    }
    const whole = rest.length - (rest.length % WRITE_BYTES)
    if (whole > 0) await this.#writeOut(rest.subarray(0, whole))
    this.#keep(rest.subarray(whole))
  }

  #keep(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#buffer.length) this.#grow(Math.max(2 * this.#buffer.length, this.#filled + bytes.length))
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  #grow(size: number): void {
    if (size <= this.#buffer.length) return
    const buffer = new Uint8Array(size)
    buffer.set(this.#buffer.subarray(0, this.#filled))
    this.#buffer = buffer
  }

  async #flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#filled)
    if (bytes.length === 0) return
    await (this.#file as OpenFile).write(this.#flushed, [bytes])
    this.#flushed += bytes.length
    this.#filled = 0
    this.#syncSoon()
  }

  async #writeOut(bytes: Uint8Array): Promise<void> {
    await (this.#file as OpenFile).write(this.#flushed, [bytes])
    this.#flushed += bytes.length
    this.#syncSoon()
  }

  /** A failed background sync is kept for `finish`: a later sync of the same file may succeed without the lost pages. */
  #syncSoon(): void {
    if (this.#syncing !== undefined || this.#flushed - this.#synced < SYNC_BYTES) return
    this.#synced = this.#flushed
    this.#syncing = (this.#file as OpenFile).datasync().then(
      () => (this.#syncing = undefined),
      (error: unknown) => (this.#failure = error),
    )
  }

  /** Bytes `[offset, offset + length)` of what was written. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const flushed = this.#flushed
    if (offset >= flushed) return this.#buffer.slice(offset - flushed, offset - flushed + length)
    const fromFile = Math.min(length, flushed - offset)
    const tail = this.#buffer.slice(0, length - fromFile) // before the await: a flush may come in between
    const head = await (this.#file as OpenFile).read(offset, fromFile)
    if (tail.length === 0) return head
    const out = new Uint8Array(length)
    out.set(head)
    out.set(tail, fromFile)
    return out
  }

  /** @returns the bytes when they stayed in memory; otherwise the part file holds them, durable and closed. */
  async finish(): Promise<Uint8Array | undefined> {
    if (this.#file === undefined) return this.#buffer.subarray(0, this.#filled)
    await this.#flush()
    await this.#syncing
    if (this.#failure !== undefined) throw this.#failure
    await this.#file.datasync()
    return undefined
  }

  /** Closes the part file and leaves it. */
  async close(): Promise<void> {
    await this.#syncing
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  /** Leaves nothing. */
  async discard(): Promise<void> {
    const isOnDisk = this.#file !== undefined
    await this.close()
    if (isOnDisk) await this.#fileSystem.remove(this.path)
  }
}
