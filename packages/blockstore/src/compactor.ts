/**
 * Gives back what is dead in the packs: what lives in the oldest one is appended to the log again, and the pack is removed.
 *
 * The order of it is what makes a crash harmless. A record is moved by an ordinary append, synced and in the index before anything else happens, so that
 * at any moment each is there at least once; when nothing in the index leads to the pack any more, and that is durable, the pack's name goes. What a
 * crash leaves is a pack that is dead, whole or in part, and is the next to be compacted.
 *
 * It is always the oldest, so that a delete in it can be left out: there is nothing before it that would come back when the index is made anew from the packs.
 *
 * A pack that the disk refuses to read is left alone as it is, and the next one is compacted: what that deletes may stand in the one that is left, so it is carried along, unless
 * the content has come again and lives. A pack of which not all deletes are known waits for the older ones.
 *
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
import { COMPACT_BYTES, COMPACT_RECORDS, DEAD_SHARE, LEFT_ALONE_MS } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import type { Handles } from './handles.ts'
import { packBytesOf } from './index-entries.ts'
import { RECORD_TABLES } from './index-pages.ts'
import { stopped } from './jobs.ts'
import type { Forgotten, LateChange, LogEvent, PackLog } from './pack-log.ts'
import { PackReader, type ReadRecord } from './pack-reader.ts'
import type { FileSystem, Index } from './ports.ts'
import { bytesOf, encodeMoved, type RecordParts } from './record.ts'
import { encodeStanding, isStanding, type PackSource, type StandingEntry, standingIn } from './salvage.ts'
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
  /** A pack that the disk refuses to read, said once: it is left alone. Or anything else: it all stays, and the next delete tries it again. */
  | { readonly type: 'failed'; readonly error: unknown }
  | Extract<LogEvent, { type: 'damaged' }>

/** A pack that is left alone. */
interface Left {
  readonly error: unknown
  readonly untilMs: number
}

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
  /** Packs that were left alone, until they are gone: what was said of one is not said again. */
  readonly #left = new Map<number, Left>()
  /** So much of blocks was still there when all packs but those that are left alone had been gone through. */
  #stuck: { readonly left: Left; readonly blockBytes: number } | undefined

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

  /**
   * Until no more than `bytesMax` of blocks are left.
   * @throws {BlockstoreError} `BLOCKSTORE_STOPPED`; the reason of `signal`; what the disk refused, where that is why more are left.
   */
  async forgetBlocks(bytesMax: number, signal?: AbortSignal): Promise<void> {
    const { catalog } = this.#parts
    this.#wanted++
    try {
      const left = await this.#enqueue(async () => {
        const stuck = this.#stuck !== undefined && performance.now() < this.#stuck.left.untilMs ? this.#stuck : undefined
        const goal = Math.max(bytesMax, stuck?.blockBytes ?? 0) // else each caller would have all other packs written again for nothing
        const isLeft = await this.#pass(() => catalog.live.blockBytes > goal, goal, signal)
        if (isLeft !== undefined) this.#stuck = { left: isLeft, blockBytes: catalog.live.blockBytes }
        return isLeft ?? (goal > bytesMax ? stuck?.left : undefined)
      })
      if (left !== undefined) throw left.error
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

  /** At least, of packs that are not left alone: all of those may be dead. */
  get #deadBytes(): number {
    const { log, catalog } = this.#parts
    return Math.max(0, log.bytes - this.#leftBytes - catalog.live.bytes)
  }

  get #isDue(): boolean {
    const { log, usage, packBytesMax } = this.#parts
    if (this.#ending.signal.aborted) return false
    const dead = this.#deadBytes
    this.#restBytes = Math.min(this.#restBytes, dead)
    return dead - this.#restBytes >= packBytesMax && (dead * DEAD_SHARE > log.bytes - this.#leftBytes || usage.isOver(dead))
  }

  #isLeft(pack: number): boolean {
    return performance.now() < (this.#left.get(pack)?.untilMs ?? 0)
  }

  get #leftBytes(): number {
    let bytes = 0
    for (const pack of this.#left.keys()) if (this.#isLeft(pack)) bytes += this.#parts.log.sizeOf(pack)
    return bytes
  }

  #leave(pack: number, error: unknown, event: CompactionEvent): void {
    const isKnown = this.#left.has(pack)
    this.#left.set(pack, { error, untilMs: performance.now() + LEFT_ALONE_MS })
    if (!isKnown) this.#parts.onEvent(event)
  }

  #enqueue<T>(pass: () => Promise<T>): Promise<T> {
    const running = this.#passes.then(pass)
    this.#passes = running.then(
      () => {},
      () => {},
    )
    return running
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #verifyGoesOn(signal: AbortSignal | undefined): void {
    this.#ending.signal.throwIfAborted()
    signal?.throwIfAborted()
  }

  /**
   * Once around at most: what is moved comes to lie behind what was the last pack, and need not be looked at again.
   * @returns the first pack that was left alone, where it has come around and would go on.
   */
  async #pass(goesOn: () => boolean, blockBytesMax: number, signal?: AbortSignal): Promise<Left | undefined> {
    const { log } = this.#parts
    let left: Left | undefined
    for (const pack of log.packs) {
      if (!goesOn()) return undefined
      this.#verifyGoesOn(signal)
      if (pack === log.packs.at(-1)) await log.closePack()
      if (pack === log.packs.at(-1)) continue // it is empty
      const isLeft = this.#isLeft(pack) || !(await this.#compact(pack, blockBytesMax, signal))
      if (isLeft) left ??= this.#left.get(pack)
      this.#release()
    }
    if (!goesOn()) return undefined
    this.#restBytes = this.#deadBytes
    return left
  }

  /**
   * @param blockBytesMax - while there is more of blocks than this, those that are met are not moved but forgotten.
   * @returns whether the pack is gone; if not, it is left alone.
   */
  async #compact(pack: number, blockBytesMax: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { fileSystem, index, log, handles, onEvent } = this.#parts
    const [path, bytes] = [log.pathOf(pack), log.sizeOf(pack)]
    const refusals = new Set<unknown>()
    const ask = async <T>(answer: Promise<T>): Promise<T> => {
      try {
        return await answer
      } catch (error) {
        refusals.add(error)
        throw error
      }
    }
    let movedBytes: number | undefined
    try {
      const file = await ask(fileSystem.open(path, 'read'))
      try {
        const source: PackSource = { read: (offset, length) => ask(file.read(offset, length)) }
        movedBytes = await this.#moveAll(source, pack, blockBytesMax, signal)
      } finally {
        await ask(file.close())
      }
    } catch (error) {
      if (!refusals.has(error)) throw error // of where it goes, not of where it comes from
      this.#leave(pack, error, { type: 'failed', error })
      return false
    }
    if (movedBytes === undefined) return false
    await index.flush()
    await log.drop(pack)
    await handles.forget(path)
    this.#left.delete(pack)
    onEvent({ type: 'compacted', pack, bytes, movedBytes })
    return true
  }

  /** @returns bytes that were written again; undefined: the pack is left alone. */
  async #moveAll(source: PackSource, pack: number, blockBytesMax: number, signal: AbortSignal | undefined): Promise<number | undefined> {
    const { index, log, onEvent } = this.#parts
    const [bytes, isOldest] = [log.sizeOf(pack), pack === log.packs[0]]
    const reader = new PackReader((offset, length) => source.read(offset, length), pack, bytes)
    let movedBytes = 0
    for (let slice = await nextSlice(reader); slice.length > 0; slice = await nextSlice(reader)) {
      this.#verifyGoesOn(signal)
      movedBytes += await this.#move(slice, blockBytesMax, isOldest)
      await setImmediate()
    }
    const { offset } = reader
    if (offset === bytes) return movedBytes
    const event = { type: 'damaged', pack, offset } as const
    if (!isOldest) {
      const path = log.pathOf(pack)
      const error = new BlockstoreError('BLOCKSTORE_DAMAGED', `${path}: what it deletes behind ${offset} is not known`, { path, offset })
      this.#leave(pack, error, event)
      return undefined
    }
    onEvent(event)
    for (const table of RECORD_TABLES) movedBytes += await this.#salvage(standingIn(index, table, pack), source, blockBytesMax, signal)
    return movedBytes
  }

  /** @param isOldest - of all packs: what it deletes stands nowhere any more. @returns bytes that were written again. */
  async #move(slice: readonly ReadRecord[], blockBytesMax: number, isOldest: boolean): Promise<number> {
    const { catalog } = this.#parts
    const isWanted = ({ fact, place }: ReadRecord): boolean =>
      catalog.isLive(fact, place) || (!isOldest && fact.type === 'delete' && catalog.blob(fact.root) === undefined)
    if (!slice.some(isWanted)) return 0
    const take = (): LateChange => {
      const records: RecordParts[] = []
      const forgotten: Forgotten[] = []
      const directories = new Set<string>()
      let { blockBytes } = catalog.live
      for (const record of slice) {
        if (!isWanted(record)) continue
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
    source: PackSource,
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
        const change = isForgotten ? undefined : await encodeStanding(entry, source)
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
