/**
 * The packs: one append-only log in files of 64 MiB, and the only place where something becomes acknowledged.
 *
 * One loop writes, at once, or within a few ms where all that waits may linger. It takes every record that waits (at most 8 MiB),
 * writes them, syncs once (group commit), applies their facts to the index, and only then answers. Invariants: a record is synced before
 * its fact is in the index; the index holds the effect of a prefix of the log and says which (`applied`); only the tail of the last pack
 * can be torn; a pack's number is given once, and the last pack stays.
 */
import { viewOf } from './bytes.ts'
import { GROUP_BYTES_MAX, LINGER_BYTES, LINGER_MS, LINGER_RECORDS } from './constants.ts'
import { BlockstoreError } from './errors.ts'
import { PackReader } from './pack-reader.ts'
import type { FileSystem, OpenFile } from './ports.ts'
import { bytesOf, type Fact, type Place, type RecordParts, decodeFact } from './record.ts'

export interface LoggedFact {
  readonly fact: Fact
  readonly place: Place
  /** Of a file that was just written: its skeleton, where it stands in the record. */
  readonly skeleton?: Uint8Array
}

/** An entry that leaves the index without a record. */
export interface Forgotten {
  readonly table: 'blocks' | 'entities' | 'files' | 'roots'
  readonly key: Uint8Array
}

/** Takes facts in order into the index, with `applied` and what is forgotten in the last transaction. */
export type ApplyFacts = (facts: readonly LoggedFact[], applied: Place, forgotten?: readonly Forgotten[]) => Promise<void>

export interface LateChange {
  readonly records: readonly RecordParts[]
  readonly forgotten: readonly Forgotten[]
}

export type LogEvent =
  | { readonly type: 'truncated'; readonly pack: number; readonly offset: number; readonly bytes: number }
  | { readonly type: 'damaged'; readonly pack: number; readonly offset: number }

export interface PackLogOptions {
  readonly fileSystem: FileSystem
  /** Folder of the packs. */
  readonly path: string
  /** A pack that has reached this size is followed by a new one. */
  readonly packBytesMax: number
  readonly apply: ApplyFacts
  readonly onEvent: (event: LogEvent) => void
}

interface Waiting {
  readonly take: () => LateChange
  readonly bytes: number
  readonly mayLinger: boolean
  /** It is taken when everything before it is in the index, and nothing else is written with it. */
  readonly isAlone: boolean
  /** What it writes, and what comes after it, is in a new pack. */
  readonly beginsPack: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Replay reads this much of a body to know its fact; the rest is only checked. */
const REPLAY_FACTS_MAX = 512

export class PackLog {
  readonly #options: PackLogOptions
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** Of what waits: how much may not linger. */
  #urgent = 0
  #file: OpenFile | undefined
  #pack = 0
  /** Where the next record goes; everything before it is synced. */
  #offset = 0
  #writing: Promise<void> | undefined
  #lingering: NodeJS.Timeout | undefined
  #broken: unknown
  /** By pack, the oldest first. */
  readonly #sizes = new Map<number, number>()
  #bytes = 0

  constructor(options: PackLogOptions) {
    this.#options = options
  }

  /** Bytes of all packs. */
  get bytes(): number {
    return this.#bytes
  }

  /** Those that are here, the oldest first; the last one is written to. */
  get packs(): readonly number[] {
    return [...this.#sizes.keys()]
  }

  /** Bytes of a pack; 0 where there is none. */
  sizeOf(pack: number): number {
    return this.#sizes.get(pack) ?? 0
  }

  pathOf(pack: number): string {
    return `${this.#options.path}/${String(pack).padStart(8, '0')}.pack`
  }

  /** Applies what the index has not seen, and cuts the torn tail. */
  async start(applied: Place): Promise<void> {
    const { fileSystem, path } = this.#options
    const packs = (await fileSystem.list(path)).map(packNumberIn).filter((pack) => pack !== undefined)
    packs.sort((a, b) => a - b)
    const last = packs.at(-1) ?? 0
    for (const pack of packs) {
      const size = (await fileSystem.size(this.pathOf(pack))) ?? 0
      const from = pack < applied.pack ? size : pack === applied.pack ? applied.offset : 0
      if (from > size) throw damaged(this.pathOf(pack), from, 'the index has seen more of this pack than there is')
      this.#grow(pack, await this.#replay(pack, from, size, pack === last))
    }
    if (last < applied.pack) throw damaged(this.pathOf(applied.pack), 0, 'the index has seen a pack that is not there')
    this.#pack = last
    if (last === 0) await this.#beginPack(1)
    else {
      this.#file = await fileSystem.open(this.pathOf(last), 'append')
      this.#offset = (await fileSystem.size(this.pathOf(last))) ?? 0
    }
  }

  /** @returns how many bytes of the pack stay. */
  async #replay(pack: number, from: number, size: number, isLast: boolean): Promise<number> {
    if (from === size) return size
    const file = await this.#options.fileSystem.open(this.pathOf(pack), 'append')
    try {
      const reader = new PackReader((at, length) => file.read(at, length), pack, size, from)
      let facts: LoggedFact[] = []
      for (let record = await reader.next(); record !== undefined; record = await reader.next()) {
        facts.push({ fact: record.fact, place: record.place })
        if (facts.length < REPLAY_FACTS_MAX) continue
        await this.#options.apply(facts, { pack, offset: reader.offset })
        facts = []
      }
      const { offset } = reader
      if (facts.length > 0) await this.#options.apply(facts, { pack, offset })
      if (offset === size) return size
      if (!isLast) {
        // Never cut what may have been acknowledged: a later pack exists, so this one was whole once.
        this.#options.onEvent({ type: 'damaged', pack, offset })
        return size
      }
      await file.truncate(offset)
      await file.datasync()
      this.#options.onEvent({ type: 'truncated', pack, offset, bytes: size - offset })
      return offset
    } finally {
      await file.close()
    }
  }

  /**
   * Durable and in the index when it resolves. The records stay in order and next to each other.
   * @param mayLinger - they are written with the next that may not, or after `LINGER_MS`.
   */
  append(records: readonly RecordParts[], mayLinger = false): Promise<void> {
    const take = (): LateChange => ({ records, forgotten: [] })
    return this.#enqueue({ take, bytes: bytesOf(records), mayLinger, isAlone: false, beginsPack: false })
  }

  /**
   * As `append`, of what `take` says in the moment in which everything appended before is in the index and nothing after it is written.
   * @param bytes - that are expected.
   */
  appendLate(take: () => LateChange, bytes: number): Promise<void> {
    return this.#enqueue({ take, bytes, mayLinger: false, isAlone: true, beginsPack: false })
  }

  /** Ends the pack that is written to. Resolves when the next one has begun. */
  async closePack(): Promise<void> {
    const take = (): LateChange => ({ records: [], forgotten: [] })
    await this.#enqueue({ take, bytes: 0, mayLinger: false, isAlone: true, beginsPack: true })
  }

  /** Removes a pack that nothing durable leads to any more; so is its removal when it resolves. @param pack - not the last. */
  async drop(pack: number): Promise<void> {
    const { fileSystem, path } = this.#options
    await fileSystem.remove(this.pathOf(pack))
    this.#grow(pack, -this.sizeOf(pack))
    this.#sizes.delete(pack)
    await fileSystem.syncDirectory(path)
  }

  #grow(pack: number, bytes: number): void {
    this.#sizes.set(pack, this.sizeOf(pack) + bytes)
    this.#bytes += bytes
  }

  #enqueue(about: Omit<Waiting, 'resolve' | 'reject'>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken)
      this.#waiting.push({ ...about, resolve, reject })
      this.#waitingBytes += about.bytes
      if (!about.mayLinger) this.#urgent++
      if (this.#writing === undefined) this.#begin()
    })
  }

  /** Whether what waits is to be written now. */
  get #isDue(): boolean {
    return this.#urgent > 0 || this.#waiting.length >= LINGER_RECORDS || this.#waitingBytes >= LINGER_BYTES
  }

  #begin(): void {
    if (this.#isDue) this.#writeNow()
    else this.#lingering ??= setTimeout(() => this.#writeNow(), LINGER_MS)
  }

  #writeNow(): void {
    clearTimeout(this.#lingering)
    this.#lingering = undefined
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
      if (this.#waiting.length > 0) this.#begin()
    })
  }

  async #write(): Promise<void> {
    do {
      const group = this.#take()
      try {
        await this.#commit(group)
        for (const waiting of group) waiting.resolve()
      } catch (error) {
        for (const waiting of group) waiting.reject(error)
        if (this.#broken !== undefined) for (const waiting of this.#takeFirst(this.#waiting.length)) waiting.reject(this.#broken)
      }
    } while (this.#isDue)
  }

  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    let isAlone = false
    for (const next of this.#waiting) {
      if (count > 0 && (isAlone || next.isAlone || bytes >= GROUP_BYTES_MAX)) break
      bytes += next.bytes
      isAlone = next.isAlone
      count++
    }
    return this.#takeFirst(count)
  }

  #takeFirst(count: number): Waiting[] {
    const taken = this.#waiting.splice(0, count)
    for (const { bytes, mayLinger } of taken) {
      this.#waitingBytes -= bytes
      if (!mayLinger) this.#urgent--
    }
    return taken
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const changes = group.map(({ take }) => take())
    const isFull = this.#offset >= this.#options.packBytesMax
    if (isFull || (this.#offset > 0 && group.some(({ beginsPack }) => beginsPack))) await this.#beginPack(this.#pack + 1)
    const file = this.#file as OpenFile
    const start = this.#offset
    const facts: LoggedFact[] = []
    const forgotten: Forgotten[] = []
    const parts: Uint8Array[] = []
    let offset = start
    for (const change of changes) {
      for (const record of change.records) {
        facts.push(loggedOf(record, { pack: this.#pack, offset }))
        parts.push(...record)
        offset += bytesOf([record])
      }
      forgotten.push(...change.forgotten)
    }
    if (facts.length === 0 && forgotten.length === 0) return
    try {
      if (parts.length > 0) await file.write(start, parts)
    } catch (error) {
      await this.#cut(file, start, error)
      throw error
    }
    try {
      if (parts.length > 0) await file.datasync()
      this.#offset = offset
      this.#grow(this.#pack, offset - start)
      await this.#options.apply(facts, { pack: this.#pack, offset }, forgotten)
    } catch (error) {
      // After a failed sync nobody knows what the disk holds: only a restart, which reads it again, may go on.
      this.#broken = new BlockstoreError(
        'BLOCKSTORE_IO',
        'the packs cannot be written until the store is opened again',
        {},
        { cause: error },
      )
      throw error
    }
  }

  /** A write that failed (a full disk) leaves its bytes behind the end: away with them, or no further record may follow. */
  async #cut(file: OpenFile, offset: number, cause: unknown): Promise<void> {
    try {
      await file.truncate(offset)
    } catch {
      this.#broken = new BlockstoreError('BLOCKSTORE_IO', 'the packs cannot be written until the store is opened again', {}, { cause })
    }
  }

  async #beginPack(pack: number): Promise<void> {
    const { fileSystem, path } = this.#options
    const next = await fileSystem.open(this.pathOf(pack), 'create')
    await fileSystem.syncDirectory(path)
    await this.#file?.close()
    this.#file = next
    this.#pack = pack
    this.#offset = 0
    this.#grow(pack, 0)
  }

  /** Waits for what was appended. */
  async stop(): Promise<void> {
    while (this.#writing !== undefined || this.#waiting.length > 0) {
      this.#writeNow()
      await this.#writing
    }
    this.#broken ??= new BlockstoreError('BLOCKSTORE_STOPPED', 'the store was stopped')
    await this.#file?.close()
    this.#file = undefined
  }
}

function packNumberIn(name: string): number | undefined {
  const match = /^(\d{8})\.pack$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

function loggedOf(record: RecordParts, place: Place): LoggedFact {
  const [header, head, stored] = record as [Uint8Array, Uint8Array, Uint8Array | undefined]
  const view = viewOf(header)
  const fact = decodeFact(view.getUint32(4, true), head, view.getUint32(8, true), place)
  if (fact === undefined) throw new Error('a record that we encoded does not decode')
  return fact.type === 'file' && stored !== undefined ? { fact, place, skeleton: stored } : { fact, place }
}

export function encodePlace({ pack, offset }: Place): Uint8Array {
  const out = new Uint8Array(8)
  const view = viewOf(out)
  view.setUint32(0, pack) // big endian: part of a sorted key
  view.setUint32(4, offset)
  return out
}

export function decodePlace(bytes: Uint8Array): Place {
  const view = viewOf(bytes)
  return { pack: view.getUint32(0), offset: view.getUint32(4) }
}

function damaged(path: string, offset: number, message: string): BlockstoreError {
  return new BlockstoreError('BLOCKSTORE_DAMAGED', `${path}: ${message}`, { path, offset })
}
