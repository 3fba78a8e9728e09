/**
 * The values of the index, and how many bytes of the packs stand behind each (`live-bytes.ts`).
 *
 * Each says where its record's content stands; or, where that is a file of its own, where the record stands. An index of an earlier version of this
 * package says nothing in that case (pack 0): then any record that tells the same may be the one.
 */
import { concatBytes, readSize, viewOf, writeSize } from './bytes.ts'
import type { RecordTable } from './index-pages.ts'
import { outboardBytesOf } from './layout.ts'
import type { EntityKind, Table } from './ports.ts'
import { type Fact, type Place, RECORD_BYTES } from './record.ts'
import type { Frame } from './skeleton.ts'

const KINDS: readonly EntityKind[] = ['file', 'directory', 'symlink', 'other']
const FILE_KIND = 0
const FILE_ENTRY_HEAD_BYTES = 57

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

export interface BlockEntry {
  readonly place: Place
  readonly length: number
}

type FactOf<T extends Fact['type']> = Extract<Fact, { type: T }>

export function encodeBlobEntry(fact: FactOf<'blob'>, place: Place): Uint8Array {
  const value = new Uint8Array(17)
  const view = viewOf(value)
  writeSize(view, 0, fact.size)
  value[8] = fact.offset === undefined ? 0 : 1
  writePlace(view, 9, homeOf(fact, place))
  return value
}

export function decodeBlobEntry(root: Uint8Array, value: Uint8Array): BlobEntry {
  const view = viewOf(value)
  const entry = { root: root.slice(), size: readSize(view, 0) }
  return value[8] === 0 ? entry : { ...entry, place: readPlace(view, 9) }
}

export function encodeBlockEntry(fact: FactOf<'block'>, place: Place): Uint8Array {
  const value = new Uint8Array(12)
  const view = viewOf(value)
  writePlace(view, 0, homeOf(fact, place))
  view.setUint32(8, fact.length, true)
  return value
}

export function decodeBlockEntry(value: Uint8Array): BlockEntry {
  const view = viewOf(value)
  return { place: readPlace(view, 0), length: view.getUint32(8, true) }
}

/** Of anything but a file. */
export function encodeEntityEntry(fact: FactOf<'entity'>, place: Place): Uint8Array {
  const value = new Uint8Array(9)
  value[0] = KINDS.indexOf(fact.kind)
  writePlace(viewOf(value), 1, place)
  return value
}

export function encodeFileEntity(id: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(FILE_KIND), id])
}

export function decodeEntityEntry(value: Uint8Array): { readonly kind: EntityKind; readonly fileId?: Uint8Array } {
  const kind = KINDS[value[0] as number] as EntityKind
  return kind === 'file' ? { kind, fileId: value.slice(1, 9) } : { kind }
}

export function fileEntryOf(fact: FactOf<'file'>, place: Place, id: Uint8Array): FileEntry {
  const { cid, root, size, skeletonBytes, offset } = fact
  return { id, cid, root, size, skeletonBytes, ...(offset === undefined ? {} : { skeletonPlace: homeOf(fact, place) }) }
}

/** @param place - of the record. */
export function encodeFileEntry(file: FileEntry, place: Place): Uint8Array {
  const head = new Uint8Array(FILE_ENTRY_HEAD_BYTES)
  const view = viewOf(head)
  head.set(file.root)
  writeSize(view, 32, file.size)
  writeSize(view, 40, file.skeletonBytes)
  head[48] = file.skeletonPlace === undefined ? 0 : 1
  writePlace(view, 49, file.skeletonPlace ?? place)
  return concatBytes([head, file.cid])
}

export function decodeFileEntry(id: Uint8Array, value: Uint8Array): FileEntry {
  const view = viewOf(value)
  const cid = value.slice(FILE_ENTRY_HEAD_BYTES)
  const entry = { id, cid, root: value.slice(0, 32), size: readSize(view, 32), skeletonBytes: readSize(view, 40) }
  return value[48] === 0 ? entry : { ...entry, skeletonPlace: readPlace(view, 49) }
}

export function encodeFrame(frame: Frame): Uint8Array {
  const out = new Uint8Array(28)
  const view = viewOf(out)
  writeSize(view, 0, frame.flatOffset)
  view.setUint32(8, frame.flatBytes, true)
  writeSize(view, 12, frame.frameOffset)
  view.setUint32(20, frame.prefixBytes, true)
  view.setUint32(24, frame.suffixBytes, true)
  return out
}

export function decodeFrame(value: Uint8Array): Frame {
  const view = viewOf(value)
  return {
    flatOffset: readSize(view, 0),
    flatBytes: view.getUint32(8, true),
    frameOffset: readSize(view, 12),
    prefixBytes: view.getUint32(20, true),
    suffixBytes: view.getUint32(24, true),
  }
}

/** Whether `value` is what the record at `place` put there. */
export function isEntryOf(fact: Exclude<Fact, { type: 'delete' }>, place: Place, value: Uint8Array): boolean {
  const view = viewOf(value)
  if (fact.type === 'block') return isSamePlace(readPlace(view, 0), homeOf(fact, place))
  if (fact.type === 'entity') {
    return value[0] === KINDS.indexOf(fact.kind) && (value.length < 9 || isSamePlace(readPlace(view, 1), place))
  }
  const [flag, at] = fact.type === 'blob' ? ([8, 9] as const) : ([48, 49] as const)
  const isStored = value[flag] === 1
  if (isStored !== (fact.offset !== undefined)) return false
  const home = readPlace(view, at)
  return (!isStored && home.pack === 0) || isSamePlace(home, homeOf(fact, place))
}

/** Bytes of the packs that stand behind an entry; of a file's a few more than there are, where it was not moved yet. */
export function packBytesOf(table: Table, key: Uint8Array, value: Uint8Array | undefined): number {
  if (value === undefined) return 0
  if (table === 'blocks') return RECORD_BYTES.block + key.length + viewOf(value).getUint32(8, true)
  if (table === 'entities') return value[0] === FILE_KIND ? 0 : RECORD_BYTES.entity + key.length
  if (table === 'blobs') {
    const size = readSize(viewOf(value), 0)
    return RECORD_BYTES.blob + (value[8] === 1 ? size + outboardBytesOf(size) : 0)
  }
  if (table !== 'files') return 0
  const skeletonBytes = value[48] === 1 ? readSize(viewOf(value), 40) : 0
  return RECORD_BYTES.file + value.length - FILE_ENTRY_HEAD_BYTES + skeletonBytes
}

/** The pack that an entry stands on; 0: it does not say; undefined: of an entity that is a file, whose entry in `files` does. */
export function packOf(table: RecordTable, value: Uint8Array): number | undefined {
  const view = viewOf(value)
  if (table === 'entities') return value[0] === FILE_KIND ? undefined : value.length < 9 ? 0 : view.getUint32(1, true)
  return view.getUint32({ blobs: 9, blocks: 0, files: 49 }[table], true)
}

export function isSamePlace(a: Place | undefined, b: Place | undefined): boolean {
  return a?.pack === b?.pack && a?.offset === b?.offset
}

/** Where the content stands; of what has none in its pack, where the record stands. */
function homeOf({ offset }: { readonly offset?: number }, place: Place): Place {
  return offset === undefined ? place : { pack: place.pack, offset }
}

function writePlace(view: DataView, at: number, { pack, offset }: Place): void {
  view.setUint32(at, pack, true)
  view.setUint32(at + 4, offset, true)
}

function readPlace(view: DataView, at: number): Place {
  return { pack: view.getUint32(at, true), offset: view.getUint32(at + 4, true) }
}
