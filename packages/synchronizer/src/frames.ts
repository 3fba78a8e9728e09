/**
 * The protocol on one connection: one request, then one answer of any number of items, then the connection ends. Everything is in frames of
 * `length u32 little endian · bytes`. A request is `version u8 (1) · kind u8 · body`: 1 epoch proof (epoch u64), 2 snapshot certificate
 * (epoch u64), 3 slice (root 32, ranges in the canonical wire form), 4 blocks (height u64), 5 transaction (hops u8, length u32, bytes;
 * the answer is one item of one byte: 1 taken, 0 not). A frame of the answer begins with a byte: 0 part
 * of an item, 1 the last part of an item, 2 the end, 3 not found, 4 too old (oldest height u64). Every part but the last fills its frame.
 *
 * One request a connection needs no numbers and no cancelling: who wants no more closes, and a stalled answer holds nothing else up.
 */
import { ByteReader, ByteWriter, type Digest, LedgerError } from '@selvedge/ledger-types'
import { type ChunkRanges, decodeChunkRanges, encodeChunkRanges, VerifyError } from '@selvedge/verified-streaming'
import { FRAME_BYTES_MAX, HOPS_MAX, ITEM_BYTES_MAX, REQUEST_BYTES_MAX, TRANSACTION_BYTES_MAX } from './constants.ts'
import { SynchronizerError } from './errors.ts'

export type SyncRequest =
  | { readonly type: 'epochProof' | 'snapshotCertificate'; readonly epoch: number }
  | { readonly type: 'slice'; readonly root: Digest; readonly ranges: ChunkRanges }
  | { readonly type: 'blocks'; readonly from: number }
  | { readonly type: 'transaction'; readonly hops: number; readonly transaction: Uint8Array }

const VERSION = 1
const EPOCH_PROOF = 1
const SNAPSHOT_CERTIFICATE = 2
const SLICE = 3
const BLOCKS = 4
const TRANSACTION = 5
/** Version, kind, hops and length before the longest transaction. */
export const LONGEST_REQUEST_BYTES: number = 7 + TRANSACTION_BYTES_MAX

const PART = 0
const LAST_PART = 1
const END = 2
const NOT_FOUND = 3
const TOO_OLD = 4
const HEAD_BYTES = 4
const PART_BYTES_MAX = FRAME_BYTES_MAX - 1

/** @throws {LedgerError} `LEDGER_OUT_OF_RANGE`; {SynchronizerError} `SYNCHRONIZER_TOO_LARGE` for ranges of too many parts. */
export function encodeRequest(request: SyncRequest): Uint8Array {
  const out = new ByteWriter(64).u8(VERSION)
  switch (request.type) {
    case 'epochProof':
      return out.u8(EPOCH_PROOF).epoch(request.epoch).finish()
    case 'snapshotCertificate':
      return out.u8(SNAPSHOT_CERTIFICATE).epoch(request.epoch).finish()
    case 'blocks':
      return out.u8(BLOCKS).u64(request.from).finish()
    case 'transaction': {
      const { hops, transaction } = request
      if (transaction.length > TRANSACTION_BYTES_MAX) throw tooLarge('a transaction', transaction.length, TRANSACTION_BYTES_MAX)
      return out.u8(TRANSACTION).u8(hops).sized(transaction).finish()
    }
    case 'slice': {
      const bytes = out.u8(SLICE).raw(request.root, 32).raw(encodeChunkRanges(request.ranges)).finish()
      if (bytes.length > REQUEST_BYTES_MAX) throw tooLarge('a request', bytes.length, REQUEST_BYTES_MAX)
      return bytes
    }
  }
}

/** @throws {SynchronizerError} `SYNCHRONIZER_MALFORMED` */
export function decodeRequest(bytes: Uint8Array): SyncRequest {
  try {
    const reader = new ByteReader(bytes)
    const version = reader.u8()
    if (version !== VERSION) throw malformed(`version ${version} is not ${VERSION}`)
    const request = readBody(reader)
    reader.end()
    return request
  } catch (error) {
    if (error instanceof LedgerError || error instanceof VerifyError) throw malformed(error.message, error)
    throw error
  }
}

function readBody(reader: ByteReader): SyncRequest {
  const kind = reader.u8()
  if (kind === TRANSACTION) return readTransaction(reader)
  if (reader.remaining + 2 > REQUEST_BYTES_MAX) throw malformed(`a request of ${reader.remaining + 2} bytes`)
  if (kind === EPOCH_PROOF) return { type: 'epochProof', epoch: reader.epoch() }
  if (kind === SNAPSHOT_CERTIFICATE) return { type: 'snapshotCertificate', epoch: reader.epoch() }
  if (kind === BLOCKS) return { type: 'blocks', from: reader.u64() }
  if (kind === SLICE) return { type: 'slice', root: reader.raw(32), ranges: decodeChunkRanges(reader.raw(reader.remaining)) }
  throw malformed(`no request has kind ${kind}`)
}

function readTransaction(reader: ByteReader): SyncRequest {
  const hops = reader.u8()
  if (hops > HOPS_MAX) throw malformed(`a transaction that would be passed on ${hops} times`)
  return { type: 'transaction', hops, transaction: reader.sized(TRANSACTION_BYTES_MAX).slice() }
}

/** A frame around `bytes`. */
export function encodeFrame(bytes: Uint8Array): Uint8Array {
  return new ByteWriter(HEAD_BYTES + bytes.length).sized(bytes).finish()
}

/** The frames of one item of an answer. */
export function* encodeItem(item: Uint8Array): Generator<Uint8Array, void, undefined> {
  let at = 0
  do {
    const part = item.subarray(at, at + PART_BYTES_MAX)
    at += part.length
    yield new ByteWriter(HEAD_BYTES + 1 + part.length)
      .u32(1 + part.length)
      .u8(at < item.length ? PART : LAST_PART)
      .raw(part)
      .finish()
  } while (at < item.length)
}

export const encodeEnd = (): Uint8Array => encodeFrame(Uint8Array.of(END))
export const encodeNotFound = (): Uint8Array => encodeFrame(Uint8Array.of(NOT_FOUND))
export const encodeTooOld = (oldest: number): Uint8Array => encodeFrame(new ByteWriter(9).u8(TOO_OLD).u64(oldest).finish())

/** Cuts a stream of bytes into frames. Holds at most one frame and what came with it. */
export class FrameReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array()

  constructor(incoming: AsyncIterable<Uint8Array>) {
    this.#iterator = incoming[Symbol.asyncIterator]()
  }

  /**
   * The next frame, a copy, or `undefined` when the stream ended between two.
   * @throws {SynchronizerError} `SYNCHRONIZER_TOO_LARGE` before anything is allocated for it, `SYNCHRONIZER_CLOSED` inside one.
   */
  async next(bytesMax: number): Promise<Uint8Array | undefined> {
    if (!(await this.#fill(HEAD_BYTES))) {
      if (this.#held.length === 0) return undefined
      throw closed()
    }
    const length = new DataView(this.#held.buffer, this.#held.byteOffset).getUint32(0, true)
    if (length > bytesMax) throw tooLarge('a frame', length, bytesMax)
    if (!(await this.#fill(HEAD_BYTES + length))) throw closed()
    const frame = new Uint8Array(this.#held.subarray(HEAD_BYTES, HEAD_BYTES + length))
    this.#held = this.#held.subarray(HEAD_BYTES + length)
    return frame
  }

  async #fill(length: number): Promise<boolean> {
    if (this.#held.length >= length) return true
    const parts = [this.#held]
    let size = this.#held.length
    while (size < length) {
      const next = await this.#iterator.next()
      if (next.done === true) break
      parts.push(new Uint8Array(next.value))
      size += next.value.length
    }
    this.#held = joined(parts, size)
    return size >= length
  }
}

/**
 * The items of an answer, as they come.
 * @throws {SynchronizerError} `SYNCHRONIZER_MALFORMED`, `SYNCHRONIZER_TOO_LARGE`, `SYNCHRONIZER_CLOSED` without an end, `SYNCHRONIZER_NOT_FOUND`,
 * `SYNCHRONIZER_TOO_OLD`.
 */
export async function* readAnswer(frames: FrameReader): AsyncGenerator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const frame = await frames.next(FRAME_BYTES_MAX)
    if (frame === undefined) throw closed()
    const kind = frame[0]
    if (kind !== PART && kind !== LAST_PART) {
      if (parts.length > 0) throw malformed('an answer ends inside an item')
      return endOf(frame)
    }
    if (kind === PART ? frame.length < FRAME_BYTES_MAX : frame.length === 1 && parts.length > 0)
      throw malformed('a part of an item that is smaller than it must be') // without this, parts without bytes would cost memory for ever
    size += frame.length - 1
    if (size > ITEM_BYTES_MAX) throw tooLarge('an item', size, ITEM_BYTES_MAX)
    parts.push(frame.subarray(1))
    if (kind === PART) continue
    yield parts.length === 1 ? parts[0]! : joined(parts, size)
    parts = []
    size = 0
  }
}

/** What a frame says that has no part of an item: the end, or why there is none. */
function endOf(frame: Uint8Array): void {
  const kind = frame[0]
  if (kind === TOO_OLD && frame.length === 9) {
    const oldest = Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(1, true))
    if (!Number.isSafeInteger(oldest)) throw malformed(`no block has height ${oldest}`)
    throw new SynchronizerError('SYNCHRONIZER_TOO_OLD', `the other end has no blocks below ${oldest}`, { oldest })
  }
  if (frame.length > 1 || (kind !== END && kind !== NOT_FOUND)) throw malformed(`no frame of an answer begins with ${kind ?? 'nothing'}`)
  if (kind === NOT_FOUND) throw new SynchronizerError('SYNCHRONIZER_NOT_FOUND', 'the other end does not have it')
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

function malformed(why: string, cause?: unknown): SynchronizerError {
  return new SynchronizerError('SYNCHRONIZER_MALFORMED', why, {}, cause === undefined ? {} : { cause })
}

const closed = (): SynchronizerError => new SynchronizerError('SYNCHRONIZER_CLOSED', 'the connection ended inside an answer')
const tooLarge = (what: string, bytes: number, bytesMax: number): SynchronizerError =>
  new SynchronizerError('SYNCHRONIZER_TOO_LARGE', `${what} of ${bytes} bytes, ${bytesMax} are the limit`, { bytes, bytesMax })
