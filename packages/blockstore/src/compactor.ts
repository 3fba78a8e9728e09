/**
 * Gives back what is dead in the packs: what lives in the oldest one is appended to the log again, and the pack is removed.
 *
 * The order of it is what makes a crash harmless. A record is moved by an ordinary append, synced and in the index before anything else happens, so that
 * at any moment each is there at least once; when nothing in the index leads to the pack any more, and that is durable, the pack's name goes. What a
 * crash leaves is a pack that is dead, whole or in part, and is the next to be compacted.
 *
 * It is always the oldest, so that a delete in it can be left out: there is nothing before it that would come back when the index is made anew from the packs.
 * Whether a record lives is asked in the moment in which it is written again (`PackLog.appendLate`), so that no delete comes in between. What is read meanwhile
 * goes on: an open file survives the loss of its name, and who comes too late looks again (`content.ts`).
 *
 * Invariants: one pack at a time; no more than a window and a slice of it in memory. What follows a damaged record is found by the index (`salvage.ts`).
 * Given up: the pack with the most dead bytes first, which copies less where what is old lives long, but has to carry all deletes along, and a blob that
 * came again after its own delete is an order that a move would break.
 */
import { setImmediate } from 'node:timers/promises'
import { mapKeyOf } from './bytes.ts'
import { type Catalog, fileIdOf } from './catalog.ts'
import { COMPACT_BYTES, COMPACT_RECORDS, DEAD_SHARE } from './constants.ts'
import type { Handles } from './handles.ts'
import { packBytesOf } from './index-entries.ts'
import { RECORD_TABLES } from './index-pages.ts'
import { stopped } from './jobs.ts'
import type { Forgotten, LateChange, LogEvent, PackLog } from './pack-log.ts'
import { PackReader, type ReadRecord } from './pack-reader.ts'
import type { FileSystem, Index, OpenFile } from './ports.ts'
import { bytesOf, encodeMoved, type RecordParts } from './record.ts'
import { encodeStanding, isStanding, type StandingEntry, standingIn } from './salvage.ts'
import type { Usage } from './usage.ts'

export interface CompactorParts {
  readonly fileSystem: FileSystem
  readonly index: Index
  readonly log: PackLog
  readonly catalog: Catalog
  readonly handles: Handles
  readonly usage: Usage
  /** Less than so much dead is never worth a pass. */
  readonly packBytesMax: number
  readonly onEvent: (event: CompactionEvent) => void
}

export type CompactionEvent =
  /** A pack was removed; so much of it lives on in others. */
  | { readonly type: 'compacted'; readonly pack: number; readonly bytes: number; readonly movedBytes: number }
  /** It stays, and the next delete tries it again. */
  | { readonly type: 'failed'; readonly error: unknown }
  | Extract<LogEvent, { type: 'damaged' }>

interface Salvaged {
  readonly entry: StandingEntry
  /** Undefined: a block that is forgotten. */
  readonly change: LateChange | undefined
}

export class Compactor {
  readonly #parts: CompactorParts
  readonly #ending = new AbortController()
  /** Passes, one behind the other. */
  #passes: Promise<void> = Promise.resolve()
  #isLooking = false
  /** Passes that somebody waits for: the one in the background makes room for them. */
  #wanted = 0
  /** Who waits for the end of a step. */
  #waiting: (() => void)[] = []
  /** Dead by the figures, though a whole pass has just been made: where a figure is only nearly right, it is not tried over and over. */
  #restBytes = 0

  constructor(parts: CompactorParts) {
    this.#parts = parts
  }

  /** Compacts, in the background, where enough is dead. */
  look(): void {
    if (this.#isLooking || !this.#isDue) return
    this.#isLooking = true
    void this.#enqueue(async () => {
      try {
        await this.#pass(() => this.#isDue && this.#wanted === 0, Number.POSITIVE_INFINITY)
      } catch (error) {
        if (!this.#ending.signal.aborted) this.#parts.onEvent({ type: 'failed', error })
      } finally {
        this.#isLooking = false
        this.#release()
      }
    })
  }

  /** For who makes something dead: where too much is, a step of the way back is waited for, so that nobody can be faster than it. Never rejects. */
  async keepUp(): Promise<void> {
    this.look()
    if (this.#isLooking) await new Promise<void>((resolve) => void this.#waiting.push(resolve))
  }

  /** Until no more than `bytesMax` of blocks are left. @throws {BlockstoreError} `BLOCKSTORE_STOPPED`; the reason of `signal`, or what the disk refused. */
  async forgetBlocks(bytesMax: number, signal?: AbortSignal): Promise<void> {
    const { catalog } = this.#parts
    this.#wanted++
    try {
      await this.#enqueue(() => this.#pass(() => catalog.live.blockBytes > bytesMax, bytesMax, signal))
    } finally {
      this.#wanted--
      this.look()
    }
  }

  /** Ends what runs, and waits for it. */
  async stop(): Promise<void> {
    this.#ending.abort(stopped())
    await this.#passes
  }

  get #deadBytes(): number {
    const { log, catalog } = this.#parts
    return Math.max(0, log.bytes - catalog.live.bytes)
  }

  get #isDue(): boolean {
    const { log, usage, packBytesMax } = this.#parts
    if (this.#ending.signal.aborted) return false
    const dead = this.#deadBytes
    this.#restBytes = Math.min(this.#restBytes, dead)
    return dead - this.#restBytes >= packBytesMax && (dead * DEAD_SHARE > log.bytes || usage.isOver(dead))
  }

  #enqueue(pass: () => Promise<void>): Promise<void> {
    const running = this.#passes.then(pass)
    this.#passes = running.catch(() => {})
    return running
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #verifyGoesOn(signal: AbortSignal | undefined): void {
    this.#ending.signal.throwIfAborted()
    signal?.throwIfAborted()
  }

  /** Once around at most: what is moved comes to lie behind what was the last pack, and need not be looked at again. */
  async #pass(goesOn: () => boolean, blockBytesMax: number, signal?: AbortSignal): Promise<void> {
    const { log } = this.#parts
    const last = log.packs.at(-1) ?? 0
    while (goesOn()) {
      this.#verifyGoesOn(signal)
      const [pack] = log.packs
      if (pack === undefined || pack > last) {
        this.#restBytes = this.#deadBytes
        return
      }
      if (pack === log.packs.at(-1)) await log.closePack()
      if (pack === log.packs.at(-1)) return // it is empty
      await this.#compact(pack, blockBytesMax, signal)
      this.#release()
    }
  }

  /** @param blockBytesMax - while there is more of blocks than this, those that are met are not moved but forgotten. */
  async #compact(pack: number, blockBytesMax: number, signal: AbortSignal | undefined): Promise<void> {
    const { fileSystem, index, log, handles, onEvent } = this.#parts
    const [path, bytes] = [log.pathOf(pack), log.sizeOf(pack)]
    const file = await fileSystem.open(path, 'read')
    let movedBytes = 0
    try {
      const reader = new PackReader((offset, length) => file.read(offset, length), pack, bytes)
      for (let slice = await nextSlice(reader); slice.length > 0; slice = await nextSlice(reader)) {
        this.#verifyGoesOn(signal)
        movedBytes += await this.#move(slice, blockBytesMax)
        await setImmediate()
      }
      if (reader.offset < bytes) {
        onEvent({ type: 'damaged', pack, offset: reader.offset })
        for (const table of RECORD_TABLES) movedBytes += await this.#salvage(standingIn(index, table, pack), file, blockBytesMax, signal)
      }
    } finally {
      await file.close()
    }
    await index.flush()
    await log.drop(pack)
    await handles.forget(path)
    onEvent({ type: 'compacted', pack, bytes, movedBytes })
  }

  /** @returns bytes that were written again. */
  async #move(slice: readonly ReadRecord[], blockBytesMax: number): Promise<number> {
    const { catalog } = this.#parts
    const isLive = ({ fact, place }: ReadRecord): boolean => catalog.isLive(fact, place)
    if (!slice.some(isLive)) return 0
    const take = (): LateChange => {
      const records: RecordParts[] = []
      const forgotten: Forgotten[] = []
      const directories = new Set<string>()
      let { blockBytes } = catalog.live
      for (const record of slice) {
        if (!isLive(record)) continue
        const { fact, place, header, body } = record
        if (fact.type === 'block' && blockBytes > blockBytesMax) {
          const gone = catalog.forgetBlock(fact.multihash)
          for (const { table, key } of gone) if (table === 'entities') directories.add(mapKeyOf(key))
          forgotten.push(...gone)
          blockBytes -= header.length + body.length
        } else if (fact.type === 'entity' && (directories.has(mapKeyOf(fact.cid)) || !catalog.hasRootBlock(fact.cid))) {
          forgotten.push({ table: 'entities', key: fact.cid })
        } else records.push(encodeMoved(header, body, fact.type === 'file' ? fileIdOf(fact, place) : undefined))
      }
      return { records, forgotten }
    }
    return await this.#append(take)
  }

  /**
   * In slices that gather over pages, and of one table, since what goes with a block is not to be met beside it. After each slice who waits goes on: of a pack
   * and an index of any size they would wait too long.
   * @returns bytes that were written again.
   */
  async #salvage(
    pages: Iterable<readonly StandingEntry[]>,
    file: OpenFile,
    blockBytesMax: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { catalog } = this.#parts
    let movedBytes = 0
    let slice: Salvaged[] = []
    let [sliceBytes, forgottenBytes] = [0, 0]
    const append = async (): Promise<void> => {
      if (slice.length === 0) return
      movedBytes += await this.#append(() => this.#changeOf(slice))
      slice = []
      sliceBytes = forgottenBytes = 0
      this.#release()
    }
    for (const page of pages) {
      for (const entry of page) {
        this.#verifyGoesOn(signal)
        const isForgotten = entry.table === 'blocks' && catalog.live.blockBytes - forgottenBytes > blockBytesMax
        const change = isForgotten ? undefined : await encodeStanding(entry, file)
        slice.push({ entry, change })
        if (change === undefined) forgottenBytes += packBytesOf(entry.table, entry.key, entry.value)
        else sliceBytes += bytesOf(change.records)
        if (sliceBytes >= COMPACT_BYTES || slice.length >= COMPACT_RECORDS) await append()
      }
      this.#verifyGoesOn(signal)
      await setImmediate()
    }
    await append()
    return movedBytes
  }

  /** Of those that still stand in this moment. */
  #changeOf(slice: readonly Salvaged[]): LateChange {
    const { catalog, index } = this.#parts
    const standing = slice.filter(({ entry }) => isStanding(index, entry))
    const changes = standing.map(({ entry, change }) => change ?? { records: [], forgotten: catalog.forgetBlock(entry.key) })
    return { records: changes.flatMap(({ records }) => records), forgotten: changes.flatMap(({ forgotten }) => forgotten) }
  }

  async #append(take: () => LateChange): Promise<number> {
    let bytes = 0
    await this.#parts.log.appendLate(() => {
      const change = take()
      bytes = bytesOf(change.records)
      return change
    }, COMPACT_BYTES)
    return bytes
  }
}

async function nextSlice(reader: PackReader): Promise<ReadRecord[]> {
  const slice: ReadRecord[] = []
  let bytes = 0
  while (bytes < COMPACT_BYTES && slice.length < COMPACT_RECORDS) {
    const record = await reader.next()
    if (record === undefined) break
    slice.push(record)
    bytes += record.header.length + record.body.length
  }
  return slice
}
