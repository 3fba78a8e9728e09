/**
 * The acknowledgement log: a head (`@selvedge/crypto/file-head`), then entries, `length u32 · check 8 · kind u8 · body`, check = the first bytes of SHA-256 over kind and
 * body. Of version 0 the log has no head. Reading an entry is total: what does not check is no entry.
 */
import { encodeFileHead, FILE_HEAD_BYTES, type FileFormat } from '@selvedge/crypto/file-head'
import { sha256 } from '@selvedge/crypto/sha256'
import { damagedFile, fileVersionOf } from './kept-file.ts'
import { isEqualBytes } from './wire.ts'

const FORMAT: FileFormat = { magic: 'SVAK', version: 1 }
/** What a log begins with. */
export const encodeLogHead = (): Uint8Array => encodeFileHead(FORMAT)

/** A record of a chain, an epoch (u64) that is forgotten, an account's standing. */
export const KINDS = { record: 1, forgotten: 2, standing: 3 } as const
export type Kind = (typeof KINDS)[keyof typeof KINDS]

const LENGTH_BYTES = 4
const CHECK_BYTES = 8
const KIND_OFFSET = LENGTH_BYTES + CHECK_BYTES
/** Before the body. */
export const ENTRY_HEAD_BYTES: number = KIND_OFFSET + 1
const ENTRY_BYTES_MOST = 4_096

export interface Entry {
  readonly kind: Kind
  /** A view. */
  readonly body: Uint8Array
  /** All of it. */
  readonly length: number
}

/** Where a log's entries begin, and whether it is of an older version than is written: one that has nothing in it is. */
export interface LogStart {
  readonly offset: number
  readonly isOld: boolean
}

/**
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_FORMAT` for a newer version, `DELIVERY_ACKNOWLEDGEMENT_DAMAGED` for what begins neither
 *   with a head that checks nor, as version 0 does, with the length of an entry or a part of it.
 */
export function logStartOf(log: Uint8Array, path: string): LogStart {
  if (fileVersionOf(log, FORMAT, path) !== undefined) return { offset: FILE_HEAD_BYTES, isOld: false }
  const first = Uint8Array.of(...log.subarray(0, LENGTH_BYTES), 0, 0, 0, 0)
  if (new DataView(first.buffer).getUint32(0, true) > ENTRY_BYTES_MOST)
    throw damagedFile(path, 0, 'it begins as no log of acknowledgements does')
  return { offset: 0, isOld: true }
}

export function encodeEntry(kind: Kind, body: Uint8Array): Uint8Array {
  const entry = new Uint8Array(ENTRY_HEAD_BYTES + body.length)
  new DataView(entry.buffer).setUint32(0, body.length, true)
  entry[KIND_OFFSET] = kind
  entry.set(body, ENTRY_HEAD_BYTES)
  entry.set(checkOf(entry), LENGTH_BYTES)
  return entry
}

/** The entry that begins at an offset of the log, if one does that checks. */
export function entryAt(log: Uint8Array, at: number): Entry | undefined {
  if (at + ENTRY_HEAD_BYTES > log.length) return undefined
  const length = new DataView(log.buffer, log.byteOffset + at).getUint32(0, true)
  const end = at + ENTRY_HEAD_BYTES + length
  const kind = log[at + KIND_OFFSET]
  if (length > ENTRY_BYTES_MOST || end > log.length || !isKind(kind)) return undefined
  const entry = log.subarray(at, end)
  if (!isEqualBytes(checkOf(entry), entry.subarray(LENGTH_BYTES, KIND_OFFSET))) return undefined
  return { kind, body: entry.subarray(ENTRY_HEAD_BYTES), length: entry.length }
}

const isKind = (kind: number | undefined): kind is Kind => kind === KINDS.record || kind === KINDS.forgotten || kind === KINDS.standing
const checkOf = (entry: Uint8Array): Uint8Array => sha256(entry.subarray(KIND_OFFSET)).subarray(0, CHECK_BYTES)
