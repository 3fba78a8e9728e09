/**
 * The records of one member on the simulator's disk, in the shipped format: appended to one file, each with its checksum, read back after
 * a crash up to the first that is not whole. What the core sees is what was durable, as the contract of `StoreView` says.
 */
import type { Disk } from '@selvedge/simulator'
import type { StoredRecord } from '../../src/core/contract.ts'
import { ByteWriter } from '../../src/wire/bytes.ts'
import { decodeRecordHeader, encodeRecordHead, isWhole, RECORD_HEADER_BYTES, recordBytesOf } from '../../src/store/record.ts'
import { MemoryRecords } from '../support/memory-records.ts'

export const LOG = 'log'
const SALT = 7

export function appendRecords(disk: Disk, records: readonly StoredRecord[]): void {
  for (const record of records) {
    const head = encodeRecordHead(record, SALT, 0)
    disk.append(LOG, new ByteWriter(head.length + record.bytes.length).raw(head).raw(record.bytes).finish())
  }
}

export function readRecords(disk: Disk): MemoryRecords {
  const bytes = disk.read(LOG) ?? new Uint8Array()
  const records: StoredRecord[] = []
  let end = 0
  for (;;) {
    const header = decodeRecordHeader(bytes.subarray(end))
    const size = header === undefined ? 0 : recordBytesOf(header)
    if (header === undefined || end + size > bytes.length || !isWhole(bytes.subarray(end, end + size), SALT)) break
    const { kind, round, author, keyBytes } = header
    const key = new TextDecoder().decode(bytes.subarray(end + RECORD_HEADER_BYTES, end + RECORD_HEADER_BYTES + keyBytes))
    const body = bytes.slice(end + RECORD_HEADER_BYTES + keyBytes, end + size)
    records.push({ kind, key, bytes: body, ...(round === undefined ? {} : { round }), ...(author === undefined ? {} : { author }) })
    end += size
  }
  if (end < bytes.length) disk.put(LOG, bytes.subarray(0, end)) // a torn tail is cut, or what follows it would be lost
  const view = new MemoryRecords()
  view.write(records)
  return view
}
