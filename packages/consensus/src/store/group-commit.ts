/**
 * Writes what was appended, in order, and makes it durable: everything that waits is one group, with one write that returns when it is
 * (O_DSYNC), or, where the system has none, a write and an fdatasync.
 *
 * All of it is off the thread that appends. While one group is being synced the next one gathers, so the slower the disk, the larger the
 * groups. After the first failure nothing is written any more: what a failed sync has lost cannot be known.
 */
import { close, fdatasync, fsync, open, writev } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { ConsensusError } from '../errors.ts'
import type { Segment, Unwritten } from './epoch-log.ts'
import type { RecentBytes } from './recent-bytes.ts'
import { encodeSegmentHeader, IS_DURABLE_WHEN_WRITTEN, NEW_SEGMENT_FLAGS, SEGMENT_FLAGS } from './segment.ts'

const openFile = promisify(open)
const closeFile = promisify(close)
const syncData = promisify(fdatasync)
const syncFile = promisify(fsync)

/** The system takes so many parts in one call. */
const PARTS_MAX = 1_024

export class GroupCommit {
  readonly #recent: RecentBytes
  #waiting: Unwritten[] = []
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failure: ConsensusError | undefined

  constructor(recent: RecentBytes) {
    this.#recent = recent
  }

  enqueue(unwritten: Unwritten): void {
    this.#waiting.push(unwritten)
  }

  /** Everything enqueued before is durable. */
  sync(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#waiting.length === 0) return this.#running ?? Promise.resolve()
    if (this.#running === undefined) return this.#begin()
    this.#next ??= this.#running.then(() => {
      this.#next = undefined
      return this.#begin()
    })
    return this.#next
  }

  #begin(): Promise<void> {
    const group = this.#waiting
    this.#waiting = []
    const running = this.#write(group).then(
      () => {
        this.#running = undefined
        for (const { fresh } of group) this.#recent.add(fresh)
      },
      (cause: unknown) => {
        const path = group[0]?.fresh.segment.path ?? ''
        this.#failure = new ConsensusError('CONSENSUS_STORE_FAILED', `${path} cannot be written: ${String(cause)}`, { path }, { cause })
        throw this.#failure
      },
    )
    this.#running = running
    return running
  }

  async #write(group: readonly Unwritten[]): Promise<void> {
    for (let i = 0; i < group.length; ) {
      const segment = (group[i] as Unwritten).fresh.segment
      const parts: Uint8Array[] = []
      const offset = (group[i] as Unwritten).fresh.offset
      let bytes = 0
      for (; i < group.length && (group[i] as Unwritten).fresh.segment === segment; i++) {
        const { fresh, head } = group[i] as Unwritten
        parts.push(head)
        if (fresh.bytes.length > 0) parts.push(fresh.bytes)
        bytes += fresh.recordBytes
      }
      if (segment.synced === 0) await beginSegment(segment)
      const fd = (segment.fd ??= await openFile(segment.path, SEGMENT_FLAGS))
      await writeParts(fd, parts, offset)
      if (!IS_DURABLE_WHEN_WRITTEN) await syncData(fd) // before the next segment is made: only the last one may be torn
      segment.synced = offset + bytes
    }
  }
}

/** Makes the file with its header, durable in its folder too. */
async function beginSegment(segment: Segment): Promise<void> {
  const { path, epoch, number, salt } = segment
  const fd = (segment.fd = await openFile(path, NEW_SEGMENT_FLAGS, 0o666))
  await writeParts(fd, [encodeSegmentHeader(epoch, number, salt)], 0)
  if (!IS_DURABLE_WHEN_WRITTEN) await syncData(fd)
  await syncFolder(dirname(path))
  await syncFolder(dirname(dirname(path))) // the epoch's folder may be as new as its first segment
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const fd = await openFile(path, 'r')
  try {
    await syncFile(fd)
  } finally {
    await closeFile(fd)
  }
}

async function writeParts(fd: number, parts: readonly Uint8Array[], at: number): Promise<void> {
  let offset = at
  for (let i = 0; i < parts.length; ) {
    const group = parts.slice(i, i + PARTS_MAX)
    const written = await new Promise<number>((resolve, reject) => {
      writev(fd, group, offset, (error, count) => (error === null ? resolve(count) : reject(error)))
    })
    const bytes = group.reduce((sum, part) => sum + part.length, 0)
    if (written !== bytes) return writeParts(fd, [...restOf(group, written), ...parts.slice(i + PARTS_MAX)], offset + written)
    offset += bytes
    i += group.length
  }
}

/** What is left of `parts` after the first `count` bytes. */
function restOf(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  return parts.flatMap((part) => {
    const from = Math.min(skip, part.length)
    skip -= from
    return from === part.length ? [] : [part.subarray(from)]
  })
}
