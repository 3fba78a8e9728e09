/**
 * What the store knows: facts of the packs, turned into index entries and back. Applying a fact twice is applying it once,
 * so a replay may begin anywhere before the end of what was applied.
 *
 * ```
 * blobs     root                    → size u64 · stored u8 · pack u32 · offset u32 (of the bytes; of the record when they are in a file)
 * blocks    multihash               → pack u32 · offset u32 · length u32
 * places    multihash · file id 8   → flat offset u64 · flat u32 · frame offset u64 · prefix u32 · suffix u32
 * entities  CIDv1                   → kind u8 · file id 8, or of what is no file: pack u32 · offset u32 (of the record)
 * files     file id 8               → root 32 · size u64 · skeleton u64 · stored u8 · pack u32 · offset u32 (as of a blob) · CIDv1
 * roots     root · file id 8        → one byte
 * meta      "applied"               → pack u32 · offset u32, big endian
 * ```
 * A file's id is the place of its first record. A place whose file is not in `files` is dead: it is passed over. What is no file is an entity while its
 * root block is here.
 */
import { concatBytes, toHex } from './bytes.ts'
import { dagPbEntityKeyOf, rootBlockKeyOf } from './cid.ts'
import { INDEX_BATCH_OPS } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import {
  type BlobEntry,
  type BlockEntry,
  decodeBlobEntry,
  decodeBlockEntry,
  decodeEntityEntry,
  decodeFileEntry,
  decodeFrame,
  encodeBlobEntry,
  encodeBlockEntry,
  encodeEntityEntry,
  encodeFileEntity,
  encodeFileEntry,
  encodeFrame,
  type FileEntry,
  fileEntryOf,
  isEntryOf,
} from './index-entries.ts'
import { pagesOf } from './index-pages.ts'
import { LiveBytes } from './live-bytes.ts'
import { type Forgotten, type LoggedFact, decodePlace, encodePlace } from './pack-log.ts'
import type { EntityKind, Index, IndexOp, Table } from './ports.ts'
import type { Fact, Place } from './record.ts'
import { type Frame, type SkeletonEntry, skeletonEntries } from './skeleton.ts'

const APPLIED = new TextEncoder().encode('applied')

export interface PlacedBlock {
  readonly file: FileEntry
  readonly frame: Frame
}

export interface CatalogOptions {
  readonly index: Index
  /** Entries of a file's skeleton. Throws `BLOCKSTORE_DAMAGED` or `BLOCKSTORE_IO` when it cannot be read. */
  readonly readEntries: (file: FileEntry) => AsyncIterable<SkeletonEntry>
}

type FileFact = Extract<Fact, { type: 'file' }>

export class Catalog {
  readonly #index: Index
  readonly #readEntries: CatalogOptions['readEntries']
  readonly live: LiveBytes

  constructor({ index, readEntries }: CatalogOptions) {
    this.#index = index
    this.#readEntries = readEntries
    this.live = new LiveBytes(index)
  }

  get applied(): Place {
    const value = this.#index.get('meta', APPLIED)
    return value === undefined ? { pack: 0, offset: 0 } : decodePlace(value)
  }

  blob(root: Uint8Array): BlobEntry | undefined {
    const value = this.#index.get('blobs', root)
    return value === undefined ? undefined : decodeBlobEntry(root, value)
  }

  block(multihash: Uint8Array): BlockEntry | undefined {
    const value = this.#index.get('blocks', multihash)
    return value === undefined ? undefined : decodeBlockEntry(value)
  }

  /** Where a block is part of a file. Every use ends by taking one or none, so the list is short: 16 files at most are looked at. */
  placesOf(multihash: Uint8Array): PlacedBlock[] {
    const out: PlacedBlock[] = []
    let after: Uint8Array | undefined
    do {
      const entries = this.#index.range('places', multihash, 16, after)
      for (const [key, value] of entries) {
        const file = this.file(key.subarray(multihash.length))
        if (file !== undefined) out.push({ file, frame: decodeFrame(value) })
      }
      after = entries.length < 16 ? undefined : entries.at(-1)?.[0]
    } while (out.length === 0 && after !== undefined)
    return out
  }

  entity(cid: Uint8Array): { kind: EntityKind; file?: FileEntry } | undefined {
    const value = this.#index.get('entities', cid)
    if (value === undefined) return undefined
    const { kind, fileId } = decodeEntityEntry(value)
    if (fileId === undefined) return this.hasRootBlock(cid) ? { kind } : undefined
    const file = this.file(fileId)
    return file === undefined || this.#index.get('blobs', file.root) === undefined ? undefined : { kind, file }
  }

  /** @param cid - CIDv1 bytes. Of one that holds its bytes itself, true. */
  hasRootBlock(cid: Uint8Array): boolean {
    const key = rootBlockKeyOf(cid)
    return key === undefined || this.#index.get('blocks', key) !== undefined
  }

  /** Whether the index stands on the record at `place`: if not, another is in its place, or what it told is gone. Of a delete never. */
  isLive(fact: Fact, place: Place): boolean {
    if (fact.type === 'delete') return false
    const [table, key] = entryKeyOf(fact, place)
    const value = this.#index.get(table, key)
    return value !== undefined && isEntryOf(fact, place, value)
  }

  /** What goes with a block that stands for itself: a directory of many blocks is one no more without it, though it may come again alone. */
  forgetBlock(multihash: Uint8Array): Forgotten[] {
    const cid = dagPbEntityKeyOf(multihash)
    const value = this.#index.get('entities', cid)
    const isFile = value === undefined || decodeEntityEntry(value).fileId !== undefined
    return [{ table: 'blocks', key: multihash }, ...(isFile ? [] : [{ table: 'entities', key: cid } as const])]
  }

  file(id: Uint8Array): FileEntry | undefined {
    const value = this.#index.get('files', id)
    return value === undefined ? undefined : decodeFileEntry(id.slice(), value)
  }

  /** All blobs in order of their roots; what comes or goes meanwhile may or may not be seen. */
  *blobs(): Generator<BlobEntry> {
    for (const [root, value] of this.#all('blobs')) yield decodeBlobEntry(root, value)
  }

  *files(): Generator<FileEntry> {
    for (const [id, value] of this.#all('files')) yield decodeFileEntry(id, value)
  }

  /** The files whose flat bytes are `root`. */
  filesOf(root: Uint8Array): FileEntry[] {
    const files = Array.from(this.#all('roots', root), ([key]) => this.file(key.subarray(root.length)))
    return files.filter((file) => file !== undefined)
  }

  *#all(table: Table, prefix?: Uint8Array): Generator<[Uint8Array, Uint8Array]> {
    for (const page of pagesOf(this.#index, table, prefix)) yield* page
  }

  /**
   * In order; `applied` stands in the last transaction, so a crash between two of them applies again, not never.
   * @param forgotten - entries that go without a record: nothing in the packs brings them back once the one that they stand on is dropped.
   */
  async apply(facts: readonly LoggedFact[], applied: Place, forgotten: readonly Forgotten[] = []): Promise<void> {
    let ops: IndexOp[] = []
    for (const { fact, place, skeleton } of facts) {
      if (fact.type === 'file') ops = await this.#applyFile(fact, place, skeleton, ops)
      else if (fact.type === 'delete') ops = await this.#applyDelete(fact.root, ops)
      else ops.push(opOf(fact, place))
    }
    ops.push(...forgotten, { table: 'meta', key: APPLIED, value: encodePlace(applied) })
    await this.#change(ops)
  }

  async #change(ops: readonly IndexOp[]): Promise<void> {
    this.live.note(ops)
    await this.#index.apply(ops)
  }

  /** Places first, the entity last: until then nothing points at them. Of a file that was moved they are there, and lead where its entry leads. */
  async #applyFile(fact: FileFact, place: Place, skeleton: Uint8Array | undefined, before: IndexOp[]): Promise<IndexOp[]> {
    const id = fileIdOf(fact, place)
    const file = fileEntryOf(fact, place, id)
    const entry: IndexOp = { table: 'files', key: id, value: encodeFileEntry(file, place) }
    let ops = before
    if (fact.id !== undefined && this.#index.get('files', id) !== undefined) {
      ops.push(entry)
      return ops
    }
    const entries = skeleton === undefined ? this.#readEntries(file) : skeletonEntries(skeleton)
    const isRead = await readAll(entries, async (each) => {
      ops.push({ table: 'places', key: concatBytes([each.multihash, id]), value: encodeFrame(each) })
      if (ops.length < INDEX_BATCH_OPS) return
      await this.#change(ops)
      ops = []
    })
    if (!isRead) return ops // deleted by a later record, or damaged: either way the file is not complete here
    ops.push(entry)
    ops.push({ table: 'roots', key: concatBytes([fact.root, id]), value: Uint8Array.of(1) })
    ops.push({ table: 'entities', key: fact.cid, value: encodeFileEntity(id) })
    return ops
  }

  /** The names first, so that nothing half gone is found; then the places; the file entries last, so that a replay finds them. */
  async #applyDelete(root: Uint8Array, before: IndexOp[]): Promise<IndexOp[]> {
    await this.#change(before)
    const files = this.filesOf(root)
    let ops: IndexOp[] = [{ table: 'blobs', key: root }]
    for (const file of files) {
      const value = this.#index.get('entities', file.cid)
      if (value !== undefined && toHex(value.subarray(1)) === toHex(file.id)) ops.push({ table: 'entities', key: file.cid })
    }
    for (const file of files) {
      await readAll(this.#readEntries(file), async (entry) => {
        ops.push({ table: 'places', key: concatBytes([entry.multihash, file.id]) })
        if (ops.length < INDEX_BATCH_OPS) return
        await this.#change(ops)
        ops = []
      })
    }
    for (const file of files) ops.push({ table: 'files', key: file.id }, { table: 'roots', key: concatBytes([root, file.id]) })
    return ops
  }
}

/** False when the skeleton cannot be read to its end (damaged, or unlinked by a delete that is being replayed). Places that stay are dead. */
async function readAll(
  entries: AsyncIterable<SkeletonEntry> | Iterable<SkeletonEntry>,
  take: (entry: SkeletonEntry) => Promise<void>,
): Promise<boolean> {
  const iterator = Symbol.iterator in entries ? entries[Symbol.iterator]() : entries[Symbol.asyncIterator]()
  for (;;) {
    let next: IteratorResult<SkeletonEntry>
    try {
      next = await iterator.next()
    } catch (error) {
      if (error instanceof BlockstoreError) return false
      throw error
    }
    if (next.done === true) return true
    await take(next.value)
  }
}

function opOf(fact: Exclude<Fact, { type: 'file' | 'delete' }>, place: Place): IndexOp {
  const [table, key] = entryKeyOf(fact, place)
  if (fact.type === 'entity') return { table, key, value: encodeEntityEntry(fact, place) }
  return { table, key, value: fact.type === 'block' ? encodeBlockEntry(fact, place) : encodeBlobEntry(fact, place) }
}

function entryKeyOf(fact: Exclude<Fact, { type: 'delete' }>, place: Place): [table: Table, key: Uint8Array] {
  if (fact.type === 'file') return ['files', fileIdOf(fact, place)]
  if (fact.type === 'block') return ['blocks', fact.multihash]
  return fact.type === 'blob' ? ['blobs', fact.root] : ['entities', fact.cid]
}

/** The place of its first record, which it keeps when it is moved. */
export function fileIdOf(fact: FileFact, place: Place): Uint8Array {
  return fact.id ?? encodePlace(place)
}
