/**
 * The acknowledgement store on disk: an append-only log of the newest record of each chain, and a counter of lane nonces.
 *
 * `acks.log` holds entries `length u32 · check 8 · kind u8 · body`, check = the first bytes of SHA-256 over kind and body; kind 1 is a record, 2 an
 * epoch (u64) that is forgotten. What is appended within 50 ms goes to the disk together. A torn end is cut when the log is opened; bytes
 * behind the first entry that does not check are a torn end. When most of the log is dead it is written anew beside it and renamed into place.
 * `nonces` holds the end (u64) of the last block that was given out, replaced by a rename before any of it is used. One process a folder.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '@selvedge/crypto/sha256'
import { decodeChainRecord, encodeChainRecord } from './ack-record.ts'
import type { AckStore, ChainRecord } from './ack-store.ts'
import { malformed } from './errors.ts'
import { isEqualBytes } from './wire.ts'

const FLUSH_MS = 50
const NONCES_A_BLOCK = 2n ** 16n
const NONCE_BYTES = 8
const LENGTH_BYTES = 4
const CHECK_BYTES = 8
const KIND_OFFSET = LENGTH_BYTES + CHECK_BYTES
const HEAD_BYTES = KIND_OFFSET + 1
const ENTRY_BYTES_MOST = 4_096
const KIND_RECORD = 1
const KIND_FORGOTTEN = 2
/** A log is written anew when it is larger than this and four times what lives in it. */
const COMPACT_BYTES = 1_048_576
const COMPACT_SHARE = 4

interface Kept {
  readonly record: ChainRecord
  readonly bytes: number
}

/** @param folder - is made where it is not there. */
export async function createFileAckStore(folder: string): Promise<AckStore> {
  await mkdir(folder, { recursive: true })
  const store = new FileAckStore(folder)
  await store.open()
  return store
}

class FileAckStore implements AckStore {
  readonly #folder: string
  readonly #path: string
  readonly #epochs = new Map<bigint, Map<string, Kept>>()
  #file: FileHandle | undefined
  #fileBytes = 0
  #liveBytes = 0
  /** Entries that are not handed to the file yet; of one chain the newest alone. */
  #pending = new Map<string, Uint8Array>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(folder: string) {
    this.#folder = folder
    this.#path = join(folder, 'acks.log')
  }

  async open(): Promise<void> {
    await rm(`${this.#path}.new`, { force: true })
    const bytes = await readFile(this.#path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return new Uint8Array()
      throw error
    })
    const end = this.#replay(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)) // plain: `slice` of a Buffer copies nothing
    this.#file = await open(this.#path, 'a')
    if (end < bytes.length) await this.#file.truncate(end)
    this.#fileBytes = end
    await this.#file.sync()
    await syncFolder(this.#folder)
  }

  nextNonceBlock(): bigint {
    const path = join(this.#folder, 'nonces')
    const next = nonceIn(path)
    const bytes = new Uint8Array(NONCE_BYTES)
    new DataView(bytes.buffer).setBigUint64(0, next + NONCES_A_BLOCK, true)
    syncing(`${path}.new`, 'w', (file) => writeSync(file, bytes))
    renameSync(`${path}.new`, path)
    syncing(this.#folder, 'r', () => {})
    return next
  }

  put(record: ChainRecord): void {
    const body = encodeChainRecord(record)
    const key = this.#keep(record, body.length + HEAD_BYTES)
    this.#append(key, KIND_RECORD, body)
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const before = this.#writing
    this.#writing = before.catch(() => {}).then(() => this.#write())
    return this.#writing
  }

  all(epoch: bigint): readonly ChainRecord[] {
    return [...(this.#epochs.get(epoch)?.values() ?? [])].map(({ record }) => record)
  }

  forget(epoch: bigint): Promise<void> {
    this.#drop(epoch)
    const body = new Uint8Array(8)
    new DataView(body.buffer).setBigUint64(0, epoch, true)
    this.#append(`forgotten ${epoch}`, KIND_FORGOTTEN, body)
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
    }
  }

  #append(key: string, kind: number, body: Uint8Array): void {
    const entry = entryOf(kind, body)
    this.#pending.delete(key) // behind an epoch that was forgotten in between
    this.#pending.set(key, entry)
    this.#timer ??= setTimeout(() => {
      this.flush().catch(() => {}) // told to whoever flushes next: what could not be written is pending again
    }, FLUSH_MS)
  }

  async #write(): Promise<void> {
    if (this.#pending.size === 0 || this.#file === undefined || this.#isStopped) return
    const batch = this.#pending
    this.#pending = new Map()
    try {
      const bytes = Buffer.concat([...batch.values()])
      await this.#file.appendFile(bytes)
      await this.#file.datasync()
      this.#fileBytes += bytes.length
    } catch (error) {
      for (const [key, entry] of this.#pending) {
        batch.delete(key)
        batch.set(key, entry)
      }
      this.#pending = batch
      await this.#file.truncate(this.#fileBytes) // half an entry would hide all that follow it
      throw error
    }
    if (this.#fileBytes > COMPACT_BYTES && this.#fileBytes > COMPACT_SHARE * this.#liveBytes) await this.#compact()
  }

  async #compact(): Promise<void> {
    const path = `${this.#path}.new`
    await rm(path, { force: true })
    const file = await open(path, 'a')
    const chains = [...this.#epochs.values()].flatMap((each) => [...each.values()])
    const bytes = Buffer.concat(chains.map(({ record }) => entryOf(KIND_RECORD, encodeChainRecord(record))))
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
    await old?.close()
    await syncFolder(this.#folder)
  }

  #keep(record: ChainRecord, bytes: number): string {
    const { epoch, sessionId, serviceId } = record.evidence.acknowledgement
    const key = `${epoch} ${Buffer.from(sessionId).toString('hex')} ${serviceId}`
    const chains = this.#epochs.get(epoch) ?? new Map<string, Kept>()
    this.#epochs.set(epoch, chains)
    this.#liveBytes += bytes - (chains.get(key)?.bytes ?? 0)
    chains.set(key, { record, bytes })
    return key
  }

  #drop(epoch: bigint): void {
    for (const { bytes } of this.#epochs.get(epoch)?.values() ?? []) this.#liveBytes -= bytes
    this.#epochs.delete(epoch)
  }

  /** @returns where the first entry begins that is not whole. */
  #replay(log: Uint8Array): number {
    let at = 0
    const view = new DataView(log.buffer, log.byteOffset, log.length)
    while (at + HEAD_BYTES <= log.length) {
      const length = view.getUint32(at, true)
      const end = at + HEAD_BYTES + length
      if (length > ENTRY_BYTES_MOST || end > log.length) break
      const entry = log.subarray(at, end)
      if (!isEqualBytes(checkOf(entry), entry.subarray(LENGTH_BYTES, KIND_OFFSET))) break
      const body = entry.subarray(HEAD_BYTES)
      if (entry[KIND_OFFSET] === KIND_FORGOTTEN) this.#drop(view.getBigUint64(at + HEAD_BYTES, true))
      else this.#keep(decodeChainRecord(body), entry.length)
      at = end
    }
    return at
  }
}

function entryOf(kind: number, body: Uint8Array): Uint8Array {
  const entry = new Uint8Array(HEAD_BYTES + body.length)
  new DataView(entry.buffer).setUint32(0, body.length, true)
  entry[KIND_OFFSET] = kind
  entry.set(body, HEAD_BYTES)
  entry.set(checkOf(entry), LENGTH_BYTES)
  return entry
}

const checkOf = (entry: Uint8Array): Uint8Array => sha256(entry.subarray(KIND_OFFSET)).subarray(0, CHECK_BYTES)

function nonceIn(path: string): bigint {
  if (!existsSync(path)) return 0n
  const bytes = readFileSync(path)
  if (bytes.length !== NONCE_BYTES) throw malformed(`${path} holds ${bytes.length} bytes, not ${NONCE_BYTES}`)
  return bytes.readBigUInt64LE()
}

/** Opens, does, and brings to the disk what was done. */
function syncing(path: string, flags: string, job: (file: number) => void): void {
  const file = openSync(path, flags)
  try {
    job(file)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

async function syncFolder(folder: string): Promise<void> {
  const file = await open(folder, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
