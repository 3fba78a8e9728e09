/**
 * One file of an epoch's log: 32 bytes of header (tag 16, epoch u32, number u32, salt u32, CRC-32 u32, little endian), then records to its end.
 * Only the last segment may end in a torn record: a segment is whole and durable before the next one is made.
 */
import { constants, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { decodeRecordHeader, isWhole, keyOf, RECORD_HEADER_BYTES, RECORD_MAGIC, recordBytesOf, type RecordHeader } from './record.ts'

export const SEGMENT_HEADER_BYTES = 32
/** `undefined` on systems that have no such flag. */
const { O_DSYNC } = constants as { readonly O_DSYNC?: number }
/** Whether a write is durable when it returns: then it needs no fdatasync, which would be a second way through the thread pool. */
export const IS_DURABLE_WHEN_WRITTEN: boolean = O_DSYNC !== undefined
/** How segments are opened, by whoever opens them first: a descriptor is kept and written to later. */
export const SEGMENT_FLAGS: number = constants.O_RDWR | (O_DSYNC ?? 0)
export const NEW_SEGMENT_FLAGS: number = SEGMENT_FLAGS | constants.O_CREAT | constants.O_EXCL
const TAG = Buffer.from('selvedge/wal/1\0\0')
const CHUNK_BYTES = 4 * 2 ** 20

export const segmentName = (number: number): string => `${String(number).padStart(8, '0')}.wal`

export function encodeSegmentHeader(epoch: number, number: number, salt: number): Uint8Array {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  header.set(TAG)
  header.writeUInt32LE(epoch, 16)
  header.writeUInt32LE(number, 20)
  header.writeUInt32LE(salt, 24)
  header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
  return header
}

/** The salt of the segment, or `undefined` where these 32 bytes are not the header of this one. */
export function saltOf(header: Uint8Array, epoch: number, number: number): number | undefined {
  if (header.length !== SEGMENT_HEADER_BYTES) return undefined
  const salt = new DataView(header.buffer, header.byteOffset).getUint32(24, true)
  return Buffer.compare(header, encodeSegmentHeader(epoch, number, salt)) === 0 ? salt : undefined
}

/** Exactly `length` bytes, or fewer where the file ends. */
export function readAt(fd: number, offset: number, length: number): Uint8Array {
  const own = Buffer.allocUnsafeSlow(length) // whoever reads may keep it: no pool may be pinned
  let count = 0
  while (count < length) {
    const read = readSync(fd, own, count, length - count, offset + count)
    if (read === 0) break
    count += read
  }
  return new Uint8Array(own.buffer, own.byteOffset, count) // no Buffer, whose slice is a view
}

export interface ScannedRecord {
  readonly header: RecordHeader
  readonly key: string
  readonly offset: number
}

/** Calls `onRecord` for each whole record. @returns the offset behind the last one. */
export function scanSegment(fd: number, size: number, salt: number, onRecord: (record: ScannedRecord) => void): number {
  let offset = SEGMENT_HEADER_BYTES
  let window: Uint8Array = new Uint8Array()
  let windowOffset = 0
  const view = (length: number): Uint8Array | undefined => {
    if (offset + length > size) return undefined
    if (offset + length > windowOffset + window.length) {
      window = readAt(fd, offset, Math.min(Math.max(CHUNK_BYTES, length), size - offset))
      windowOffset = offset
    }
    return window.subarray(offset - windowOffset, offset - windowOffset + length)
  }
  for (;;) {
    const head = view(RECORD_HEADER_BYTES)
    const header = head === undefined ? undefined : decodeRecordHeader(head)
    if (header === undefined) return offset
    const record = view(recordBytesOf(header))
    if (record === undefined || !isWhole(record, salt)) return offset
    onRecord({ header, key: keyOf(record, header), offset })
    offset += record.length
  }
}

/** Whether a whole record after `offset` says that what is at `offset` was durable once. */
export function isVouchedFor(fd: number, offset: number, size: number, salt: number): boolean {
  for (let start = offset; start < size; start += CHUNK_BYTES) {
    const chunk = bufferOf(readAt(fd, start, Math.min(CHUNK_BYTES + RECORD_HEADER_BYTES, size - start))) // chunks overlap by a header
    for (let at = chunk.indexOf(RECORD_MAGIC); at !== -1; at = chunk.indexOf(RECORD_MAGIC, at + 1)) {
      const header = decodeRecordHeader(chunk.subarray(at, at + RECORD_HEADER_BYTES))
      if (header === undefined || header.synced <= offset || start + at + recordBytesOf(header) > size) continue
      if (isWhole(readAt(fd, start + at, recordBytesOf(header)), salt)) return true
    }
  }
  return false
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
