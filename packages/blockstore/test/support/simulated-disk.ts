/**
 * A disk that forgets. Writes are in its cache until `datasync`, names until `syncDirectory`; when the power goes, each unsynced
 * write is there, not there, or there in part, and of the unsynced names a first part is. At a chosen operation it stops for ever.
 */
import type { FileSystem, Index, IndexOp, OpenFile, Table } from '../../src/index.ts'
import { compareBytes, concatBytes, toHex } from '../../src/bytes.ts'
import type { Random } from './random.ts'

interface Inode {
  synced: Uint8Array
  /** Writes and truncations since the last sync. */
  pending: Change[]
}
type Change = { readonly offset: number; readonly bytes: Uint8Array } | { readonly size: number }

interface NameChange {
  readonly folders: readonly string[]
  apply(names: Map<string, Inode>): void
}

export class SimulatedDisk implements FileSystem {
  readonly #names: Map<string, Inode>
  /** Names that would survive now, and the changes after them. */
  #syncedNames: Map<string, Inode>
  #nameChanges: NameChange[] = []
  #operations = 0
  /** At this operation the power goes. */
  stopsAt: number = Number.POSITIVE_INFINITY
  stopped: () => void = () => undefined

  constructor(names: Map<string, Inode> = new Map()) {
    this.#names = names
    this.#syncedNames = new Map(names)
  }

  get operations(): number {
    return this.#operations
  }

  /** What is on the platter after the power went. */
  afterCrash(random: Random): SimulatedDisk {
    const names = new Map(this.#syncedNames)
    for (const change of this.#nameChanges.slice(0, random.below(this.#nameChanges.length + 1))) change.apply(names)
    const after = new Map<string, Inode>()
    for (const [path, inode] of names) {
      let bytes = inode.synced
      for (const change of inode.pending) {
        const fate = random.next()
        if (fate < 0.4) continue
        bytes = applied(
          bytes,
          fate < 0.7 || 'size' in change ? change : { ...change, bytes: change.bytes.subarray(0, random.below(change.bytes.length)) },
        )
      }
      after.set(path, { synced: bytes, pending: [] })
    }
    return new SimulatedDisk(after)
  }

  /** Every change passes here; once the power is gone nothing answers. */
  async #step(): Promise<void> {
    if (++this.#operations < this.stopsAt) return
    this.stopped()
    await new Promise<never>(() => undefined)
  }

  async makeDirectory(): Promise<void> {}

  async list(folder: string): Promise<string[]> {
    await this.#alive()
    return [...this.#names.keys()].filter((path) => folderOf(path) === folder).map((path) => path.slice(folder.length + 1))
  }

  async size(path: string): Promise<number | undefined> {
    await this.#alive()
    const inode = this.#names.get(path)
    return inode === undefined ? undefined : contentOf(inode).length
  }

  async #alive(): Promise<void> {
    if (this.#operations >= this.stopsAt) await new Promise<never>(() => undefined)
  }

  async open(path: string, mode: 'read' | 'create' | 'append'): Promise<OpenFile> {
    await this.#alive()
    let inode = this.#names.get(path)
    if (mode === 'create') {
      await this.#step()
      const created: Inode = { synced: new Uint8Array(0), pending: [] }
      inode = created
      this.#change({ folders: [folderOf(path)], apply: (names) => void names.set(path, created) })
    }
    if (inode === undefined) throw new Error(`no file ${path}`)
    return this.#openFile(inode)
  }

  #openFile(inode: Inode): OpenFile {
    const pending = inode.pending
    return {
      read: async (offset, length) => {
        await this.#alive()
        return contentOf(inode).slice(offset, offset + length)
      },
      write: async (offset, parts) => {
        // The power may go after any part: what was handed over before is in the cache.
        let position = offset
        for (const part of parts) {
          await this.#step()
          pending.push({ offset: position, bytes: part.slice() })
          position += part.length
        }
      },
      datasync: async () => {
        const count = pending.length
        await this.#step()
        for (const change of pending.splice(0, count)) inode.synced = applied(inode.synced, change)
      },
      truncate: async (size) => {
        await this.#step()
        pending.push({ size })
      },
      close: () => this.#alive(),
    }
  }

  #change(change: NameChange): void {
    change.apply(this.#names)
    this.#nameChanges.push(change)
  }

  async rename(source: string, target: string): Promise<void> {
    await this.#step()
    const inode = this.#names.get(source)
    if (inode === undefined) throw new Error(`no file ${source}`)
    this.#change({
      folders: [folderOf(source), folderOf(target)],
      apply: (names) => {
        names.delete(source)
        names.set(target, inode)
      },
    })
  }

  async remove(path: string): Promise<void> {
    await this.#step()
    this.#change({ folders: [folderOf(path)], apply: (names) => void names.delete(path) })
  }

  async syncDirectory(folder: string): Promise<void> {
    await this.#step()
    this.#nameChanges = this.#nameChanges.filter((change) => {
      if (!change.folders.includes(folder)) return true
      change.apply(this.#syncedNames)
      return false
    })
  }
}

function contentOf(inode: Inode): Uint8Array {
  return inode.pending.reduce(applied, inode.synced)
}

function applied(bytes: Uint8Array, change: Change): Uint8Array {
  if ('size' in change) return bytes.slice(0, change.size)
  const out = new Uint8Array(Math.max(bytes.length, change.offset + change.bytes.length))
  out.set(bytes)
  out.set(change.bytes, change.offset)
  return out
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

/** An index that loses any number of the batches since its last flush; or, as when its folder is removed, all that it has. */
export class SimulatedIndex implements Index {
  readonly #batches: (readonly IndexOp[])[]
  readonly #tables = new Map<Table, Map<string, [Uint8Array, Uint8Array]>>()
  readonly #disk: SimulatedDisk
  #flushed = 0

  constructor(disk: SimulatedDisk, batches: (readonly IndexOp[])[] = []) {
    this.#disk = disk
    this.#batches = batches
    this.#flushed = batches.length // what survived one crash survives the next
    for (const batch of batches) this.#take(batch)
  }

  /** @param share - of the batches that survive. */
  afterCrash(disk: SimulatedDisk, random: Random): SimulatedIndex {
    if (random.next() < 0.15) return new SimulatedIndex(disk)
    const open = this.#batches.length - this.#flushed
    const lost = random.next() < 0.3 ? random.below(open + 1) : random.below(Math.min(4, open + 1))
    return new SimulatedIndex(disk, this.#batches.slice(0, this.#batches.length - lost))
  }

  /** Batches that are here, and those of them that no crash takes away. */
  get batches(): { readonly all: number; readonly flushed: number } {
    return { all: this.#batches.length, flushed: this.#flushed }
  }

  /** As `afterCrash`, of one's own choice: with the first so many batches. */
  afterLoss(disk: SimulatedDisk, batches: number): SimulatedIndex {
    return new SimulatedIndex(disk, this.#batches.slice(0, batches))
  }

  #tableOf(table: Table): Map<string, [Uint8Array, Uint8Array]> {
    let entries = this.#tables.get(table)
    if (entries === undefined) this.#tables.set(table, (entries = new Map()))
    return entries
  }

  #take(batch: readonly IndexOp[]): void {
    for (const { table, key, value } of batch) {
      if (value === undefined) this.#tableOf(table).delete(toHex(key))
      else this.#tableOf(table).set(toHex(key), [key, value])
    }
  }

  get(table: Table, key: Uint8Array): Uint8Array | undefined {
    return this.#tableOf(table).get(toHex(key))?.[1]
  }

  range(table: Table, prefix: Uint8Array, limit: number, after?: Uint8Array): [Uint8Array, Uint8Array][] {
    const begins = toHex(prefix)
    const entries = [...this.#tableOf(table)].filter(
      ([hex, [key]]) => hex.startsWith(begins) && (after === undefined || compareBytes(key, after) > 0),
    )
    return entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([, entry]) => entry)
  }

  async apply(batch: readonly IndexOp[]): Promise<void> {
    const copy = batch.map((op) => ({ ...op, key: op.key.slice(), ...(op.value === undefined ? {} : { value: concatBytes([op.value]) }) }))
    if (this.#disk.operations >= this.#disk.stopsAt) await new Promise<never>(() => undefined)
    this.#batches.push(copy)
    this.#take(copy)
  }

  async flush(): Promise<void> {
    const applied = this.#batches.length
    if (this.#disk.operations >= this.#disk.stopsAt) await new Promise<never>(() => undefined)
    this.#flushed = applied
  }

  async close(): Promise<void> {}
}
