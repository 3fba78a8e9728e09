/**
 * One record on disk: 32 bytes of header, the key, the body. Little endian.
 *
 *   magic u32 | crc u32 | bodyBytes u32 | kind u8 | keyBytes u8 | author u16 | round u64 | synced u64
 *
 * `crc` is CRC-32 of everything after it, begun with the segment's salt, so that no body can hold what looks like a record. `synced` is
 * how much of the segment was durable when the record was written: a bad record below the `synced` of a later one is damage, and one
 * that no later record vouches for is the torn tail of a write that nobody was told of.
 */
import { crc32 } from 'node:zlib'
import type { RecordKind, StoredRecord } from '../core/contract.ts'
import { ConsensusError } from '../errors.ts'

export const RECORD_HEADER_BYTES = 32
export const RECORD_MAGIC: Uint8Array = Buffer.from('Svl1')
/** Longest body. A frame is at most 4 MiB, a snapshot of the rule less. */
const BODY_BYTES_MAX = 64 * 2 ** 20
const NO_AUTHOR = 0xffff
const U32 = 2 ** 32
const NO_ROUND = 2n ** 64n - 1n

/** Numbers on disk: never change one. */
const NUMBERS: Readonly<Record<RecordKind, number>> = {
  proposed: 0,
  voted: 1,
  batch: 2,
  certificate: 3,
  block: 4,
  subDag: 5,
  checkpoint: 6,
  floor: 7,
  evidence: 8,
  plan: 9,
}
const KINDS = new Map(Object.entries(NUMBERS).map(([kind, number]) => [number, kind as RecordKind]))

/** Header and key of `record`; the body follows as it is. */
export function encodeRecordHead({ kind, key, round, author, bytes }: StoredRecord, salt: number, synced: number): Uint8Array {
  if (bytes.length > BODY_BYTES_MAX || key.length > 255) {
    throw new ConsensusError('CONSENSUS_BAD_ARGUMENT', `a record of ${bytes.length} bytes under a key of ${key.length} is too large`)
  }
  const head = Buffer.alloc(RECORD_HEADER_BYTES + key.length)
  head.set(RECORD_MAGIC)
  head.writeUInt32LE(bytes.length, 8)
  head.writeUInt8(NUMBERS[kind], 12)
  head.writeUInt8(key.length, 13)
  head.writeUInt16LE(author ?? NO_AUTHOR, 14)
  writeU64(head, round, 16)
  writeU64(head, synced, 24)
  head.write(key, RECORD_HEADER_BYTES, 'latin1')
  head.writeUInt32LE(crc32(bytes, crc32(head.subarray(8), salt)), 4)
  return head
}

/** Below 2^53; `undefined` is `NO_ROUND`. A BigInt for each record would cost more than the rest of its head. */
function writeU64(head: Buffer, value: number | undefined, offset: number): void {
  head.writeUInt32LE(value === undefined ? U32 - 1 : value % U32, offset)
  head.writeUInt32LE(value === undefined ? U32 - 1 : Math.floor(value / U32), offset + 4)
}

export interface RecordHeader {
  readonly kind: RecordKind
  readonly keyBytes: number
  readonly bodyBytes: number
  readonly round: number | undefined
  readonly author: number | undefined
  readonly synced: number
}

export const recordBytesOf = ({ keyBytes, bodyBytes }: RecordHeader): number => RECORD_HEADER_BYTES + keyBytes + bodyBytes

/** What the 32 bytes at the start of `bytes` say, or `undefined` where they are no header. */
export function decodeRecordHeader(bytes: Uint8Array): RecordHeader | undefined {
  if (bytes.length < RECORD_HEADER_BYTES || !RECORD_MAGIC.every((byte, i) => byte === bytes[i])) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_HEADER_BYTES)
  const bodyBytes = view.getUint32(8, true)
  const kind = KINDS.get(view.getUint8(12))
  if (kind === undefined || bodyBytes > BODY_BYTES_MAX) return undefined
  const author = view.getUint16(14, true)
  const round = view.getBigUint64(16, true)
  return {
    kind,
    keyBytes: view.getUint8(13),
    bodyBytes,
    round: round === NO_ROUND ? undefined : Number(round),
    author: author === NO_AUTHOR ? undefined : author,
    synced: Number(view.getBigUint64(24, true)),
  }
}

/** Of a record, or of its header and key. */
export function keyOf(record: Uint8Array, { keyBytes }: RecordHeader): string {
  const key = record.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + keyBytes)
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

/** Whether a whole record (header, key, body) has the checksum that its header names. */
export function isWhole(record: Uint8Array, salt: number): boolean {
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  return crc32(record.subarray(8), salt) === view.getUint32(4, true)
}
