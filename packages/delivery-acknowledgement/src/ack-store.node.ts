/**
 * The acknowledgement store on disk: an append-only log of the newest record of each chain and standing of each account, and a counter of lane nonces.
 *
 * `acks.log` holds entries (ack-store-entry.ts). What is appended within 50 ms goes to the disk together. What does not check is a torn end, which is
 * cut when the log is opened, unless an entry that checks follows: then the file is damaged, and nothing in it is touched. When most of the log is
 * dead it is written anew beside it and renamed into place. What could not be written is pending, and tried again every second.
 * `nonces` (nonce-file.node.ts) holds the end of the last block that was given out, on disk before any of it is used. One process a folder
 * (ack-store-lock.node.ts). Both files name the version of their layout: older ones are written anew when the store is opened, newer ones refused,
 * and both are judged before either is changed.
 *
 * LMDB in its place was measured and not taken: docs/decisions/0025-acknowledgements-in-a-log.md.
 */
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { chainRecordBytes, decodeChainRecord, decodeStanding, encodeChainRecord, encodeStanding } from './ack-record.ts'
import { encodeEntry, encodeLogHead, ENTRY_HEAD_BYTES, entryAt, KINDS, logStartOf } from './ack-store-entry.ts'
import { acquireLock } from './ack-store-lock.node.ts'
import type { AckStore, ChainRecord, Standing } from './ack-store.ts'
import { DELEGATION_BYTES, DELEGATION_SERVICES_MAX } from './constants.ts'
import { damagedFile } from './kept-file.ts'
import { NONCES_A_BLOCK, readNonces, writeNonces } from './nonce-file.node.ts'

const FLUSH_MS = 50
const RETRY_MS = 1_000
/** The longest stretch of a record that a client chooses: its delegation, which could look like an entry. */
const CHOSEN_BYTES_MOST = DELEGATION_BYTES + 4 * DELEGATION_SERVICES_MAX
/** A log is written anew when it is larger than this and four times what lives in it. */
const COMPACT_BYTES = 1_048_576
const COMPACT_SHARE = 4

/** The newest of one chain. */
interface Slot {
  record: ChainRecord
  bytes: number
  /** Of what is newest when it is asked. */
  readonly entry: () => Uint8Array
}

/** By service, then by session. */
type Chains = Map<number, Map<string, Slot>>

interface KeptStanding {
  readonly standing: Standing
  readonly bytes: number
}

export interface FileAckStoreOptions {
  /** What is kept does not reach the disk, for this reason. Called when that begins, not with each attempt; `isFailing` says whether it lasts. */
  readonly onError?: (error: unknown) => void
}

/**
 * @param folder - is made where it is not there. Files of an older version are brought to the present one.
 * @throws {DeliveryAcknowledgementError} `DELIVERY_ACKNOWLEDGEMENT_DAMAGED`, which names file and offset: it is not what was written;
 *   `DELIVERY_ACKNOWLEDGEMENT_FORMAT`, which names file, version and the newest that is known: it is of a newer one; nothing is changed by either.
 *   `DELIVERY_ACKNOWLEDGEMENT_LOCKED` while another process, or another store of this one, has the folder.
 */
export async function createFileAckStore(folder: string, { onError }: FileAckStoreOptions = {}): Promise<AckStore> {
  await mkdir(folder, { recursive: true })
  const release = await acquireLock(folder)
  const store = new FileAckStore(folder, release, onError)
  try {
    await store.open()
    return store
  } catch (error) {
    await release()
    throw error
  }
}

class FileAckStore implements AckStore {
  readonly #folder: string
  readonly #path: string
  readonly #epochs = new Map<bigint, Chains>()
  readonly #standings = new Map<string, KeptStanding>()
  readonly #release: () => Promise<void>
  #file: FileHandle | undefined
  #fileBytes = 0
  #liveBytes = 0
  /** Entries that are not handed to the file yet, of one chain the newest alone: made when they are, for most are replaced before. */
  #pending = new Map<Slot | string, () => Uint8Array>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #isStopped = false
  readonly #onError: ((error: unknown) => void) | undefined
  #isFailing = false
  /** Bytes may follow the last entry that is known to be written: half an entry would hide all behind it. */
  #isTorn = false
  /** The log is written anew, and its name is perhaps not on disk. */
  #isRenamed = false

  constructor(folder: string, release: () => Promise<void>, onError: ((error: unknown) => void) | undefined) {
    this.#folder = folder
    this.#release = release
    this.#onError = onError
    this.#path = join(folder, 'acks.log')
  }

  async open(): Promise<void> {
    const bytes = await readFile(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return new Uint8Array()
      throw error
    })
    const log = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) // plain: `slice` of a Buffer copies nothing
    const start = logStartOf(log, this.#path)
    const end = this.#replay(log, start.offset)
    const nonces = readNonces(this.#folder)
    await rm(`${this.#path}.new`, { force: true })
    if (nonces.isOld) writeNonces(this.#folder, nonces.end)
    if (start.isOld) return this.#compact()
    this.#file = await open(this.#path, 'a')
    if (end < bytes.length) await this.#file.truncate(end)
    this.#fileBytes = end
    await this.#file.sync()
    await syncFolder(this.#folder)
  }

  nextNonceBlock(): bigint {
    const { end } = readNonces(this.#folder)
    writeNonces(this.#folder, end + NONCES_A_BLOCK)
    return end
  }

  put(record: ChainRecord): void {
    const slot = this.#keep(record, chainRecordBytes(record) + ENTRY_HEAD_BYTES)
    this.#append(slot, slot.entry)
  }

  putStanding(standing: Standing): void {
    const entry = encodeEntry(KINDS.standing, encodeStanding(standing))
    this.#append(this.#keepStanding(standing, entry.length), () => entry)
  }

  standings(): readonly Standing[] {
    return [...this.#standings.values()].map(({ standing }) => standing)
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const before = this.#writing
    this.#writing = before.catch(() => {}).then(() => this.#writeOrTell())
    return this.#writing
  }

  get isFailing(): boolean {
    return this.#isFailing
  }

  all(epoch: bigint): readonly ChainRecord[] {
    return slotsOf(this.#epochs.get(epoch)).map(({ record }) => record)
  }

  forget(epoch: bigint): Promise<void> {
    this.#drop(epoch)
    const body = new Uint8Array(8)
    new DataView(body.buffer).setBigUint64(0, epoch, true)
    this.#append(`forgotten ${epoch}`, () => encodeEntry(KINDS.forgotten, body))
    return this.flush()
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return this.#writing.catch(() => {})
    try {
      await this.flush()
    } finally {
      this.#isStopped = true
      clearTimeout(this.#timer)
      await this.#file?.close()
      await this.#release()
    }
  }

  #append(key: Slot | string, entry: () => Uint8Array): void {
    this.#pending.delete(key) // behind an epoch that was forgotten in between
    this.#pending.set(key, entry)
    this.#flushIn(FLUSH_MS)
  }

  #flushIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.flush().catch(() => {}) // it was told, and what could not be written is pending again
    }, ms)
  }

  async #writeOrTell(): Promise<void> {
    try {
      await this.#write()
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) this.#onError?.(error)
      this.#isFailing = true
      if (!this.#isStopped) this.#flushIn(RETRY_MS)
      throw error
    }
  }

  async #write(): Promise<void> {
    if (this.#file === undefined || this.#isStopped) return
    if (this.#pending.size > 0) await this.#writePending(this.#file)
    if (this.#fileBytes > COMPACT_BYTES && this.#fileBytes > COMPACT_SHARE * this.#liveBytes) await this.#compact()
  }

  async #writePending(file: FileHandle): Promise<void> {
    const batch = this.#pending
    this.#pending = new Map()
    try {
      if (this.#isTorn) await file.truncate(this.#fileBytes)
      this.#isTorn = true
      const bytes = Buffer.concat([...batch.values()].map((entry) => entry()))
      await file.appendFile(bytes)
      await file.datasync()
      if (this.#isRenamed) await this.#syncName()
      this.#fileBytes += bytes.length
      this.#isTorn = false
    } catch (error) {
      for (const [key, entry] of this.#pending) {
        batch.delete(key)
        batch.set(key, entry)
      }
      this.#pending = batch
      throw error
    }
  }

  async #compact(): Promise<void> {
    const path = `${this.#path}.new`
    await rm(path, { force: true })
    const file = await open(path, 'a')
    const bytes = Buffer.concat([
      encodeLogHead(),
      ...[...this.#epochs.values()].flatMap(slotsOf).map(({ entry }) => entry()),
      ...this.standings().map((standing) => encodeEntry(KINDS.standing, encodeStanding(standing))),
    ])
    try {
      await file.appendFile(bytes)
      await file.sync()
      await rename(path, this.#path)
    } catch (error) {
      await file.close()
      throw error
    }
    const old = this.#file
    this.#file = file // of the log from here on, under its name
    this.#fileBytes = bytes.length
    this.#isRenamed = true
    await old?.close()
    await this.#syncName()
  }

  /** Until then a power cut brings back the old log, which lacks what is written to the new one. */
  async #syncName(): Promise<void> {
    await syncFolder(this.#folder)
    this.#isRenamed = false
  }

  /** Asked for each acknowledgement of a node: few and short strings are made. */
  #keep(record: ChainRecord, bytes: number): Slot {
    const { epoch, sessionId, serviceId } = record.evidence.acknowledgement
    const chains = placeIn<bigint, Chains>(this.#epochs, epoch, () => new Map())
    const sessions = placeIn(chains, serviceId, () => new Map<string, Slot>())
    const name = Buffer.from(sessionId.buffer, sessionId.byteOffset, sessionId.length).toString('latin1')
    const slot = sessions.get(name)
    this.#liveBytes += bytes - (slot?.bytes ?? 0)
    if (slot === undefined) return placeIn(sessions, name, () => slotFor(record, bytes))
    slot.record = record
    slot.bytes = bytes
    return slot
  }

  #keepStanding(standing: Standing, bytes: number): string {
    const key = `standing ${Buffer.from(standing.account).toString('hex')}`
    this.#liveBytes += bytes - (this.#standings.get(key)?.bytes ?? 0)
    this.#standings.set(key, { standing, bytes })
    return key
  }

  #drop(epoch: bigint): void {
    for (const { bytes } of slotsOf(this.#epochs.get(epoch))) this.#liveBytes -= bytes
    this.#epochs.delete(epoch)
    for (const [key, { standing, bytes }] of this.#standings) {
      if (standing.defaults > 0 || standing.epoch > epoch) continue
      this.#liveBytes -= bytes
      this.#standings.delete(key) // what was lost in an epoch that is over counts for nothing, where nobody was in default
    }
  }

  /** @returns where the torn end begins. */
  #replay(log: Uint8Array, start: number): number {
    let at = start
    for (let entry = entryAt(log, at); entry !== undefined; entry = entryAt(log, at)) {
      const { kind, body, length } = entry
      if (kind === KINDS.record) this.#keep(decodeChainRecord(body), length)
      else if (kind === KINDS.standing) this.#keepStanding(decodeStanding(body), length)
      else this.#drop(new DataView(body.buffer, body.byteOffset).getBigUint64(0, true))
      at += length
    }
    for (let next = at + 1; next < log.length; next++) {
      if ((entryAt(log, next)?.length ?? 0) <= CHOSEN_BYTES_MOST) continue
      throw damagedFile(this.#path, at, `good entries follow from ${next} on`, { next })
    }
    return at
  }
}

function slotFor(record: ChainRecord, bytes: number): Slot {
  const slot: Slot = { record, bytes, entry: () => encodeEntry(KINDS.record, encodeChainRecord(slot.record)) }
  return slot
}

const slotsOf = (chains: Chains | undefined): Slot[] => [...(chains?.values() ?? [])].flatMap((sessions) => [...sessions.values()])

function placeIn<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

async function syncFolder(folder: string): Promise<void> {
  const file = await open(folder, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
