/**
 * A UnixFS file while its verified blocks arrive depth-first: the flat bytes go into one blob, hashed once, and what else the
 * blocks are made of into the skeleton. Invariants: bytes are only ever appended, so a block of kind `file` must bring the bytes
 * that come next; the first block is the root; nothing has a name before `commit`.
 *
 * A repeated block is written as often as the file repeats it, and remembered once. What is remembered in memory is one entry a
 * different block (about 250 bytes), bounded by `blocksPerFileMax`.
 */
import { mapKeyOf } from './bytes.ts'
import type { BlobWriter } from './blob-writer.ts'
import { blockKeyOf, inlineBytesOf, type MatchesCid } from './cid.ts'
import { BlockstoreError } from './errors.ts'
import { checkFileBlock, checkFileSize, ended, malformed } from './file-rules.ts'
import type { CidLike, CommitOptions, Entity, FileBlock, FileImport } from './ports.ts'
import { encodeSkeletonHead, type Frame, rebuildBlock } from './skeleton.ts'
import type { Spool } from './spool.ts'

export interface FileImportParts {
  readonly cid: CidLike
  readonly matches: MatchesCid
  readonly blocksPerFileMax: number
  /** Takes a place among the writes. */
  readonly begin: () => Promise<Writing>
  /** Makes it an entity. */
  readonly keep: (writing: Writing, mayLinger: boolean) => Promise<Entity>
  readonly getStoredBlock: (cid: CidLike) => Promise<Uint8Array | undefined>
}

/** Where the bytes go while the import runs. */
export interface Writing {
  readonly signal: AbortSignal
  readonly writer: BlobWriter
  readonly skeleton: Spool
  /** Removes what has no name and gives the place back. */
  end(): Promise<void>
}

type Phase = 'open' | 'committing' | 'committed' | 'ended'

export function createFileImport(parts: FileImportParts): FileImport {
  return new ArrivingFile(parts)
}

class ArrivingFile implements FileImport {
  readonly #parts: FileImportParts
  readonly #frames = new Map<string, Frame>()
  #phase: Phase = 'open'
  #writing: Promise<Writing> | undefined
  #fileSize: number | undefined
  /** One call after the other, in order. */
  #tail: Promise<unknown> = Promise.resolve()

  constructor(parts: FileImportParts) {
    this.#parts = parts
  }

  add(block: FileBlock): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#phase !== 'open') throw ended()
      const writing = await this.#begin()
      try {
        writing.signal.throwIfAborted()
        await this.#write(block, writing)
      } catch (error) {
        await this.#end() // half a block may be written: what came is not a file any more
        throw error
      }
    })
  }

  async #write(block: FileBlock, { writer, skeleton }: Writing): Promise<void> {
    this.#check(block, writer.size)
    const key = mapKeyOf(blockKeyOf(block.cid))
    const data = block.block.subarray(block.dataStart, block.dataEnd)
    if (!this.#frames.has(key)) await this.#remember(key, block, writer.size, skeleton)
    if (data.length > 0) await writer.write(data)
  }

  #check(block: FileBlock, written: number): void {
    const isFirst = this.#frames.size === 0
    checkFileBlock(block, { cid: this.#parts.cid, written, isFirst })
    if (isFirst) this.#fileSize = block.fileSize
    if (this.#frames.size >= this.#parts.blocksPerFileMax) {
      throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `file has more than ${this.#parts.blocksPerFileMax} different blocks`)
    }
  }

  async #remember(key: string, { cid, block, dataStart, dataEnd }: FileBlock, flatOffset: number, skeleton: Spool): Promise<void> {
    const [prefix, suffix, flatBytes] = [block.subarray(0, dataStart), block.subarray(dataEnd), dataEnd - dataStart]
    // An interior node has no bytes of its own: all of it is prefix, wherever the two bounds stand.
    const head = encodeSkeletonHead(blockKeyOf(cid), flatOffset, flatBytes, prefix.length, suffix.length)
    const frameOffset = skeleton.size + head.length
    await skeleton.write(head)
    if (prefix.length > 0) await skeleton.write(prefix)
    if (suffix.length > 0) await skeleton.write(suffix)
    this.#frames.set(key, { flatOffset, flatBytes, frameOffset, prefixBytes: prefix.length, suffixBytes: suffix.length })
  }

  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    const inline = inlineBytesOf(cid)
    if (inline !== undefined) return inline
    if (this.#phase === 'committed') return this.#parts.getStoredBlock(cid)
    const frame = this.#frames.get(mapKeyOf(blockKeyOf(cid)))
    const writing = await this.#writing
    if (frame === undefined || writing === undefined) return undefined
    // Remembered before its bytes are written: not there yet until the writer has them all.
    if (frame.flatOffset + frame.flatBytes > writing.writer.size) return undefined
    const { writer, skeleton } = writing
    try {
      const block = await rebuildBlock(
        frame,
        (offset, length) => writer.spool.read(offset, length),
        (offset, length) => skeleton.read(offset, length),
      )
      if (await this.#parts.matches(cid, block)) return block
    } catch (error) {
      if (this.#isCommitted()) return this.#parts.getStoredBlock(cid)
      throw this.#hasEnded() ? ended() : error
    }
    if (this.#isCommitted()) return this.#parts.getStoredBlock(cid)
    throw new BlockstoreError('BLOCKSTORE_DAMAGED', 'an arriving block is not what was written', { offset: frame.flatOffset })
  }

  #isCommitted(): boolean {
    return this.#phase === 'committed'
  }

  #hasEnded(): boolean {
    return this.#phase === 'ended'
  }

  commit({ mayLinger = false }: CommitOptions = {}): Promise<Entity> {
    return this.#inOrder(async () => {
      if (this.#phase !== 'open') throw ended()
      const writing = await this.#begin()
      try {
        writing.signal.throwIfAborted()
        if (this.#frames.size === 0) throw malformed('a file has at least one block')
        checkFileSize(this.#fileSize, writing.writer.size)
        this.#phase = 'committing'
        const entity = await this.#parts.keep(writing, mayLinger)
        this.#phase = 'committed'
        return entity
      } finally {
        await this.#end()
      }
    })
  }

  abort(): Promise<void> {
    return this.#inOrder(() => this.#end())
  }

  async #begin(): Promise<Writing> {
    if (this.#writing === undefined) {
      const beginning = this.#parts.begin()
      this.#writing = beginning
      try {
        const { signal } = await beginning
        // Whoever holds the import may be waiting for its source: an abort must not wait for them.
        signal.addEventListener('abort', () => void this.abort(), { once: true })
      } catch (error) {
        this.#writing = undefined
        this.#phase = 'ended'
        throw error
      }
    }
    return this.#writing
  }

  async #end(): Promise<void> {
    if (this.#phase !== 'committed') this.#phase = 'ended'
    const writing = this.#writing
    this.#writing = undefined
    this.#frames.clear()
    await (await writing)?.end()
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const job = this.#tail.then(action)
    this.#tail = job.catch(() => undefined)
    return job
  }
}
