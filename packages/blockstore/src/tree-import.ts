/**
 * Everything below a CID while its verified blocks arrive depth-first: each file, directory, symlink and other node becomes an entity of its
 * own, as if it had been imported by itself.
 *
 * A small file is held until it is whole (`held-file.ts`), a large one goes the way of `importFile`. What is whole is appended to the packs
 * in batches: while one is on its way to the disk the next one gathers, so that the slower the disk, the more files share a sync.
 *
 * Invariants: only what is whole is appended, and each entity's records after those that they need; a file is whole when a block comes that
 * begins another entity, a sharded directory when one comes that does not lie below it; a block can be read from the moment it has come.
 */
import { mapKeyOf } from './bytes.ts'
import { blockKeyOf, entityKeyOf, inlineBytesOf, type MatchesCid } from './cid.ts'
import {
  BLOCK_BYTES_MAX,
  INLINE_BYTES_MAX,
  TREE_COMMITS_MAX,
  TREE_HELD_BLOCKS_MAX,
  TREE_HELD_BYTES_MAX,
  TREE_PENDING_BYTES_MAX,
  TREE_PENDING_RECORDS_MAX,
} from './constants.ts'
import { BlockstoreError } from './errors.ts'
import { ended, malformed } from './file-rules.ts'
import { HeldFile } from './held-file.ts'
import type { CidLike, EntityKind, FileImport, TreeBlock, TreeImport } from './ports.ts'
import { encodeBlock, encodeEntity, type RecordParts } from './record.ts'
import { TreeBlocks } from './tree-blocks.ts'

export interface TreeImportParts {
  readonly cid: CidLike
  readonly matches: MatchesCid
  /** Takes a place among the writes. */
  readonly begin: () => Promise<TreeWriting>
  readonly blobBytesMax: number
  readonly blocksPerFileMax: number
}

export interface TreeWriting {
  readonly signal: AbortSignal
  /** By CIDv1 bytes. */
  hasEntity(key: Uint8Array): boolean
  hasBlob(root: Uint8Array): boolean
  /** By multihash. */
  hasBlock(key: Uint8Array): boolean
  /** A file within this place. */
  importFile(cid: CidLike): FileImport
  append(records: readonly RecordParts[]): Promise<void>
  /** So many bytes more are on their way; negative: they have arrived. @throws {BlockstoreError} `BLOCKSTORE_QUOTA` */
  count(bytes: number): void
  end(): void
}

/** The entity whose blocks come. `known`: the store has it already, and its blocks are passed over. */
type Current =
  | { readonly type: 'known' }
  | { readonly type: 'held'; readonly key: Uint8Array; readonly name: string; readonly file: HeldFile }
  | { readonly type: 'large'; readonly name: string; readonly file: FileImport }

interface OpenDirectory {
  readonly key: Uint8Array
  readonly name: string
  readonly depth: number
}

export function createTreeImport(parts: TreeImportParts): TreeImport {
  return new ArrivingTree(parts)
}

class ArrivingTree implements TreeImport {
  readonly #parts: TreeImportParts
  readonly #blocks = new TreeBlocks()
  #hasBegun = false
  #phase: 'open' | 'committed' | 'ended' = 'open'
  #writing: Promise<TreeWriting> | undefined
  #current: Current | undefined
  /** Sharded directories whose blocks may still come, the outermost first. */
  readonly #directories: OpenDirectory[] = []
  /** Entities, and blocks that stand for themselves, that are whole and that the index may not know yet. */
  readonly #arriving = new Set<string>()
  /** What the next batch takes. */
  #records: RecordParts[] = []
  #names: string[] = []
  #kept: TreeBlock[] = []
  #pendingBytes = 0
  /** Those on their way to the disk included: what is small costs what its records cost, not its bytes. */
  #pendingRecords = 0
  #flushing: Promise<void> | undefined
  readonly #commits = new Set<Promise<void>>()
  readonly #larges = new Set<FileImport>()
  #failure: { readonly error: unknown } | undefined
  /** One call after the other, in order. */
  #tail: Promise<unknown> = Promise.resolve()

  constructor(parts: TreeImportParts) {
    this.#parts = parts
  }

  add(block: TreeBlock): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#phase !== 'open') throw ended()
      const writing = await this.#begin()
      try {
        writing.signal.throwIfAborted()
        await this.#take(block, writing)
        while (this.#isFull && this.#failure === undefined) await this.#flushing
        this.#throwFailure()
      } catch (error) {
        await this.#end()
        throw error
      }
    })
  }

  get #isFull(): boolean {
    return this.#pendingBytes >= TREE_PENDING_BYTES_MAX || this.#pendingRecords >= TREE_PENDING_RECORDS_MAX
  }

  async #take(block: TreeBlock, writing: TreeWriting): Promise<void> {
    if (block.block.length > BLOCK_BYTES_MAX) throw new BlockstoreError('BLOCKSTORE_TOO_LARGE', `block exceeds ${BLOCK_BYTES_MAX} bytes`)
    if (!this.#hasBegun && (!block.isEntityRoot || mapKeyOf(blockKeyOf(block.cid)) !== mapKeyOf(blockKeyOf(this.#parts.cid))))
      throw malformed('the first block is not the root')
    this.#hasBegun = true
    if (!block.isEntityRoot && block.kind === 'file') return await this.#takePart(block, writing)
    await this.#finishFile(writing)
    this.#leaveDirectories(block.depth)
    if (block.kind === 'file') return await this.#beginFile(block, writing)
    await this.#takeNode(block, writing)
  }

  async #beginFile(block: TreeBlock, writing: TreeWriting): Promise<void> {
    const { cid, fileSize = Number.POSITIVE_INFINITY } = block
    const key = entityKeyOf(cid)
    const name = mapKeyOf(key)
    if (this.#arriving.has(name) || writing.hasEntity(key)) {
      this.#current = { type: 'known' }
      return
    }
    const isSmall = fileSize <= Math.min(INLINE_BYTES_MAX, this.#parts.blobBytesMax)
    this.#current = isSmall
      ? { type: 'held', key, name, file: new HeldFile(cid) }
      : { type: 'large', name, file: this.#beginLarge(writing, cid) }
    await this.#takePart(block, writing)
  }

  #beginLarge(writing: TreeWriting, cid: CidLike): FileImport {
    const file = writing.importFile(cid)
    this.#larges.add(file)
    return file
  }

  async #takePart(block: TreeBlock, writing: TreeWriting): Promise<void> {
    const current = this.#current
    if (current === undefined) throw malformed('a part of a file comes where no file has begun')
    if (current.type === 'known') return
    if (current.type === 'large') return await current.file.add(block)
    const { file } = current
    writing.count(block.block.length)
    try {
      this.#blocks.hold(file.add(block))
    } catch (error) {
      writing.count(-block.block.length)
      throw error
    }
    const blocksMax = Math.min(TREE_HELD_BLOCKS_MAX, this.#parts.blocksPerFileMax)
    if (file.bytes > TREE_HELD_BYTES_MAX || file.blocks.length > blocksMax) this.#current = await this.#enlarge(current, writing)
  }

  /** A file that is no small one after all, or whose bytes are here under another CID: it goes the way that knows about both. */
  async #enlarge({ name, file }: Extract<Current, { type: 'held' }>, writing: TreeWriting): Promise<Extract<Current, { type: 'large' }>> {
    const large = this.#beginLarge(writing, file.cid)
    try {
      for (const block of file.blocks) await large.add(block)
    } catch (error) {
      this.#larges.delete(large) // it has ended itself
      throw error
    }
    this.#blocks.release(file.blocks)
    writing.count(-file.bytes)
    return { type: 'large', name, file: large }
  }

  async #finishFile(writing: TreeWriting): Promise<void> {
    const current = this.#current
    if (current === undefined || current.type === 'known') {
      this.#current = undefined
      return
    }
    if (current.type === 'large') {
      this.#current = undefined
      return await this.#commitLarge(current)
    }
    const { root, records } = current.file.finish(current.key)
    if (writing.hasBlob(root)) {
      const enlarged = await this.#enlarge(current, writing)
      this.#current = undefined
      return await this.#commitLarge(enlarged)
    }
    this.#current = undefined
    this.#append(records, current.name, current.file.blocks, current.file.bytes)
  }

  /** Its last syncs are not waited for; the next ones are once too many run. */
  async #commitLarge({ name, file }: Extract<Current, { type: 'large' }>): Promise<void> {
    this.#arriving.add(name)
    const commit = this.#awaitCommit(name, file)
    this.#commits.add(commit)
    void commit.then(() => this.#commits.delete(commit))
    while (this.#commits.size >= TREE_COMMITS_MAX) await Promise.race(this.#commits)
  }

  async #awaitCommit(name: string, file: FileImport): Promise<void> {
    try {
      await file.commit({ mayLinger: true })
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#arriving.delete(name)
    this.#larges.delete(file)
  }

  /** A block of anything that is no file. */
  async #takeNode(block: TreeBlock, writing: TreeWriting): Promise<void> {
    const { cid, kind } = block
    if (!(await this.#parts.matches(cid, block.block))) {
      throw new BlockstoreError('BLOCKSTORE_BAD_HASH', `these ${block.block.length} bytes are not ${cid}`, { cid: String(cid) })
    }
    this.#takeSingle(block, writing)
    if (!block.isEntityRoot) return
    const key = entityKeyOf(cid)
    const name = mapKeyOf(key)
    if (this.#arriving.has(name) || writing.hasEntity(key)) return
    if (kind === 'shard') this.#directories.push({ key, name, depth: block.depth })
    else this.#append([encodeEntity(kind as EntityKind, key)], name)
  }

  #takeSingle({ cid, block, ...place }: TreeBlock, writing: TreeWriting): void {
    const key = blockKeyOf(cid)
    const name = `block ${mapKeyOf(key)}`
    if (inlineBytesOf(cid) !== undefined || this.#arriving.has(name) || writing.hasBlock(key)) return
    writing.count(block.length)
    const copy = { ...place, cid, block: new Uint8Array(block) }
    this.#blocks.hold(copy)
    this.#append([encodeBlock(key, copy.block)], name, [copy], block.length)
  }

  #leaveDirectories(depth: number): void {
    for (let last = this.#directories.at(-1); last !== undefined && last.depth >= depth; last = this.#directories.at(-1)) {
      this.#directories.pop()
      if (!this.#arriving.has(last.name)) this.#append([encodeEntity('directory', last.key)], last.name)
    }
  }

  /** @param name - of what these records complete. @param kept - blocks that are held until then. @param bytes - what was counted for them. */
  #append(records: readonly RecordParts[], name: string, kept: readonly TreeBlock[] = [], bytes = 0): void {
    this.#records.push(...records)
    this.#kept.push(...kept)
    this.#names.push(name)
    this.#arriving.add(name)
    this.#pendingBytes += bytes
    this.#pendingRecords += records.length
    this.#flushing ??= this.#flush()
  }

  async #flush(): Promise<void> {
    const writing = await (this.#writing as Promise<TreeWriting>)
    while (this.#records.length > 0 && this.#failure === undefined) {
      const [records, names, kept, bytes] = [this.#records, this.#names, this.#kept, this.#pendingBytes]
      this.#records = []
      this.#kept = []
      this.#names = []
      try {
        await writing.append(records)
        this.#blocks.release(kept)
        for (const name of names) this.#arriving.delete(name)
      } catch (error) {
        this.#failure ??= { error }
      }
      this.#pendingBytes -= bytes
      this.#pendingRecords -= records.length
      writing.count(-bytes)
    }
    this.#flushing = undefined
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async getBlock(cid: CidLike): Promise<Uint8Array | undefined> {
    const here = inlineBytesOf(cid) ?? this.#blocks.get(cid)
    if (here !== undefined) return here
    for (const file of this.#larges) {
      const block = await file.getBlock(cid).catch(() => undefined) // it has ended: what it left is in the store
      if (block !== undefined) return block
    }
    return undefined
  }

  commit(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#phase !== 'open') throw ended()
      const writing = await this.#begin()
      try {
        writing.signal.throwIfAborted()
        if (!this.#hasBegun) throw malformed('a tree has at least one block')
        await this.#finishFile(writing)
        this.#leaveDirectories(0)
        await this.#settle()
        this.#throwFailure()
        this.#phase = 'committed'
      } finally {
        await this.#end()
      }
    })
  }

  abort(): Promise<void> {
    return this.#inOrder(() => this.#end())
  }

  async #begin(): Promise<TreeWriting> {
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

  /** Waits for what is whole. */
  async #settle(): Promise<void> {
    while (this.#flushing !== undefined || this.#commits.size > 0) await Promise.all([this.#flushing, ...this.#commits])
  }

  async #end(): Promise<void> {
    if (this.#phase === 'open') this.#phase = 'ended'
    const current = this.#current
    this.#current = undefined
    const writing = await this.#writing
    if (current?.type === 'large') {
      await current.file.abort()
      this.#larges.delete(current.file)
    }
    if (current?.type === 'held') writing?.count(-current.file.bytes)
    await this.#settle()
    this.#writing = undefined
    this.#blocks.clear()
    writing?.count(-this.#pendingBytes) // after a failure
    this.#pendingBytes = 0
    writing?.end()
  }

  #inOrder<T>(action: () => Promise<T>): Promise<T> {
    const job = this.#tail.then(action)
    this.#tail = job.catch(() => undefined)
    return job
  }
}
