/**
 * Writing and reading fixed layouts: little endian, u32 counts and lengths, nothing optional.
 *
 * The reader stands between strangers and the state: it throws `LedgerError` `LEDGER_MALFORMED` only, and a count is compared with the
 * bytes that are left before anything is allocated for it. What it hands out are copies, since ledger values are kept.
 * u64 fields that are counted (heights, times, sequence numbers) are `number` below 2^53; money and nonces are `bigint`.
 */
import { LedgerError } from './errors.ts'

const U32 = 2 ** 32
/** The upper half of a u64 below 2^53. */
const HIGH_MAX = 2 ** 21
const U64 = 2n ** 64n

/** Appends to a buffer that grows. What does not fit throws `LEDGER_OUT_OF_RANGE`: a `DataView` would wrap in silence. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  #length = 0

  /** @param capacity - bytes to begin with; exact is best, then nothing is copied at the end. */
  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    assertBelow(value, 2 ** 8)
    const offset = this.#reserve(1)
    this.#view.setUint8(offset, value)
    return this
  }

  u16(value: number): this {
    assertBelow(value, 2 ** 16)
    const offset = this.#reserve(2)
    this.#view.setUint16(offset, value, true)
    return this
  }

  u32(value: number): this {
    assertBelow(value, U32)
    const offset = this.#reserve(4)
    this.#view.setUint32(offset, value, true)
    return this
  }

  /** A u64 that is below 2^53. */
  u64(value: number): this {
    assertBelow(value, 2 ** 53)
    const offset = this.#reserve(8)
    this.#view.setUint32(offset, value % U32, true)
    this.#view.setUint32(offset + 4, Math.floor(value / U32), true)
    return this
  }

  /** Any u64. */
  bigU64(value: bigint): this {
    if (value < 0n || value >= U64) throw new LedgerError('LEDGER_OUT_OF_RANGE', `${value} is no u64`)
    const offset = this.#reserve(8)
    this.#view.setBigUint64(offset, value, true)
    return this
  }

  bigU128(value: bigint): this {
    if (value < 0n || value >= U64 * U64) throw new LedgerError('LEDGER_OUT_OF_RANGE', `${value} is no u128`)
    return this.bigU64(value % U64).bigU64(value / U64)
  }

  /** A u64 that is below 2^32: epochs are refused above. */
  epoch(value: number): this {
    return this.u32(value).u32(0)
  }

  /** Bytes without a length, which must be `size` where the layout fixes it. */
  raw(bytes: Uint8Array, size: number = bytes.length): this {
    if (bytes.length !== size) throw new LedgerError('LEDGER_OUT_OF_RANGE', `expected ${size} bytes, got ${bytes.length}`)
    const offset = this.#reserve(size)
    this.#bytes.set(bytes, offset)
    return this
  }

  /** u32 length, then the bytes. */
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }

  /** What was written. The writer is not used after it. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }

  /** Call it before `#bytes` or `#view` is named: both may be replaced. */
  #reserve(size: number): number {
    const offset = this.#length
    const length = offset + size
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.#length = length
    return offset
  }
}

/** Reads from the front. `end` must be called last: it is what refuses trailing bytes. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  /** Refused from 2^53 on. */
  u64(): number {
    const offset = this.#take(8)
    const high = this.#view.getUint32(offset + 4, true)
    if (high >= HIGH_MAX) throw new LedgerError('LEDGER_MALFORMED', `u64 at offset ${offset} is not below 2^53`)
    return high * U32 + this.#view.getUint32(offset, true)
  }

  bigU64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true)
  }

  bigU128(): bigint {
    const low = this.bigU64()
    return low + this.bigU64() * U64
  }

  /** Refused from 2^32 on. */
  epoch(): number {
    const value = this.u32()
    if (this.u32() !== 0) throw new LedgerError('LEDGER_MALFORMED', 'an epoch is below 2^32')
    return value
  }

  /** A copy of the next `size` bytes. */
  raw(size: number): Uint8Array {
    const offset = this.#take(size)
    const out = new Uint8Array(size) // not slice: a Buffer's would be a view
    out.set(new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + offset, size))
    return out
  }

  /** u32 length, then a copy of as many bytes. */
  sized(bytesMax: number = Number.POSITIVE_INFINITY): Uint8Array {
    const length = this.u32()
    if (length > bytesMax) throw new LedgerError('LEDGER_MALFORMED', `${length} bytes where ${bytesMax} are the limit`)
    return this.raw(length)
  }

  /** A u32 count of elements of at least `itemBytesMin` each; refused when the rest could not hold as many. */
  count(itemBytesMin: number, countMax: number = Number.POSITIVE_INFINITY): number {
    return this.#checked(this.u32(), itemBytesMin, countMax)
  }

  /** The same with a u16. */
  count16(itemBytesMin: number, countMax: number = Number.POSITIVE_INFINITY): number {
    return this.#checked(this.u16(), itemBytesMin, countMax)
  }

  end(): void {
    if (this.remaining !== 0) throw new LedgerError('LEDGER_MALFORMED', `${this.remaining} bytes follow the value`)
  }

  #checked(count: number, itemBytesMin: number, countMax: number): number {
    if (count > countMax || count * itemBytesMin > this.remaining) {
      throw new LedgerError('LEDGER_MALFORMED', `${count} elements cannot stand in ${this.remaining} bytes, or are above their limit`)
    }
    return count
  }

  #take(size: number): number {
    const offset = this.#offset
    if (size > this.#bytes.length - offset) {
      throw new LedgerError('LEDGER_MALFORMED', `${size} bytes are wanted at offset ${offset} of ${this.#bytes.length}`)
    }
    this.#offset = offset + size
    return offset
  }
}

/** Below zero when `a` stands before `b`: byte by byte, a prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Whether they are the same bytes. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

/** One after another. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/** Lower-case hex, without `0x`. */
export function toHex(bytes: Uint8Array): string {
  let out = ''
  for (const byte of bytes) out += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16)
  return out
}

/**
 * The bytes of lower-case hex, without `0x`.
 * @throws {LedgerError} `LEDGER_MALFORMED`
 */
export function fromHex(hex: string): Uint8Array {
  if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/.test(hex)) throw new LedgerError('LEDGER_MALFORMED', 'not lower-case hex of whole bytes')
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

/** Runs a decoder over all of `bytes`: nothing may follow. */
export function decodeWhole<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader(bytes)
  const value = read(reader)
  reader.end()
  return value
}

function assertBelow(value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new LedgerError('LEDGER_OUT_OF_RANGE', `${value} is not an integer from 0 to ${limit - 1}`)
  }
}
