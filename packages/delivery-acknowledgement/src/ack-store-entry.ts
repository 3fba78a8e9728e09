/**
 * Entries of the acknowledgement log: `length u32 · check 8 · kind u8 · body`, check = the first bytes of SHA-256 over kind and body.
 * Reading is total: what does not check is no entry.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { isEqualBytes } from './wire.ts'

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
