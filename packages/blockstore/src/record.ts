/**
 * The records of a pack: the only truth of the store. Everything else on disk is either named by a record or swept.
 *
 * A record is `magic u32 · type u32 · bodyLength u32 · crc u32 · body`, little endian; the CRC covers type, length and body,
 * so a torn or damaged record is told from a whole one without trusting its length. Bodies:
 * ```
 * 1 block   multihash length u16 · multihash · bytes
 * 2 blob    root 32 · size u64 · stored u8 (0 in a file, 1 here) · [bytes · outboard]
 * 3 file    root 32 · size u64 · skeleton length u64 · stored u8 (0 in a file, 1 here) · cid length u16 · cid · [skeleton]
 * 4 entity  kind u8 · cid length u16 · cid
 * 5 delete  root 32
 * 6 moved   file id 8 · body of a file record
 * ```
 * A file's id is the place of its first record (`encodePlace`); when a pack is compacted (`compactor.ts`) the file keeps it, and everything else is
 * written again as it was.
 *
 * What was written live and what is replayed after a crash go through the one `decodeFact`, so the index cannot differ.
 */
import { crc32 } from 'node:zlib'
import { concatBytes, readSize, viewOf, writeSize } from './bytes.ts'
import { CID_BYTES_MAX, MIB, ROOT_BYTES } from './constants.ts'
import type { EntityKind } from './ports.ts'

export const HEADER_BYTES: number = 16
/** No record is longer: the largest is a block, an inline blob with its outboard or an inline skeleton. */
export const BODY_BYTES_MAX: number = 4 * MIB
const MAGIC = 0x31525653 // "SVR1"
const BLOCK = 1
const BLOB = 2
const FILE = 3
const ENTITY = 4
const DELETE = 5
const MOVED = 6
const FILE_ID_BYTES = 8
const FILE_HEAD_BYTES = ROOT_BYTES + 19
const BLOB_HEAD_BYTES = ROOT_BYTES + 9
const KINDS: readonly EntityKind[] = ['file', 'directory', 'symlink', 'other']

/** Of each kind of record: its bytes beside key and content. */
export const RECORD_BYTES: Readonly<Record<'block' | 'blob' | 'file' | 'entity', number>> = {
  block: HEADER_BYTES + 2,
  blob: HEADER_BYTES + BLOB_HEAD_BYTES,
  file: HEADER_BYTES + FILE_ID_BYTES + FILE_HEAD_BYTES, // as if it was moved
  entity: HEADER_BYTES + 3,
}

/** Where a record begins. */
export interface Place {
  readonly pack: number
  readonly offset: number
}

/** Offsets are from the start of the pack. */
export type Fact =
  | { readonly type: 'block'; readonly multihash: Uint8Array; readonly offset: number; readonly length: number }
  | { readonly type: 'blob'; readonly root: Uint8Array; readonly size: number; readonly offset?: number }
  | {
      readonly type: 'file'
      readonly root: Uint8Array
      readonly size: number
      readonly cid: Uint8Array
      readonly skeletonBytes: number
      readonly offset?: number
      /** Of a file that was moved; absent: the place of this record. */
      readonly id?: Uint8Array
    }
  | { readonly type: 'entity'; readonly kind: EntityKind; readonly cid: Uint8Array }
  | { readonly type: 'delete'; readonly root: Uint8Array }

export interface RecordHeader {
  readonly type: number
  readonly bodyBytes: number
  readonly crc: number
}

/** A record ready to be written, in parts so that no content is copied. */
export type RecordParts = readonly Uint8Array[]

/** Of all their parts. */
export function bytesOf(records: readonly RecordParts[]): number {
  let bytes = 0
  for (const record of records) for (const part of record) bytes += part.length
  return bytes
}

export function encodeBlock(multihash: Uint8Array, bytes: Uint8Array): RecordParts {
  const head = new Uint8Array(2 + multihash.length)
  viewOf(head).setUint16(0, multihash.length, true)
  head.set(multihash, 2)
  return seal(BLOCK, [head, bytes])
}

export function encodeBlob(root: Uint8Array, size: number, outboard: Uint8Array, data: Uint8Array | undefined): RecordParts {
  const head = new Uint8Array(BLOB_HEAD_BYTES)
  head.set(root)
  writeSize(viewOf(head), 32, size)
  head[40] = data === undefined ? 0 : 1
  return seal(BLOB, data === undefined ? [head] : [head, data, outboard])
}

export function encodeFile(root: Uint8Array, size: number, cid: Uint8Array, skeletonBytes: number, skeleton?: Uint8Array): RecordParts {
  const head = new Uint8Array(FILE_HEAD_BYTES + cid.length)
  const view = viewOf(head)
  head.set(root)
  writeSize(view, 32, size)
  writeSize(view, 40, skeletonBytes)
  head[48] = skeleton === undefined ? 0 : 1
  view.setUint16(49, cid.length, true)
  head.set(cid, 51)
  return seal(FILE, skeleton === undefined ? [head] : [head, skeleton])
}

export function encodeEntity(kind: EntityKind, cid: Uint8Array): RecordParts {
  const head = new Uint8Array(3 + cid.length)
  head[0] = KINDS.indexOf(kind)
  viewOf(head).setUint16(1, cid.length, true)
  head.set(cid, 3)
  return seal(ENTITY, [head])
}

export function encodeDelete(root: Uint8Array): RecordParts {
  return seal(DELETE, [root.slice()])
}

/**
 * A record as it is written when it is moved: the same bytes, but for a file, which keeps its id.
 * @param header - of a whole record. @param body - all of it. @param id - of the file that it makes, for a record of a file.
 */
export function encodeMoved(header: Uint8Array, body: Uint8Array, id: Uint8Array | undefined): RecordParts {
  if (id === undefined) return [header, body]
  return seal(MOVED, [concatBytes([id, viewOf(header).getUint32(4, true) === MOVED ? body.subarray(FILE_ID_BYTES) : body])])
}

function seal(type: number, body: readonly Uint8Array[]): RecordParts {
  const header = new Uint8Array(HEADER_BYTES)
  const view = viewOf(header)
  let bodyBytes = 0
  for (const part of body) bodyBytes += part.length
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, type, true)
  view.setUint32(8, bodyBytes, true)
  view.setUint32(12, crcOf(header, body), true)
  return [header, ...body]
}

function crcOf(header: Uint8Array, body: readonly Uint8Array[]): number {
  let crc = crc32(header.subarray(4, 12))
  for (const part of body) crc = crc32(part, crc)
  return crc
}

/** Undefined when this is no header that we wrote. */
export function decodeHeader(header: Uint8Array): RecordHeader | undefined {
  if (header.length < HEADER_BYTES) return undefined
  const view = viewOf(header)
  const bodyBytes = view.getUint32(8, true)
  if (view.getUint32(0, true) !== MAGIC || bodyBytes > BODY_BYTES_MAX) return undefined
  return { type: view.getUint32(4, true), bodyBytes, crc: view.getUint32(12, true) }
}

export function isWhole(header: Uint8Array, body: Uint8Array): boolean {
  return crcOf(header, [body]) === viewOf(header).getUint32(12, true)
}

/**
 * What a record says. Undefined when the body is none that we write.
 * @param body - at least the fixed head of the body: content behind it is named by offset, not read.
 */
export function decodeFact(type: number, body: Uint8Array, bodyBytes: number, place: Place): Fact | undefined {
  const start = place.offset + HEADER_BYTES
  const view = viewOf(body)
  if (type === BLOCK && body.length >= 2) {
    const length = view.getUint16(0, true)
    if (length > CID_BYTES_MAX || 2 + length > body.length) return undefined
    return { type: 'block', multihash: body.slice(2, 2 + length), offset: start + 2 + length, length: bodyBytes - 2 - length }
  }
  if (type === BLOB && body.length >= BLOB_HEAD_BYTES) {
    const blob = { type: 'blob', root: body.slice(0, 32), size: readSize(view, 32) } as const
    return body[40] === 0 ? blob : { ...blob, offset: start + BLOB_HEAD_BYTES }
  }
  if (type === FILE) return decodeFile(body, start)
  if (type === MOVED && body.length >= FILE_ID_BYTES) {
    const file = decodeFile(body.subarray(FILE_ID_BYTES), start + FILE_ID_BYTES)
    return file === undefined ? undefined : { ...file, id: body.slice(0, FILE_ID_BYTES) }
  }
  if (type === ENTITY && body.length >= 3) {
    const kind = KINDS[body[0] as number]
    const length = view.getUint16(1, true)
    return kind === undefined || 3 + length !== bodyBytes ? undefined : { type: 'entity', kind, cid: body.slice(3, 3 + length) }
  }
  if (type === DELETE && body.length >= ROOT_BYTES) return { type: 'delete', root: body.slice(0, 32) }
  return undefined
}

function decodeFile(body: Uint8Array, start: number): Extract<Fact, { type: 'file' }> | undefined {
  if (body.length < FILE_HEAD_BYTES) return undefined
  const view = viewOf(body)
  const length = view.getUint16(49, true)
  if (length > CID_BYTES_MAX || 51 + length > body.length) return undefined
  const cid = body.slice(51, 51 + length)
  const file = { type: 'file', root: body.slice(0, 32), size: readSize(view, 32), skeletonBytes: readSize(view, 40), cid } as const
  return body[48] === 0 ? file : { ...file, offset: start + 51 + length }
}
