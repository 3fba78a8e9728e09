/**
 * What is kept for whom, on disk: a log of payments, the newest of a content and an account counts. What was appended is there when the call resolves,
 * whatever happens to the process; what was not is there whole or not at all, because each record stands at its place and proves itself.
 *
 *     file     "selvedge/pins/1\0" 16 · record × count
 *     record   account 20 · root 32 · size u64 · paidEpoch u64 · first 8 bytes of SHA-256("selvedge/pins/1\0" ‖ the 68 before)
 *
 * Little endian. An account of zeros is the operator. Records that fail their check are passed over and counted: the end of one is the only thing
 * that a crash leaves, anything else is a disk that went bad. Invariant: after a failed write nothing more is taken, for nobody knows what such a disk holds.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { isSameBytes } from '@selvedge/ledger-types'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '../durable-file.ts'
import { NodeError } from '../errors.ts'

export interface PinRecord {
  /** 20 bytes. */
  readonly account: Uint8Array
  /** 32 bytes. */
  readonly root: Uint8Array
  readonly size: number
  readonly paidEpoch: bigint
}

const HEAD = new TextEncoder().encode('selvedge/pins/1\0')
const ACCOUNT_BYTES = 20
const ROOT_BYTES = 32
const FIELD_BYTES = 68
export const RECORD_BYTES = 76
/** The file is written anew where it has more than twice as many records as are needed, and this many beside. */
const SPARE_RECORDS = 4_096

/** The only encoding of `record`: 76 bytes. */
export function encodePinRecord({ account, root, size, paidEpoch }: PinRecord): Uint8Array {
  if (account.length !== ACCOUNT_BYTES || root.length !== ROOT_BYTES) throw malformed('an account has 20 bytes and a root 32')
  if (!(Number.isSafeInteger(size) && size >= 0) || BigInt.asUintN(64, paidEpoch) !== paidEpoch) throw malformed('size or epoch is no u64')
  const out = new Uint8Array(RECORD_BYTES)
  const view = new DataView(out.buffer)
  out.set(account)
  out.set(root, ACCOUNT_BYTES)
  view.setBigUint64(52, BigInt(size), true)
  view.setBigUint64(60, paidEpoch, true)
  out.set(checkOf(out), FIELD_BYTES)
  return out
}

/** Undefined where `bytes` are none that `encodePinRecord` writes. */
export function decodePinRecord(bytes: Uint8Array): PinRecord | undefined {
  if (bytes.length !== RECORD_BYTES || !isSameBytes(checkOf(bytes), bytes.subarray(FIELD_BYTES))) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = view.getBigUint64(52, true)
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  const root = bytes.slice(ACCOUNT_BYTES, ACCOUNT_BYTES + ROOT_BYTES)
  return { account: bytes.slice(0, ACCOUNT_BYTES), root, size: Number(size), paidEpoch: view.getBigUint64(60, true) }
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class PinLog {
  readonly #path: string
  /** All that the file need hold, for when it is written anew. */
  readonly #live: () => readonly PinRecord[]
  readonly #waiting: Waiting[] = []
  #file: FileHandle
  #records: number
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #isStopped = false

  constructor(path: string, file: FileHandle, records: number, live: () => readonly PinRecord[]) {
    this.#path = path
    this.#file = file
    this.#records = records
    this.#live = live
  }

  /** Nothing more is taken. */
  get isBroken(): boolean {
    return this.#failure !== undefined || this.#isStopped
  }

  /** On disk when it resolves, together with what came meanwhile. @throws what the disk refused, for good. */
  append(record: PinRecord): Promise<void> {
    const bytes = encodePinRecord(record)
    return new Promise((resolve, reject) => {
      if (this.#isStopped) return reject(new NodeError('NODE_PIN_FILE', `${this.#path} is closed`))
      this.#waiting.push({ bytes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Waits for what is on its way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
    await this.#file.close()
  }

  async #run(): Promise<void> {
    await Promise.resolve() // so that what comes in this turn is one batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      try {
        if (this.#failure !== undefined) throw this.#failure.error
        await this.#write(batch.map(({ bytes }) => bytes))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#failure ??= { error }
        for (const { reject } of batch) reject(this.#failure.error)
      }
    }
    this.#running = undefined
  }

  async #write(records: readonly Uint8Array[]): Promise<void> {
    const live = this.#live()
    if (this.#records + records.length > 2 * live.length + SPARE_RECORDS) return await this.#writeAnew(live)
    await writeAt(this.#file, records, HEAD.length + this.#records * RECORD_BYTES)
    await this.#file.datasync()
    this.#records += records.length
  }

  /** Beside it and renamed, so that it is there before or after and never in between. What waits is among what is live. */
  async #writeAnew(live: readonly PinRecord[]): Promise<void> {
    const part = `${this.#path}.part`
    const file = await open(part, 'w', 0o600)
    try {
      await writeAt(file, [HEAD, ...live.map(encodePinRecord)], 0)
      await file.datasync()
      await rename(part, this.#path)
      await syncFolder(dirname(this.#path))
    } catch (error) {
      await file.close()
      throw error
    }
    await this.#file.close()
    this.#file = file
    this.#records = live.length
  }
}

export interface OpenedPinLog {
  readonly log: PinLog
  readonly records: readonly PinRecord[]
  /** Places of records where something else stands. */
  readonly damaged: number
}

/**
 * @param live - asked when the file is written anew: everything appended so far must be in it, or be of no use any more.
 * @throws {NodeError} `NODE_PIN_FILE` where the file is another's or of another version, `NODE_DATA_FOLDER` where it cannot be had.
 */
export async function openPinLog(folder: string, live: () => readonly PinRecord[]): Promise<OpenedPinLog> {
  const path = join(folder, 'pins.log')
  try {
    await mkdir(folder, { recursive: true })
    await rm(`${path}.part`, { force: true })
    const bytes = await bytesOf(path)
    const { records, damaged } = recordsIn(bytes, path)
    const whole = Math.floor(Math.max(0, (bytes?.length ?? 0) - HEAD.length) / RECORD_BYTES)
    const file = await open(path, bytes === undefined ? 'w' : 'r+', 0o600)
    try {
      await file.truncate(HEAD.length + whole * RECORD_BYTES) // what a crash cut is nobody's
      await writeAt(file, [HEAD], 0)
      await file.datasync()
      await syncFolder(dirname(path))
    } catch (error) {
      await file.close()
      throw error
    }
    return { log: new PinLog(path, file, whole, live), records, damaged }
  } catch (cause) {
    if (cause instanceof NodeError) throw cause
    throw new NodeError('NODE_DATA_FOLDER', `${path} cannot be had: ${(cause as Error).message}`, { path }, { cause })
  }
}

function recordsIn(bytes: Uint8Array | undefined, path: string): { readonly records: PinRecord[]; readonly damaged: number } {
  const records: PinRecord[] = []
  let damaged = 0
  if (bytes === undefined || bytes.length < HEAD.length) return { records, damaged } // it was just being made
  if (!isSameBytes(bytes.subarray(0, HEAD.length), HEAD)) throw malformed(`${path} is no list of pins of this version`)
  for (let at = HEAD.length; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const record = decodePinRecord(bytes.subarray(at, at + RECORD_BYTES))
    if (record === undefined) damaged++
    else records.push(record)
  }
  return { records, damaged }
}

async function bytesOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path)) // not a Buffer, whose `slice` is a view of all of it
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw error
  }
}

/** One write, so that a batch is as near to whole as the system makes it. */
async function writeAt(file: FileHandle, parts: readonly Uint8Array[], offset: number): Promise<void> {
  const bytes = new Uint8Array(Buffer.concat(parts))
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done)
    done += bytesWritten
  }
}

function checkOf(record: Uint8Array): Uint8Array {
  const hashed = new Uint8Array(HEAD.length + FIELD_BYTES)
  hashed.set(HEAD)
  hashed.set(record.subarray(0, FIELD_BYTES), HEAD.length)
  return sha256(hashed).subarray(0, RECORD_BYTES - FIELD_BYTES)
}

const malformed = (message: string): NodeError => new NodeError('NODE_PIN_FILE', message)
