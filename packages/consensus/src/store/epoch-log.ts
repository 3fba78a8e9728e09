/**
 * The log of one epoch: a folder of segments and an index of what is in them.
 *
 * A record has its place from the moment it is appended; its bytes stay in memory until they are durable, and for a while longer.
 * Invariant: `synced <= written <= end` of every segment, and only the last segment has them differ.
 */
import { closeSync, fdatasyncSync, ftruncateSync, fstatSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import type { RecordKind, StoredRecord } from '../core/contract.ts'
import { ConsensusError } from '../errors.ts'
import type { EpochStore } from '../ports.ts'
import { EpochIndex, type Indexed } from './epoch-index.ts'
import { decodeRecordHeader, encodeRecordHead, isWhole, RECORD_HEADER_BYTES, recordBytesOf } from './record.ts'
import { isVouchedFor, readAt, saltOf, scanSegment, SEGMENT_FLAGS, SEGMENT_HEADER_BYTES, segmentName } from './segment.ts'

export interface Segment {
  readonly epoch: number
  readonly number: number
  readonly path: string
  readonly salt: number
  /** Where the next record goes. */
  end: number
  /** Everything before it is durable. */
  synced: number
  /** Opened when it is first written or read. */
  fd: number | undefined
}

/** A record and its place. `bytes` is there until it is durable, then as long as there is room. */
export interface Entry extends Indexed {
  readonly segment: Segment
  readonly offset: number
  readonly recordBytes: number
  bytes: Uint8Array | undefined
}

/** What is to be written next: one record, in two parts. */
export interface Unwritten {
  readonly entry: Entry
  readonly head: Uint8Array
}

export interface EpochLogOptions {
  readonly folder: string
  readonly epoch: number
  readonly segmentBytesMax: number
  readonly enqueue: (unwritten: Unwritten) => void
}

export class EpochLog implements EpochStore {
  readonly #options: EpochLogOptions
  readonly #index = new EpochIndex<Entry>()
  readonly #segments: Segment[] = []

  /** Reads the folder, which is made if it is not there, and cuts the torn tail. @throws {ConsensusError} `CONSENSUS_STORE_DAMAGED` */
  constructor(options: EpochLogOptions) {
    this.#options = options
    const { folder } = options
    mkdirSync(folder, { recursive: true })
    const names = readdirSync(folder)
      .filter((name) => /^\d{8}\.wal$/.test(name))
      .toSorted()
    for (const [i, name] of names.entries()) this.#openSegment(name, i + 1, i === names.length - 1)
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0
  }

  append(records: readonly StoredRecord[]): void {
    for (const record of records) {
      const segment = this.#segmentForNext()
      const head = encodeRecordHead(record, segment.salt, segment.synced)
      const { kind, key, round, author, bytes } = record
      const recordBytes = head.length + bytes.length
      const entry: Entry = { kind, key, round, author, segment, offset: segment.end, recordBytes, bytes }
      segment.end += recordBytes
      this.#index.set(entry)
      this.#options.enqueue({ entry, head })
    }
  }

  get(kind: RecordKind, key: string): Uint8Array | undefined {
    const entry = this.#index.get(kind, key)
    return entry === undefined ? undefined : bytesOf(entry)
  }

  has(kind: RecordKind, key: string): boolean {
    return this.#index.get(kind, key) !== undefined
  }

  *entries(kind: RecordKind, afterRound?: number): Iterable<StoredRecord> {
    for (const entry of this.#index.entries(kind, afterRound)) yield recordOf(entry)
  }

  close(): void {
    for (const segment of this.#segments) {
      if (segment.fd !== undefined) closeSync(segment.fd)
      segment.fd = undefined
    }
  }

  #segmentForNext(): Segment {
    const { epoch, folder, segmentBytesMax } = this.#options
    const last = this.#segments.at(-1)
    if (last !== undefined && last.end < segmentBytesMax) return last
    const number = (last?.number ?? 0) + 1
    const segment: Segment = {
      epoch,
      number,
      path: join(folder, segmentName(number)),
      salt: randomInt(2 ** 32),
      end: SEGMENT_HEADER_BYTES,
      synced: 0,
      fd: undefined,
    }
    this.#segments.push(segment)
    return segment
  }

  #openSegment(name: string, expected: number, isLast: boolean): void {
    const { epoch, folder } = this.#options
    const path = join(folder, name)
    if (name !== segmentName(expected)) throw damaged(join(folder, segmentName(expected)), 0, 'is missing')
    const fd = openSync(path, SEGMENT_FLAGS)
    const size = fstatSync(fd).size
    const header = readAt(fd, 0, SEGMENT_HEADER_BYTES)
    const salt = saltOf(header, epoch, expected)
    if (salt === undefined) {
      closeSync(fd)
      // Records come after a durable header, so a file that has not got so far holds nothing.
      if (isLast && (size < SEGMENT_HEADER_BYTES || (size === SEGMENT_HEADER_BYTES && header.every((byte) => byte === 0))))
        return unlinkSync(path)
      throw damaged(path, 0, 'is no log of this epoch and version')
    }
    const segment: Segment = { epoch, number: expected, path, salt, end: SEGMENT_HEADER_BYTES, synced: 0, fd }
    const end = scanSegment(fd, size, salt, ({ header, key, offset }) => {
      const { kind, round, author } = header
      const recordBytes = recordBytesOf(header)
      this.#index.set({ kind, key, round, author, segment, offset, recordBytes, bytes: undefined })
    })
    if (end < size) {
      if (!isLast || isVouchedFor(fd, end, size, salt)) {
        closeSync(fd)
        throw damaged(path, end, 'has a bad record among acknowledged ones')
      }
      ftruncateSync(fd, end)
      fdatasyncSync(fd)
    }
    segment.end = segment.synced = end
    if (!isLast) {
      closeSync(fd)
      segment.fd = undefined // opened again when it is read
    }
    this.#segments.push(segment)
  }
}

/** Its bytes are read when they are asked for: who looks for a few records passes over many. */
function recordOf(entry: Entry): StoredRecord {
  const { kind, key, round, author } = entry
  return {
    kind,
    key,
    ...(round === undefined ? {} : { round }),
    ...(author === undefined ? {} : { author }),
    get bytes() {
      return bytesOf(entry)
    },
  }
}

/** The record's body: from memory, or read and checked. */
function bytesOf(entry: Entry): Uint8Array {
  if (entry.bytes !== undefined) return entry.bytes
  const { segment, offset, recordBytes, kind, key } = entry
  try {
    segment.fd ??= openSync(segment.path, SEGMENT_FLAGS)
    const record = readAt(segment.fd, offset, recordBytes)
    if (record.length === recordBytes && decodeRecordHeader(record) !== undefined && isWhole(record, segment.salt)) {
      return record.subarray(RECORD_HEADER_BYTES + key.length)
    }
  } catch (cause) {
    throw new ConsensusError(
      'CONSENSUS_STORE_FAILED',
      `${segment.path} cannot be read: ${String(cause)}`,
      { path: segment.path },
      { cause },
    )
  }
  throw damaged(segment.path, offset, `does not hold the ${kind} that was written`)
}

function damaged(path: string, offset: number, what: string): ConsensusError {
  return new ConsensusError('CONSENSUS_STORE_DAMAGED', `${path} ${what}, at ${offset}`, { path, offset })
}
