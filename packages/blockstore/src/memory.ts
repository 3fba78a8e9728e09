/**
 * The same store in memory: for browsers, for tests, and as the obvious twin of the one on disk, held to the same suite.
 * It is written without regard to memory or speed; nothing survives `stop`.
 */
import { createOutboardBuilder } from '@selvedge/verified-streaming'
import { CID } from 'multiformats/cid'
import { sha256, sha512 } from 'multiformats/hashes/sha2'
import { abortable } from './abortable.ts'
import { concatBytes, toHex } from './bytes.ts'
import { blockKeyOf, createCidCheck, entityKeyOf, inlineBytesOf, type MatchesCid, rootOfBlake3Cid } from './cid.ts'
import { BLOCK_BYTES_MAX, CHUNK_GROUP_LOG, ROOT_BYTES } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import { Jobs, stopped } from './jobs.ts'
import { MemoryTree } from './memory-tree.ts'
import type {
  AbortOptions,
  BlockHasher,
  Blockstore,
  CidLike,
  Entity,
  EntityKind,
  FileBlock,
  FileImport,
  PutOptions,
  StoredBlob,
  TreeImport,
} from './ports.ts'

export interface MemoryBlockstoreComponents {
  /** Multihash codes beside sha2-256, sha2-512 and BLAKE3. */
  readonly hashers?: ReadonlyMap<number, BlockHasher>
}

export interface MemoryBlockstoreOptions {
  /** Largest blob accepted, in bytes. @default no limit */
  readonly blobBytesMax?: number
  /** Bytes of content and blocks; more is refused with `BLOCKSTORE_QUOTA`. @default no limit */
  readonly quotaBytes?: number
}

const HASHERS: ReadonlyMap<number, BlockHasher> = new Map(
  [sha256, sha512].map((hasher) => [hasher.code, async (bytes: Uint8Array) => (await hasher.digest(bytes)).digest]),
)

export function createMemoryBlockstore(components: MemoryBlockstoreComponents = {}, options: MemoryBlockstoreOptions = {}): Blockstore {
  return new MemoryBlockstore(components, options)
}

interface Blob {
  readonly root: Uint8Array
  readonly data: Uint8Array
  readonly outboard: Uint8Array
}

class MemoryBlockstore implements Blockstore {
  readonly #blobs = new Map<string, Blob>()
  /** Blocks that were put one by one. */
  readonly #blocks = new Map<string, Uint8Array>()
  /** Blocks of files, by the file's CID. */
  readonly #fileBlocks = new Map<string, ReadonlyMap<string, Uint8Array>>()
  readonly #entities = new Map<string, Entity>()
  readonly #matches: MatchesCid
  readonly #options: MemoryBlockstoreOptions
  readonly #jobs = new Jobs(Number.MAX_SAFE_INTEGER, 0)
  #phase: 'new' | 'started' | 'stopped' = 'new'
  #bytes = 0
  #blockBytes = 0

  constructor(components: MemoryBlockstoreComponents, options: MemoryBlockstoreOptions) {
    this.#matches = createCidCheck(new Map([...HASHERS, ...(components.hashers ?? [])]))
    this.#options = options
  }

  get usedBytes(): number {
    return this.#bytes
  }

  get blockBytes(): number {
    return this.#blockBytes
  }

  async start(): Promise<void> {
    if (this.#phase === 'stopped') throw stopped()
    this.#phase = 'started'
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped'
    await this.#jobs.stop()
    for (const map of [this.#blobs, this.#blocks, this.#fileBlocks, this.#entities]) map.clear()
    this.#bytes = 0
    this.#blockBytes = 0
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #check(): void {
    if (this.#phase !== 'started') throw stopped()
  }

  #count(bytes: number): void {
    const { quotaBytes = Number.MAX_SAFE_INTEGER } = this.#options
    if (this.#bytes + bytes > quotaBytes) {
      const details = { quotaBytes, bytes: this.#bytes, more: bytes }
      throw new BlockstoreError('BLOCKSTORE_QUOTA', `${bytes} bytes more than ${this.#bytes} exceed the quota of ${quotaBytes}`, details)
    }
    this.#bytes += bytes
  }

  async put(source: AsyncIterable<Uint8Array>, { signal, onProgress }: PutOptions = {}): Promise<{ root: Uint8Array; size: number }> {
    this.#check()
    const { blobBytesMax = Number.MAX_SAFE_INTEGER } = this.#options
    const job = await this.#jobs.begin(signal)
    let size = 0
    try {
      const parts: Uint8Array[] = []
      for await (const bytes of abortable(source, job.signal)) {
        if (size + bytes.length > blobBytesMax) {
          throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `blob exceeds ${blobBytesMax} bytes`, { blobBytesMax })
        }
        this.#count(bytes.length)
        size += bytes.length
        parts.push(bytes.slice())
        onProgress?.({ bytes: size })
      }
      job.signal.throwIfAborted()
      const data = concatBytes(parts)
      this.#bytes -= size
      size = 0
      return { root: this.keep(data), size: data.length }
    } finally {
      this.#bytes -= size
      job.release()
    }
  }

  /** @returns the root. */
  keep(data: Uint8Array): Uint8Array {
    const { root, outboard } = createOutboardBuilder({ chunkGroupLog: CHUNK_GROUP_LOG }).update(data).finish()
    const key = toHex(root)
    if (!this.#blobs.has(key)) {
      this.#count(data.length)
      this.#blobs.set(key, { root, data, outboard })
    }
    return root.slice()
  }

  async has(root: Uint8Array): Promise<boolean> {
    this.#check()
    return this.#blobs.has(keyOfRoot(root))
  }

  async open(root: Uint8Array): Promise<StoredBlob | undefined> {
    this.#check()
    const blob = this.#blobs.get(keyOfRoot(root))
    if (blob === undefined) return undefined
    const { data, outboard } = blob
    const readAt = (offset: number, length: number): Uint8Array => {
      this.#check()
      if (offset >= 0 && length >= 0 && offset + length <= data.length) return data.slice(offset, offset + length)
      throw new BlockstoreError('BLOCKSTORE_MALFORMED', `[${offset}, ${offset + length}) is outside of ${data.length} bytes`)
    }
    return {
      root: blob.root.slice(),
      size: data.length,
      data: { size: data.length, readAt },
      outboard: outboard.slice(),
      close: async () => {},
    }
  }

  async delete(root: Uint8Array): Promise<boolean> {
    this.#check()
    const key = keyOfRoot(root)
    const blob = this.#blobs.get(key)
    if (blob === undefined) return false
    this.#blobs.delete(key)
    this.#bytes -= blob.data.length
    for (const [cid, entity] of this.#entities) {
      if (entity.root === undefined || toHex(entity.root) !== key) continue
      this.#entities.delete(cid)
      this.#fileBlocks.delete(cid)
    }
    return true
  }

  async *list(): AsyncGenerator<{ root: Uint8Array; size: number }> {
    this.#check()
    const blobs = [...this.#blobs].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [, { root, data }] of blobs) yield { root: root.slice(), size: data.length }
  }

  async getBlock(cid: CidLike, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    this.#check()
    signal?.throwIfAborted()
    const inline = inlineBytesOf(cid)
    if (inline !== undefined) return inline
    const key = toHex(blockKeyOf(cid))
    const own = this.#blocks.get(key)
    if (own !== undefined) return own.slice()
    const root = rootOfBlake3Cid(cid)
    const blob = root === undefined ? undefined : this.#blobs.get(toHex(root))
    if (blob !== undefined && blob.data.length <= BLOCK_BYTES_MAX) return blob.data.slice()
    for (const blocks of this.#fileBlocks.values()) {
      const block = blocks.get(key)
      if (block !== undefined) return block.slice()
    }
    return undefined
  }

  async putBlock(cid: CidLike, bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<void> {
    this.#check()
    signal?.throwIfAborted()
    if (bytes.length > BLOCK_BYTES_MAX) throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `block exceeds ${BLOCK_BYTES_MAX} bytes`)
    const copy = bytes.slice()
    if (!(await this.#matches(cid, copy))) {
      throw new BlockstoreError('BLOCKSTORE_BAD_HASH', `these ${bytes.length} bytes are not ${cid}`, { cid: String(cid) })
    }
    this.#check()
    const key = toHex(blockKeyOf(cid))
    if (inlineBytesOf(cid) !== undefined || this.#blocks.has(key)) return
    this.#count(copy.length)
    this.#blockBytes += copy.length
    this.#blocks.set(key, copy)
  }

  async forgetBlocks(bytesMax: number, { signal }: AbortOptions = {}): Promise<void> {
    this.#check()
    signal?.throwIfAborted()
    for (const [key, { length }] of this.#blocks) {
      if (this.#blockBytes <= bytesMax) return
      this.#blocks.delete(key)
      this.#blockBytes -= length
      this.#bytes -= length
      for (const [cid, entity] of this.#entities)
        if (entity.kind !== 'file' && toHex(blockKeyOf(entity.cid)) === key) this.#entities.delete(cid)
    }
  }

  async entity(cid: CidLike): Promise<Entity | undefined> {
    this.#check()
    return this.#entities.get(toHex(entityKeyOf(cid)))
  }

  async putEntity({ cid, kind }: { readonly cid: CidLike; readonly kind: EntityKind }): Promise<void> {
    this.#check()
    if (kind === 'file') throw new BlockstoreError('BLOCKSTORE_MALFORMED', 'a file becomes an entity by importFile')
    const key = entityKeyOf(cid)
    if (this.#entities.has(toHex(key))) return
    if (inlineBytesOf(cid) === undefined && !this.#blocks.has(toHex(blockKeyOf(cid)))) {
      throw new BlockstoreError('BLOCKSTORE_MALFORMED', `the root block of ${cid} is not here`, { cid: String(cid) })
    }
    this.#entities.set(toHex(key), { cid: CID.decode(key), kind, size: 0 })
  }

  importTree(cid: CidLike, options: AbortOptions = {}): TreeImport {
    return new MemoryTree(this, cid, options)
  }

  importFile(cid: CidLike, { signal }: AbortOptions = {}): FileImport {
    const key = entityKeyOf(cid)
    return new MemoryImport(cid, {
      begin: () => {
        this.#check()
        return this.#jobs.begin(signal)
      },
      keep: (data, blocks) => {
        this.#check()
        const known = this.#entities.get(toHex(key))
        if (known !== undefined) return known
        const entity: Entity = { cid: CID.decode(key), kind: 'file', size: data.length, root: this.keep(data) }
        this.#fileBlocks.set(toHex(key), blocks)
        this.#entities.set(toHex(key), entity)
        return entity
      },
      check: (bytes) => {
        const { blobBytesMax = Number.MAX_SAFE_INTEGER } = this.#options
        if (bytes > blobBytesMax) throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `blob exceeds ${blobBytesMax} bytes`, { blobBytesMax })
      },
      getStoredBlock: (block) => this.getBlock(block),
    })
  }
}

interface MemoryImportParts {
  readonly begin: () => Promise<{ readonly signal: AbortSignal; release(): void }>
  readonly check: (bytes: number) => void
  readonly keep: (data: Uint8Array, blocks: ReadonlyMap<string, Uint8Array>) => Entity
  readonly getStoredBlock: (cid: CidLike) => Promise<Uint8Array | undefined>
}

class MemoryImport implements FileImport {
  readonly #cid: CidLike
  readonly #parts: MemoryImportParts
  readonly #blocks = new Map<string, Uint8Array>()
  readonly #data: Uint8Array[] = []
  #size = 0
  #fileSize: number | undefined
  #phase: 'open' | 'committed' | 'ended' = 'open'
  #job: { readonly signal: AbortSignal; release(): void } | undefined

  constructor(cid: CidLike, parts: MemoryImportParts) {
    this.#cid = cid
    this.#parts = parts
  }

  async add({ cid, block, kind, fileOffset, dataStart, dataEnd, fileSize }: FileBlock): Promise<void> {
    if (this.#phase !== 'open') throw malformed('this import has ended')
    const bytes = block.slice()
    try {
      await this.#begin()
      if (bytes.length > BLOCK_BYTES_MAX) throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `block exceeds ${BLOCK_BYTES_MAX} bytes`)
      if (kind !== 'file') throw malformed(`a block of kind ${kind} is no part of a file`)
      if (dataStart < 0 || dataEnd < dataStart || dataEnd > bytes.length) throw malformed('the bytes of a block lie outside of it')
      if (dataEnd > dataStart && fileOffset !== this.#size)
        throw malformed(`the next byte is ${this.#size}, the block brings ${fileOffset}`)
      const isRoot = this.#blocks.size === 0
      if (isRoot && toHex(blockKeyOf(cid)) !== toHex(blockKeyOf(this.#cid))) throw malformed('the first block is not the root')
      if (isRoot) this.#fileSize = fileSize
      this.#parts.check(this.#size + dataEnd - dataStart)
      this.#blocks.set(toHex(blockKeyOf(cid)), bytes)
      this.#data.push(bytes.subarray(dataStart, dataEnd))
      this.#size += dataEnd - dataStart
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async #begin(): Promise<void> {
    if (this.#job === undefined) {
      this.#job = await this.#parts.begin()
      this.#job.signal.addEventListener('abort', () => void this.abort(), { once: true })
    }
    this.#job.signal.throwIfAborted()
  }

  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    if (this.#phase === 'committed') return this.#parts.getStoredBlock(cid)
    return inlineBytesOf(cid) ?? this.#blocks.get(toHex(blockKeyOf(cid)))?.slice()
  }

  async commit(): Promise<Entity> {
    if (this.#phase !== 'open') throw malformed('this import has ended')
    try {
      if (this.#blocks.size === 0) throw malformed('a file has at least one block')
      this.#job?.signal.throwIfAborted()
      if (this.#fileSize !== undefined && this.#fileSize !== this.#size) {
        throw malformed(`the root says ${this.#fileSize} bytes, ${this.#size} arrived`)
      }
      const entity = this.#parts.keep(concatBytes(this.#data), new Map(this.#blocks))
      this.#phase = 'committed'
      return entity
    } finally {
      await this.abort()
    }
  }

  async abort(): Promise<void> {
    if (this.#phase === 'open') this.#phase = 'ended'
    this.#blocks.clear()
    this.#data.length = 0
    this.#job?.release()
  }
}

function keyOfRoot(root: Uint8Array): string {
  if (root.length === ROOT_BYTES) return toHex(root)
  throw new BlockstoreError('BLOCKSTORE_MALFORMED', `a root has ${ROOT_BYTES} bytes, got ${root.length}`)
}

function malformed(message: string): BlockstoreError {
  return new BlockstoreError('BLOCKSTORE_MALFORMED', message)
}
