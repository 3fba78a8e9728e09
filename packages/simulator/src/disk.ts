/**
 * A disk that loses what was not synced.
 *
 * Writes go to a journal and are read back at once. A sync covers every write before it and is done some time later, one after the other. A
 * crash keeps what was synced and, of the rest, as much as `loss` says; what a machine really keeps lies anywhere between nothing and all.
 *
 * Invariant: after a crash each file is what it was at some moment between the last sync that was done and the crash (`torn` and
 * `scattered` may end it inside an append).
 */
import { check, SimulatorError } from './errors.ts'
import type { Random } from './random.ts'

/**
 * What becomes of unsynced writes.
 * `none` lost: the process died, the machine did not. `all` lost. `prefix`: the first so many stay. `torn`: the same, and of the next, if it
 * appends, a part. `scattered`: each file keeps a prefix of its own, torn: nothing orders the writes of two files but a sync.
 */
export type Loss = 'none' | 'all' | 'prefix' | 'torn' | 'scattered'

export interface DiskWorld {
  now(): number
  at(timeMs: number, fn: () => void): unknown
}

export interface DiskOptions {
  /** How long a sync takes, drawn evenly. @default 0 */
  readonly syncMsMin?: number
  /** @default syncMsMin */
  readonly syncMsMax?: number
  /** Writes beyond this many bytes are refused. @default Infinity */
  readonly bytesMax?: number
}

export interface Disk {
  /** Bytes of all files, as `read` shows them. */
  readonly bytesUsed: number
  readonly counts: {
    readonly writes: number
    readonly syncs: number
    readonly crashes: number
    readonly lostWrites: number
    readonly torn: number
    readonly refused: number
  }
  /** Adds to the end of a file. The bytes are copied. @throws {SimulatorError} `SIMULATOR_DISK_FULL`; the file is as before. */
  append(file: string, bytes: Uint8Array): void
  /** Replaces a file as a whole: after a crash it is the old or the new one. @throws {SimulatorError} `SIMULATOR_DISK_FULL`. */
  put(file: string, bytes: Uint8Array): void
  remove(file: string): void
  /** Calls `onDone` once every write before this call is durable; never, where the disk crashes before. */
  sync(onDone: () => void): void
  /** A copy of the file with all writes, synced or not; `undefined` where there is none. */
  read(file: string): Uint8Array | undefined
  /** Names, sorted. */
  files(): readonly string[]
  /** Ends every sync that runs and loses writes. */
  crash(loss: Loss): void
  /** Changes how long syncs take from now on: a disk that became slow. */
  setSyncMs(min: number, max?: number): void
  /** Changes how much fits; what is there stays. */
  setBytesMax(bytesMax: number): void
}

type Write =
  | { readonly type: 'append' | 'put'; readonly file: string; readonly bytes: Uint8Array }
  | { readonly type: 'remove'; readonly file: string }

/** Contents in pieces, so that appending copies no file. */
type Files = Map<string, Uint8Array[]>

function applyWrite(files: Files, write: Write): void {
  if (write.type === 'remove') files.delete(write.file)
  else if (write.type === 'put') files.set(write.file, [write.bytes])
  else {
    const pieces = files.get(write.file)
    if (pieces === undefined) files.set(write.file, [write.bytes])
    else pieces.push(write.bytes)
  }
}

const copyOf = (files: Files): Files => new Map([...files].map(([name, pieces]) => [name, [...pieces]]))
const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0)

class SimulatedDisk implements Disk {
  readonly counts = { writes: 0, syncs: 0, crashes: 0, lostWrites: 0, torn: 0, refused: 0 }
  readonly #world: DiskWorld
  readonly #random: Random
  #syncMs: readonly [number, number]
  #bytesMax: number
  #durable: Files = new Map()
  #current: Files = new Map()
  #journal: Write[] = []
  /** Writes before the journal's first. */
  #synced = 0
  #syncDoneMs = 0
  #used = 0

  constructor(world: DiskWorld, random: Random, syncMs: readonly [number, number], bytesMax: number) {
    this.#world = world
    this.#random = random
    this.#syncMs = syncMs
    this.#bytesMax = bytesMax
  }

  get bytesUsed(): number {
    return this.#used
  }

  append(file: string, bytes: Uint8Array): void {
    this.#reserve(bytes.length, file)
    this.#write({ type: 'append', file, bytes: bytes.slice() })
  }

  put(file: string, bytes: Uint8Array): void {
    this.#reserve(bytes.length - sizeOf(this.#current.get(file) ?? []), file)
    this.#write({ type: 'put', file, bytes: bytes.slice() })
  }

  remove(file: string): void {
    this.#used -= sizeOf(this.#current.get(file) ?? [])
    this.#write({ type: 'remove', file })
  }

  sync(onDone: () => void): void {
    const [min, max] = this.#syncMs
    const mark = this.#synced + this.#journal.length
    const crashes = this.counts.crashes
    this.#syncDoneMs = Math.max(this.#syncDoneMs, this.#world.now() + min + this.#random.next() * (max - min))
    this.#world.at(this.#syncDoneMs, () => {
      if (this.counts.crashes !== crashes) return
      this.counts.syncs += 1
      this.#commit(mark - this.#synced)
      onDone()
    })
  }

  read(file: string): Uint8Array | undefined {
    const pieces = this.#current.get(file)
    if (pieces === undefined) return undefined
    const whole = new Uint8Array(sizeOf(pieces))
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  files(): readonly string[] {
    return [...this.#current.keys()].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }

  crash(loss: Loss): void {
    this.counts.crashes += 1
    const pending = this.#journal.length
    if (loss === 'none') this.#commit(pending)
    else if (loss === 'scattered') {
      const names = new Set(this.#journal.map(({ file }) => file))
      const all = this.#journal
      for (const name of names)
        this.#keepPrefix(
          all.filter(({ file }) => file === name),
          true,
        )
    } else if (loss !== 'all') this.#keepPrefix(this.#journal, loss === 'torn')
    if (loss === 'all') this.counts.lostWrites += pending
    this.#journal = []
    this.#syncDoneMs = this.#world.now()
    this.#current = copyOf(this.#durable)
    this.#used = [...this.#current.values()].reduce((sum, pieces) => sum + sizeOf(pieces), 0)
  }

  setSyncMs(min: number, max: number = min): void {
    check(min >= 0 && max >= min, `a sync must take 0 ms or more and max not below min, got ${min} to ${max}`)
    this.#syncMs = [min, max]
  }

  setBytesMax(bytesMax: number): void {
    check(bytesMax >= 0, `bytesMax must be 0 or more, got ${bytesMax}`)
    this.#bytesMax = bytesMax
  }

  #reserve(more: number, file: string): void {
    const wanted = this.#used + more
    if (more > 0 && wanted > this.#bytesMax) {
      this.counts.refused += 1
      const details = { file, wanted, bytesMax: this.#bytesMax }
      throw new SimulatorError('SIMULATOR_DISK_FULL', `${file}: the disk holds ${this.#bytesMax} bytes, ${wanted} are wanted`, details)
    }
    this.#used = wanted
  }

  #write(write: Write): void {
    this.counts.writes += 1
    this.#journal.push(write)
    applyWrite(this.#current, write)
  }

  /** Makes the oldest `count` unsynced writes durable. */
  #commit(count: number): void {
    if (count <= 0) return // a later sync covered them
    for (const write of this.#journal.slice(0, count)) applyWrite(this.#durable, write)
    this.#journal = this.#journal.slice(count)
    this.#synced += count
  }

  #keepPrefix(writes: readonly Write[], mayTear: boolean): void {
    const kept = this.#random.below(writes.length + 1)
    for (const write of writes.slice(0, kept)) applyWrite(this.#durable, write)
    const next = writes[kept]
    this.counts.lostWrites += writes.length - kept
    if (!mayTear || next?.type !== 'append' || next.bytes.length < 2 || this.#random.below(2) === 0) return
    this.counts.torn += 1
    applyWrite(this.#durable, { ...next, bytes: next.bytes.slice(0, 1 + this.#random.below(next.bytes.length - 1)) })
  }
}

/**
 * An empty disk.
 *
 * @param random - a stream of its own: `sim.stream('disk', 3)`.
 * @example
 * const disk = createDisk(sim, sim.stream('disk', 3), { syncMsMin: 1, syncMsMax: 8 })
 * disk.append('log', bytes)
 * disk.sync(() => console.log('durable'))
 */
export function createDisk(world: DiskWorld, random: Random, options: DiskOptions = {}): Disk {
  const { syncMsMin = 0, syncMsMax = syncMsMin, bytesMax = Number.POSITIVE_INFINITY } = options
  const disk = new SimulatedDisk(world, random, [syncMsMin, syncMsMax], bytesMax)
  disk.setSyncMs(syncMsMin, syncMsMax) // checks
  disk.setBytesMax(bytesMax)
  return disk
}
