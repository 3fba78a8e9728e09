/**
 * The log of one epoch: a folder of segments and tables of what is in them.
 *
 * A record has its place from the moment it is appended; its bytes stay in memory until they are durable, and for a while longer. Of
 * older ones only their places are kept, because an epoch may have millions.
 * Invariant: `synced <= written <= end` of every segment, and only the last segment has them differ.
 */
import { closeSync, fdatasyncSync, ftruncateSync, fstatSync, mkdirSync, openSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import type { RecordKind, StoredRecord } from '../core/contract.ts'
import { ConsensusError } from '../errors.ts'
import type { EpochStore } from '../ports.ts'
import { type Place, RecordTable } from './record-table.ts'
import { decodeRecordHeader, encodeRecordHead, isWhole, keyOf, RECORD_HEADER_BYTES, recordBytesOf } from './record.ts'
import { isVouchedFor, readAt, saltOf, scanSegment, SEGMENT_FLAGS, SEGMENT_HEADER_BYTES, segmentName } from './segment.ts'

export interface Segment {
  readonly epoch: number
  readonly number: number
  readonly path: string
  readonly salt: number
  /** Bytes of all segments before it. */
  readonly start: number
  /** Where the next record goes. */
  end: number
  /** Everything before it is durable. */
  synced: number
  /** Opened when it is first written or read. */
  fd: number | undefined
}

/** A record whose bytes are in memory: until it is durable, then as long as there is room. */
export interface Fresh {
  readonly segment: Segment
  readonly offset: number
  readonly recordBytes: number
  readonly bytes: Uint8Array
  /** Its bytes are read from disk from now on. Only when it is durable. */
  forget(): void
}

/** What is to be written next: one record, in two parts. */
export interface Unwritten {
  readonly fresh: Fresh
  readonly head: Uint8Array
}

export interface EpochLogOptions {
  readonly folder: string
  readonly epoch: number
  readonly segmentBytesMax: number
  readonly enqueue: (unwritten: Unwritten) => void
}

/** The records of one kind. */
interface Shelf {
  table: RecordTable
  readonly fresh: Map<string, FreshRecord>
}

interface FreshRecord extends Fresh {
  readonly key: string
  row: number
}

const isByRound = (kind: RecordKind): boolean => kind === 'certificate' || kind === 'block'

export class EpochLog implements EpochStore {
  readonly #options: EpochLogOptions
  readonly #seed = randomInt(2 ** 32)
  readonly #shelves = new Map<RecordKind, Shelf>()
  readonly #segments: Segment[] = []
  /** By position. */
  readonly #fresh = new Map<number, FreshRecord>()

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
      const offset = segment.end
      const recordBytes = head.length + bytes.length
      segment.end += recordBytes
      const shelf = this.#shelfOf(kind)
      const position = segment.start + offset
      const row = this.#enter(shelf, kind, key, { position, recordBytes, round, author })
      const forget = (): void => {
        this.#fresh.delete(position)
        if (shelf.fresh.get(key) === fresh) shelf.fresh.delete(key)
      }
      const fresh: FreshRecord = { segment, offset, recordBytes, key, bytes, row, forget }
      shelf.fresh.set(key, fresh)
      this.#fresh.set(position, fresh)
      this.#options.enqueue({ fresh, head })
    }
  }

  get(kind: RecordKind, key: string): Uint8Array | undefined {
    const shelf = this.#shelves.get(kind)
    const fresh = shelf?.fresh.get(key)
    if (fresh !== undefined || shelf === undefined) return fresh?.bytes
    const row = this.#rowOf(shelf, kind, key)
    return row === undefined ? undefined : this.#read(kind, shelf.table.placeOf(row)).bytes
  }

  has(kind: RecordKind, key: string): boolean {
    const shelf = this.#shelves.get(kind)
    return shelf !== undefined && (shelf.fresh.has(key) || this.#rowOf(shelf, kind, key) !== undefined)
  }

  *entries(kind: RecordKind, afterRound = -1): Iterable<StoredRecord> {
    const table = this.#shelves.get(kind)?.table
    if (table === undefined) return
    for (const row of isByRound(kind) ? table.rowsAfter(afterRound) : table.rows()) yield this.#recordOf(kind, table.placeOf(row))
  }

  close(): void {
    for (const segment of this.#segments) {
      if (segment.fd !== undefined) closeSync(segment.fd)
      segment.fd = undefined
    }
  }

  #shelfOf(kind: RecordKind): Shelf {
    let shelf = this.#shelves.get(kind)
    if (shelf === undefined) this.#shelves.set(kind, (shelf = { table: new RecordTable(isByRound(kind), this.#seed), fresh: new Map() }))
    return shelf
  }

  /** Takes the place of an earlier record of the same key, and moves to the end of the order of writing. */
  #enter(shelf: Shelf, kind: RecordKind, key: string, place: Place): number {
    const before = shelf.fresh.get(key)?.row ?? this.#rowOf(shelf, kind, key)
    if (before !== undefined) shelf.table.remove(before)
    const compacted = before === undefined ? undefined : shelf.table.compacted()
    if (compacted !== undefined) {
      shelf.table = compacted.table
      for (const [each, fresh] of shelf.fresh) if (each !== key) fresh.row = compacted.rowOf(fresh.row)
    }
    return shelf.table.add(key, place)
  }

  /** Of a record that is on disk: what is in memory is found under its key. @throws {ConsensusError} `CONSENSUS_STORE_DAMAGED` */
  #rowOf({ table }: Shelf, kind: RecordKind, key: string): number | undefined {
    return table.find(key, (row) => {
      const place = table.placeOf(row)
      if (this.#fresh.has(place.position)) return false
      const segment = this.#segmentAt(place.position)
      const start = readFrom(segment, place.position - segment.start, RECORD_HEADER_BYTES + key.length)
      const header = decodeRecordHeader(start)
      const isIt = header?.kind === kind && header.keyBytes === key.length && keyOf(start, header) === key
      return isIt || this.#read(kind, place).key === key // another with this hash, or damage, which must not look like nothing
    })
  }

  #segmentAt(position: number): Segment {
    let low = 0
    for (let high = this.#segments.length - 1; low < high; ) {
      const middle = (low + high + 1) >>> 1
      if (this.#segments[middle]!.start <= position) low = middle
      else high = middle - 1
    }
    return this.#segments[low]!
  }

  /** Its key and bytes are looked for when they are asked for: who wants a few records passes over many. */
  #recordOf(kind: RecordKind, place: Place): StoredRecord {
    const { round, author } = place
    let read: { readonly key: string; readonly bytes: Uint8Array } | undefined
    const load = (): { readonly key: string; readonly bytes: Uint8Array } => (read ??= this.#read(kind, place))
    return {
      kind,
      get key() {
        return load().key
      },
      ...(round === undefined ? {} : { round }),
      ...(author === undefined ? {} : { author }),
      get bytes() {
        return load().bytes
      },
    }
  }

  /** From memory, or read and checked. @throws {ConsensusError} `CONSENSUS_STORE_DAMAGED` */
  #read(kind: RecordKind, { position, recordBytes }: Place): { readonly key: string; readonly bytes: Uint8Array } {
    const fresh = this.#fresh.get(position)
    if (fresh !== undefined) return fresh
    const segment = this.#segmentAt(position)
    const offset = position - segment.start
    const record = readFrom(segment, offset, recordBytes)
    const header = record.length === recordBytes ? decodeRecordHeader(record) : undefined
    if (header?.kind !== kind || !isWhole(record, segment.salt))
      throw damaged(segment.path, offset, `does not hold the ${kind} that was written`)
    return { key: keyOf(record, header), bytes: record.subarray(RECORD_HEADER_BYTES + header.keyBytes) }
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
      start: last === undefined ? 0 : last.start + last.end,
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
    const before = this.#segments.at(-1)
    const start = before === undefined ? 0 : before.start + before.end
    const segment: Segment = { epoch, number: expected, path, salt, start, end: SEGMENT_HEADER_BYTES, synced: size, fd }
    this.#segments.push(segment)
    const end = this.#scan(segment, fd, size)
    if (end < size) {
      if (!isLast || isVouchedFor(fd, end, size, salt)) {
        this.close()
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
  }

  /** @returns the offset behind the last whole record. */
  #scan(segment: Segment, fd: number, size: number): number {
    return scanSegment(fd, size, segment.salt, ({ header, key, offset }) => {
      const { kind, round, author } = header
      const place = { position: segment.start + offset, recordBytes: recordBytesOf(header), round, author }
      this.#enter(this.#shelfOf(kind), kind, key, place)
    })
  }
}

function readFrom(segment: Segment, offset: number, length: number): Uint8Array {
  try {
    segment.fd ??= openSync(segment.path, SEGMENT_FLAGS)
    return readAt(segment.fd, offset, length)
  } catch (cause) {
    const { path } = segment
    throw new ConsensusError('CONSENSUS_STORE_FAILED', `${path} cannot be read: ${String(cause)}`, { path }, { cause })
  }
}

function damaged(path: string, offset: number, what: string): ConsensusError {
  return new ConsensusError('CONSENSUS_STORE_DAMAGED', `${path} ${what}, at ${offset}`, { path, offset })
}
