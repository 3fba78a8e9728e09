/**
 * Everything that a log ever wrote, for audits: what later records replaced too, which `EpochStore` no longer shows.
 *
 * Takes no lock and changes nothing, so that a living validator's log can be read; a torn record ends the reading of its segment.
 */
import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { StoredRecord } from '../core/contract.ts'
import { ConsensusError } from '../errors.ts'
import { RECORD_HEADER_BYTES } from './record.ts'
import { readAt, saltOf, scanSegment, SEGMENT_HEADER_BYTES, type ScannedRecord } from './segment.ts'

export interface LoggedRecord extends StoredRecord {
  readonly epoch: number
}

/**
 * All records of the log at `path`, epoch by epoch, in the order of writing.
 * @throws {ConsensusError} `CONSENSUS_STORE_DAMAGED` where a file is no segment of its epoch.
 */
export function* readLog(path: string): Generator<LoggedRecord> {
  const epochs = readdirSync(path).flatMap((name) => /^epoch-(\d{1,10})$/.exec(name)?.[1] ?? [])
  for (const epoch of epochs.map(Number).toSorted((a, b) => a - b)) {
    const folder = join(path, `epoch-${epoch}`)
    const names = readdirSync(folder).filter((name) => /^\d{8}\.wal$/.test(name))
    for (const name of names.toSorted()) yield* readSegment(join(folder, name), epoch, Number(name.slice(0, 8)))
  }
}

function* readSegment(path: string, epoch: number, number: number): Generator<LoggedRecord> {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    if (size <= SEGMENT_HEADER_BYTES) return
    const salt = saltOf(readAt(fd, 0, SEGMENT_HEADER_BYTES), epoch, number)
    if (salt === undefined) throw new ConsensusError('CONSENSUS_STORE_DAMAGED', `${path} is no log of epoch ${epoch}`, { path })
    const places: ScannedRecord[] = []
    scanSegment(fd, size, salt, (record) => places.push(record))
    for (const { header, key, offset } of places) {
      const { kind, round, author, keyBytes, bodyBytes } = header
      const bytes = new Uint8Array(readAt(fd, offset + RECORD_HEADER_BYTES + keyBytes, bodyBytes))
      yield { epoch, kind, key, bytes, ...(round === undefined ? {} : { round }), ...(author === undefined ? {} : { author }) }
    }
  } finally {
    closeSync(fd)
  }
}
