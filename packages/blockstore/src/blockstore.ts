/**
 * The store: content by BLAKE3 root, IPLD blocks by CID, on one folder of one process.
 *
 * The packs are the truth, the index is a view of them, files are named by records (`content.ts` has the order of syncs). A call
 * that resolved is durable; one that did not left nothing, or all of it.
 */
import { randomUUID } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { abortable } from './abortable.ts'
import { readBlock } from './block-reader.ts'
import { BlobWriter } from './blob-writer.ts'
import { toHex } from './bytes.ts'
import type { Catalog } from './catalog.ts'
import { createCidCheck, blockKeyOf, entityKeyOf, inlineBytesOf, type MatchesCid } from './cid.ts'
import { BLOCK_BYTES_MAX, MIB, ROOT_BYTES } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import { createFileImport, type Writing } from './file-import.ts'
import { type Job, Jobs, stopped } from './jobs.ts'
import { KeyedLock } from './keyed-lock.ts'
import { type Layout, layoutOf } from './layout.ts'
import { createNodeFileSystem } from './node-file-system.ts'
import { NODE_HASHERS } from './node-hashers.ts'
import { type Live, openStore } from './open-store.ts'
import type { BlockstoreComponents, BlockstoreOptions } from './options.ts'
import type {
  AbortOptions,
  Blockstore,
  CidLike,
  Entity,
  EntityKind,
  FileImport,
  FileSystem,
  PutOptions,
  StoredBlob,
  TreeImport,
} from './ports.ts'
import { encodeBlock, encodeEntity } from './record.ts'
import { createTreeImport, type TreeWriting } from './tree-import.ts'
import type { Usage } from './usage.ts'

const BLOB_BYTES_MAX: number = 256 * 1024 * MIB
const BLOCKS_PER_FILE_MAX: number = 2 ** 20

/** @throws nothing; `start` does: `BLOCKSTORE_LOCKED`, `BLOCKSTORE_FORMAT`, `BLOCKSTORE_DAMAGED`, `BLOCKSTORE_IO`. */
export function createBlockstore(components: BlockstoreComponents, options: BlockstoreOptions): Blockstore {
  return new DiskBlockstore(components, options)
}

class DiskBlockstore implements Blockstore {
  readonly #components: BlockstoreComponents
  readonly #options: BlockstoreOptions
  readonly #fileSystem: FileSystem
  readonly #layout: Layout
  readonly #matches: MatchesCid
  readonly #jobs: Jobs
  readonly #entityLocks = new KeyedLock()
  #live: Live | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  /** Of the names of part files: those of an earlier process are swept at start. */
  readonly #partPrefix = randomUUID()
  #partCount = 0
  #calls = 0
  #quiet: (() => void) | undefined

  constructor(components: BlockstoreComponents, options: BlockstoreOptions) {
    this.#components = components
    this.#options = options
    this.#fileSystem = components.fileSystem ?? createNodeFileSystem()
    this.#layout = layoutOf(options.path)
    this.#matches = createCidCheck(new Map([...NODE_HASHERS, ...(components.hashers ?? [])]))
    this.#jobs = new Jobs(options.writesMax ?? 64, options.waitingMax ?? 1024)
  }

  get usedBytes(): number {
    return this.#live?.usage.bytes ?? 0
  }

  get blockBytes(): number {
    return this.#live?.catalog.live.blockBytes ?? 0
  }

  start(): Promise<void> {
    if (this.#stopping !== undefined) return Promise.reject(stopped())
    return (this.#starting ??= this.#start())
  }

  async #start(): Promise<void> {
    this.#live = await openStore(this.#components, this.#options, this.#fileSystem, this.#layout)
    this.#live.compactor.look()
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(ignore)
    await this.#jobs.stop()
    const live = this.#live
    this.#live = undefined
    if (live === undefined) return
    await live.compactor.stop()
    if (this.#calls > 0) await new Promise<void>((resolve) => (this.#quiet = resolve))
    await live.log.stop()
    await live.handles.stop()
    await live.index.close()
    await live.unlock()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Every call that touches the disk goes through here, so that stop() can wait for it. */
  async #use<T>(action: (live: Live) => Promise<T>): Promise<T> {
    const live = this.#live
    if (live === undefined) throw stopped()
    this.#calls++
    try {
      return await action(live)
    } finally {
      if (--this.#calls === 0) this.#quiet?.()
    }
  }

  put(source: AsyncIterable<Uint8Array>, { signal, onProgress }: PutOptions = {}): Promise<{ root: Uint8Array; size: number }> {
    return this.#use(async ({ usage, content }) => {
      const job = await this.#jobs.begin(signal)
      const writer = this.#createWriter(usage)
      try {
        for await (const bytes of abortable(source, job.signal)) {
          await writer.write(bytes)
          onProgress?.({ bytes: writer.size })
        }
        job.signal.throwIfAborted()
        return await content.keep(writer)
      } finally {
        await writer.discard()
        job.release()
      }
    })
  }

  #createWriter(usage: Usage): BlobWriter {
    const { blobBytesMax = BLOB_BYTES_MAX } = this.#options
    return new BlobWriter({ fileSystem: this.#fileSystem, path: this.#partPath(), usage, blobBytesMax })
  }

  #partPath(): string {
    return `${this.#layout.parts}/${this.#partPrefix}-${this.#partCount++}`
  }

  has(root: Uint8Array): Promise<boolean> {
    return this.#use(async ({ catalog }) => catalog.blob(checkedRoot(root)) !== undefined)
  }

  open(root: Uint8Array): Promise<StoredBlob | undefined> {
    return this.#use(({ content }) => content.open(checkedRoot(root)))
  }

  delete(root: Uint8Array): Promise<boolean> {
    return this.#use(async ({ content, compactor }) => {
      const wasHere = await content.delete(checkedRoot(root))
      if (wasHere) await compactor.keepUp()
      return wasHere
    })
  }

  forgetBlocks(bytesMax: number, { signal }: AbortOptions = {}): Promise<void> {
    return this.#use(({ compactor }) => compactor.forgetBlocks(bytesMax, signal)) // takes no write's place: who writes may be waiting for this
  }

  async *list(): AsyncGenerator<{ root: Uint8Array; size: number }> {
    const live = this.#live
    if (live === undefined) throw stopped()
    for (const { root, size } of live.catalog.blobs()) {
      yield { root, size }
      if (this.#live === undefined) throw stopped()
    }
  }

  getBlock(cid: CidLike, { signal }: AbortOptions = {}): Promise<Uint8Array | undefined> {
    return this.#use(async (live) => {
      signal?.throwIfAborted()
      return readBlock({ ...live, matches: this.#matches }, cid, signal)
    })
  }

  putBlock(cid: CidLike, bytes: Uint8Array, { signal }: AbortOptions = {}): Promise<void> {
    return this.#use(async ({ catalog, usage, log }) => {
      signal?.throwIfAborted()
      if (bytes.length > BLOCK_BYTES_MAX) throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `block exceeds ${BLOCK_BYTES_MAX} bytes`)
      if (!(await this.#matches(cid, bytes))) {
        throw new BlockstoreError('BLOCKSTORE_BAD_HASH', `these ${bytes.length} bytes are not ${cid}`, { cid: String(cid) })
      }
      if (inlineBytesOf(cid) !== undefined) return
      const key = blockKeyOf(cid)
      if (catalog.block(key) !== undefined) return
      usage.check(bytes.length)
      await log.append([encodeBlock(key, bytes)])
    })
  }

  entity(cid: CidLike): Promise<Entity | undefined> {
    return this.#use(async ({ catalog }) => this.#entity(catalog, cid))
  }

  #entity(catalog: Catalog, cid: CidLike): Entity | undefined {
    const key = entityKeyOf(cid)
    const found = catalog.entity(key)
    if (found === undefined) return undefined
    const { kind, file } = found
    return file === undefined ? { cid: CID.decode(key), kind, size: 0 } : { cid: CID.decode(key), kind, size: file.size, root: file.root }
  }

  putEntity({ cid, kind }: { readonly cid: CidLike; readonly kind: EntityKind }): Promise<void> {
    return this.#use(async ({ log, catalog }) => {
      if (kind === 'file') throw new BlockstoreError('BLOCKSTORE_MALFORMED', 'a file becomes an entity by importFile')
      const key = entityKeyOf(cid)
      if (catalog.entity(key) !== undefined) return
      if (inlineBytesOf(cid) === undefined && catalog.block(blockKeyOf(cid)) === undefined) {
        throw new BlockstoreError('BLOCKSTORE_MALFORMED', `the root block of ${cid} is not here`, { cid: String(cid) })
      }
      await log.append([encodeEntity(kind, key)])
    })
  }

  importFile(cid: CidLike, { signal }: AbortOptions = {}): FileImport {
    return this.#fileImport(cid, async () => {
      const live = this.#running()
      const job = await this.#jobs.begin(signal)
      return this.#createWriting(live, job, job.release)
    })
  }

  #fileImport(cid: CidLike, begin: () => Promise<Writing>): FileImport {
    const key = entityKeyOf(cid)
    return createFileImport({
      cid,
      matches: this.#matches,
      blocksPerFileMax: this.#options.blocksPerFileMax ?? BLOCKS_PER_FILE_MAX,
      begin,
      keep: (writing, mayLinger) => this.#keepFile(cid, key, writing, mayLinger),
      getStoredBlock: (block) => this.getBlock(block),
    })
  }

  #running(): Live {
    if (this.#live === undefined) throw stopped()
    return this.#live
  }

  #createWriting(live: Live, job: Pick<Job, 'signal'>, release: () => void): Writing {
    const writer = this.#createWriter(live.usage)
    const skeleton = live.content.createSkeletonSpool(this.#partPath())
    const end = async (): Promise<void> => {
      try {
        await writer.discard()
        await skeleton.discard()
      } finally {
        release()
      }
    }
    return { signal: job.signal, writer, skeleton, end }
  }

  importTree(cid: CidLike, { signal }: AbortOptions = {}): TreeImport {
    return createTreeImport({
      cid,
      matches: this.#matches,
      begin: () => this.#beginTree(signal),
      blobBytesMax: this.#options.blobBytesMax ?? BLOB_BYTES_MAX,
      blocksPerFileMax: this.#options.blocksPerFileMax ?? BLOCKS_PER_FILE_MAX,
    })
  }

  /** One place for the whole tree: a large file in it waits for no other, which trees could wait for in a ring. */
  async #beginTree(signal: AbortSignal | undefined): Promise<TreeWriting> {
    const live = this.#running()
    const { catalog, log, usage } = live
    const job = await this.#jobs.begin(signal)
    return {
      signal: job.signal,
      hasEntity: (key) => catalog.entity(key) !== undefined,
      hasBlob: (root) => catalog.blob(root) !== undefined,
      hasBlock: (key) => catalog.block(key) !== undefined,
      importFile: (file) => this.#fileImport(file, async () => this.#createWriting(live, job, ignore)),
      append: (records) => this.#use(() => log.append(records, true)),
      count: (bytes) => {
        if (bytes > 0) usage.check(bytes)
        usage.arrivingBytes += bytes
      },
      end: job.release,
    }
  }

  #keepFile(cid: CidLike, key: Uint8Array, { writer, skeleton }: Writing, mayLinger: boolean): Promise<Entity> {
    return this.#use(({ catalog, content }) =>
      this.#entityLocks.run(toHex(key), async () => {
        const known = this.#entity(catalog, cid)
        if (known !== undefined) return known
        await content.keep(writer, { cid: key, skeleton }, mayLinger)
        const entity = this.#entity(catalog, cid)
        if (entity === undefined)
          throw new BlockstoreError('BLOCKSTORE_DAMAGED', `the skeleton of ${cid} cannot be read back`, { cid: String(cid) })
        return entity
      }),
    )
  }
}

function checkedRoot(root: Uint8Array): Uint8Array {
  if (root.length === ROOT_BYTES) return root
  throw new BlockstoreError('BLOCKSTORE_MALFORMED', `a root has ${ROOT_BYTES} bytes, got ${root.length}`)
}

function ignore(): void {}
