/** A blob while it is written: hashed once, counted against its limits, in memory or in a part file. */
import { createOutboardBuilder } from '@selvedge/verified-streaming'
import { CHUNK_GROUP_LOG } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import { Spool, type SpoolOptions } from './spool.ts'
import type { Usage } from './usage.ts'

export interface BlobWriterOptions extends SpoolOptions {
  readonly usage: Usage
  readonly blobBytesMax: number
}

export class BlobWriter {
  readonly spool: Spool
  readonly #options: BlobWriterOptions
  readonly #builder = createOutboardBuilder({ chunkGroupLog: CHUNK_GROUP_LOG })
  #counted = 0

  constructor(options: BlobWriterOptions) {
    this.#options = options
    this.spool = new Spool(options)
  }

  get size(): number {
    return this.spool.size
  }

  /** `bytes` are borrowed until it resolves. @throws {BlockstoreError} `BLOCKSTORE_TOO_LARGE`, `BLOCKSTORE_QUOTA`, `BLOCKSTORE_IO` */
  async write(bytes: Uint8Array): Promise<void> {
    const { usage, blobBytesMax } = this.#options
    if (this.size + bytes.length > blobBytesMax) {
      throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `blob exceeds ${blobBytesMax} bytes`, { blobBytesMax })
    }
    usage.check(bytes.length)
    usage.arrivingBytes += bytes.length
    this.#counted += bytes.length
    this.#builder.update(bytes)
    await this.spool.write(bytes)
  }

  /** @returns `data` when the bytes stayed in memory; otherwise the part file holds them, durable. */
  async finish(): Promise<{ root: Uint8Array; size: number; outboard: Uint8Array; data: Uint8Array | undefined }> {
    const data = await this.spool.finish()
    const { root, size, outboard } = this.#builder.finish()
    return { root, size, outboard, data }
  }

  /** Leaves no part file and no count; after the part was renamed away it closes only. */
  async discard(): Promise<void> {
    this.#options.usage.arrivingBytes -= this.#counted
    this.#counted = 0
    await this.spool.discard()
  }
}
