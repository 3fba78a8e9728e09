/**
 * What the store knows: facts of the packs, turned into index entries and back. Applying a fact twice is applying it once,
 * so a replay may begin anywhere before the end of what was applied.
 *
 * ```
 * blobs     root                    → size u64 · stored u8 · pack u32 · offset u32 (of the bytes; 0 when in a file)
 * blocks    multihash               → pack u32 · offset u32 · length u32
 * places    multihash · file id 8   → flat offset u64 · flat u32 · frame offset u64 · prefix u32 · suffix u32
 * entities  CIDv1                   → kind u8 · [file id 8]
 * files     file id 8               → root 32 · size u64 · skeleton u64 · stored u8 · pack u32 · offset u32 · CIDv1
 * roots     root · file id 8        → one byte
 * meta      "applied"               → pack u32 · offset u32, big endian
 * ```
 * A file's id is the place of its record. A place whose file is not in `files` is dead: it is passed over.
 */
import { concatBytes, readSize, toHex, viewOf, writeSize } from './bytes.ts'
import { INDEX_BATCH_OPS } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import { type LoggedFact, decodePlace, encodePlace } from './pack-log.ts'
import type { EntityKind, Index, IndexOp, Table } from './ports.ts'
import type { Fact, Place } from './record.ts'
import { type Frame, type SkeletonEntry, skeletonEntries } from './skeleton.ts'

const APPLIED = new TextEncoder().encode('applied')
const EMPTY = new Uint8Array(0)
const KINDS: readonly EntityKind[] = ['file', 'directory', 'symlink', 'other']

export interface BlobEntry {
  readonly root: Uint8Array
  readonly size: number
  /** In a pack; absent: in a file of its own. */
  readonly place?: Place
}

export interface FileEntry {
  readonly id: Uint8Array
  readonly cid: Uint8Array
  readonly root: Uint8Array
  readonly size: number
  readonly skeletonBytes: number
  readonly skeletonPlace?: Place
}

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
  constructor({ index, readEntries }: CatalogOptions) {
    this.#index = index
    this.#readEntries = readEntries
  }

  get applied(): Place {
    const value = this.#index.get('meta', APPLIED)
    return value === undefined ? { pack: 0, offset: 0 } : decodePlace(value)
  }

  blob(root: Uint8Array): BlobEntry | undefined {
    const value = this.#index.get('blobs', root)
    return value === undefined ? undefined : decodeBlobEntry(root, value)
  }

  block(multihash: Uint8Array): { place: Place; length: number } | undefined {
    const value = this.#index.get('blocks', multihash)
    if (value === undefined) return undefined
    const view = viewOf(value)
    return { place: { pack: view.getUint32(0, true), offset: view.getUint32(4, true) }, length: view.getUint32(8, true) }
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
    const kind = KINDS[value[0] as number] as EntityKind
    if (kind !== 'file') return { kind }
    const file = this.file(value.subarray(1, 9))
    return file === undefined || this.#index.get('blobs', file.root) === undefined ? undefined : { kind, file }
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

  *#all(table: Table, prefix: Uint8Array = EMPTY): Generator<[Uint8Array, Uint8Array]> {
    let after: Uint8Array | undefined
    for (;;) {
      const page = this.#index.range(table, prefix, 256, after)
      yield* page
      if (page.length < 256) return
      after = (page.at(-1) as [Uint8Array, Uint8Array])[0]
    }
  }

  /** In order; `applied` stands in the last transaction, so a crash between two of them applies again, not never. */
  async apply(facts: readonly LoggedFact[], applied: Place): Promise<void> {
    let ops: IndexOp[] = []
    for (const { fact, place, skeleton } of facts) {
      if (fact.type === 'file') ops = await this.#applyFile(fact, place, skeleton, ops)
      else if (fact.type === 'delete') ops = await this.#applyDelete(fact.root, ops)
      else ops.push(opOf(fact, place))
    }
    ops.push({ table: 'meta', key: APPLIED, value: encodePlace(applied) })
    await this.#index.apply(ops)
  }

  /** Places first, the entity last: until then nothing points at them. */
  async #applyFile(fact: FileFact, place: Place, skeleton: Uint8Array | undefined, before: IndexOp[]): Promise<IndexOp[]> {
    const id = encodePlace(place)
    const file = fileEntryOf(fact, place, id)
    let ops = before
    const entries = skeleton === undefined ? this.#readEntries(file) : skeletonEntries(skeleton)
    const isRead = await readAll(entries, async (entry) => {
      ops.push({ table: 'places', key: concatBytes([entry.multihash, id]), value: encodeFrame(entry) })
      if (ops.length < INDEX_BATCH_OPS) return
      await this.#index.apply(ops)
      ops = []
    })
    if (!isRead) return ops // deleted by a later record, or damaged: either way the file is not complete here
    ops.push({ table: 'files', key: id, value: encodeFileEntry(file) })
    ops.push({ table: 'roots', key: concatBytes([fact.root, id]), value: Uint8Array.of(1) })
    ops.push({ table: 'entities', key: fact.cid, value: concatBytes([Uint8Array.of(0), id]) })
    return ops
  }

  /** The names first, so that nothing half gone is found; then the places; the file entries last, so that a replay finds them. */
  async #applyDelete(root: Uint8Array, before: IndexOp[]): Promise<IndexOp[]> {
    await this.#index.apply(before)
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
        await this.#index.apply(ops)
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
  if (fact.type === 'entity') return { table: 'entities', key: fact.cid, value: Uint8Array.of(KINDS.indexOf(fact.kind)) }
  if (fact.type === 'block') {
    const value = new Uint8Array(12)
    const view = viewOf(value)
    view.setUint32(0, place.pack, true)
    view.setUint32(4, fact.offset, true)
    view.setUint32(8, fact.length, true)
    return { table: 'blocks', key: fact.multihash, value }
  }
  const value = new Uint8Array(17)
  const view = viewOf(value)
  writeSize(view, 0, fact.size)
  if (fact.offset !== undefined) {
    value[8] = 1
    view.setUint32(9, place.pack, true)
    view.setUint32(13, fact.offset, true)
  }
  return { table: 'blobs', key: fact.root, value }
}

function decodeBlobEntry(root: Uint8Array, value: Uint8Array): BlobEntry {
  const view = viewOf(value)
  const entry = { root: root.slice(), size: readSize(view, 0) }
  return value[8] === 0 ? entry : { ...entry, place: { pack: view.getUint32(9, true), offset: view.getUint32(13, true) } }
}

function encodeFrame(frame: Frame): Uint8Array {
  const out = new Uint8Array(28)
  const view = viewOf(out)
  writeSize(view, 0, frame.flatOffset)
  view.setUint32(8, frame.flatBytes, true)
  writeSize(view, 12, frame.frameOffset)
  view.setUint32(20, frame.prefixBytes, true)
  view.setUint32(24, frame.suffixBytes, true)
  return out
}

function decodeFrame(value: Uint8Array): Frame {
  const view = viewOf(value)
  return {
    flatOffset: readSize(view, 0),
    flatBytes: view.getUint32(8, true),
    frameOffset: readSize(view, 12),
    prefixBytes: view.getUint32(20, true),
    suffixBytes: view.getUint32(24, true),
  }
}

function fileEntryOf(fact: FileFact, place: Place, id: Uint8Array): FileEntry {
  const { cid, root, size, skeletonBytes, offset } = fact
  return { id, cid, root, size, skeletonBytes, ...(offset === undefined ? {} : { skeletonPlace: { pack: place.pack, offset } }) }
}

function encodeFileEntry(file: FileEntry): Uint8Array {
  const head = new Uint8Array(57)
  const view = viewOf(head)
  head.set(file.root)
  writeSize(view, 32, file.size)
  writeSize(view, 40, file.skeletonBytes)
  if (file.skeletonPlace !== undefined) {
    head[48] = 1
    view.setUint32(49, file.skeletonPlace.pack, true)
    view.setUint32(53, file.skeletonPlace.offset, true)
  }
  return concatBytes([head, file.cid])
}

function decodeFileEntry(id: Uint8Array, value: Uint8Array): FileEntry {
  const view = viewOf(value)
  const entry = { id, cid: value.slice(57), root: value.slice(0, 32), size: readSize(view, 32), skeletonBytes: readSize(view, 40) }
  return value[48] === 0 ? entry : { ...entry, skeletonPlace: { pack: view.getUint32(49, true), offset: view.getUint32(53, true) } }
}
