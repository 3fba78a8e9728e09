/**
 * Writing and reading fixed layouts: little endian, u32 counts and lengths, nothing optional.
 *
 * The reader is what stands between the network and the rest: it throws `ConsensusError` only, and a count is compared with the bytes
 * that are left before anything is allocated for it. What it hands out are **views** of the bytes it was given: a decoded value lives
 * as long as its frame and costs no copy; who cuts small frames out of large chunks copies there.
 */
import { ConsensusError } from '../errors.ts'
import { DIGEST_BYTES } from './limits.ts'

const U32 = 2 ** 32
/** The upper half of a u64 below 2^53. */
const HIGH_MAX = 2 ** 21

/**
 * Appends to a buffer that grows. Numbers that do not fit throw: stores into bytes would wrap in silence. They are stored byte by byte,
 * since a `DataView` would cost small buffers, which live in the heap, an allocation outside it.
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #length = 0

  /** @param capacity - bytes to begin with; exact is best, then nothing is copied at the end. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): this {
    assertRange(value, 2 ** 8)
    const offset = this.#reserve(1)
    this.#bytes[offset] = value
    return this
  }

  u16(value: number): this {
    assertRange(value, 2 ** 16)
    const offset = this.#reserve(2)
    this.#bytes[offset] = value
    this.#bytes[offset + 1] = value >>> 8
    return this
  }

  u32(value: number): this {
    assertRange(value, U32)
    const offset = this.#reserve(4)
    store32(this.#bytes, offset, value)
    return this
  }

  /** A u64 that is below 2^53. */
  u64(value: number): this {
    assertRange(value, 2 ** 53)
    const offset = this.#reserve(8)
    store32(this.#bytes, offset, value % U32)
    store32(this.#bytes, offset + 4, Math.floor(value / U32))
    return this
  }

  /** Bytes without a length, which must be `size` where the layout fixes it. */
  raw(bytes: Uint8Array, size: number = bytes.length): this {
    if (bytes.length !== size) throw new ConsensusError('CONSENSUS_BAD_LENGTH', `expected ${size} bytes, got ${bytes.length}`)
    const offset = this.#reserve(size)
    this.#bytes.set(bytes, offset)
    return this
  }

  digest(digest: Uint8Array): this {
    return this.raw(digest, DIGEST_BYTES)
  }

  /** u32 length, then the bytes. */
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes)
  }

  /** u32 count, then each byte string with its length. */
  list(items: readonly Uint8Array[]): this {
    this.u32(items.length)
    for (const item of items) this.sized(item)
    return this
  }

  /** What was written. The writer is not used after it. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }

  /** Call it before `#bytes` is named: it may be replaced. */
  #reserve(size: number): number {
    const offset = this.#length
    const length = offset + size
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
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

  /** @throws {ConsensusError} `CONSENSUS_OUT_OF_RANGE` from 2^53 on. */
  u64(): number {
    const offset = this.#take(8)
    const high = this.#view.getUint32(offset + 4, true)
    if (high >= HIGH_MAX) throw new ConsensusError('CONSENSUS_OUT_OF_RANGE', `u64 at offset ${offset} is not below 2^53`)
    return high * U32 + this.#view.getUint32(offset, true)
  }

  /** A view of the next `size` bytes. */
  raw(size: number): Uint8Array {
    const offset = this.#take(size)
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + offset, size)
  }

  digest(): Uint8Array {
    return this.raw(DIGEST_BYTES)
  }

  /** u32 length, then a view of as many bytes. */
  sized(bytesMax: number): Uint8Array {
    const length = this.u32()
    if (length > bytesMax) throw new ConsensusError('CONSENSUS_TOO_LARGE', `${length} bytes where ${bytesMax} are the limit`)
    return this.raw(length)
  }

  /** A u32 count of elements of at least `itemBytesMin` each; refused when more than `countMax`, or more than the rest could hold. */
  count(itemBytesMin: number, countMax: number = Number.POSITIVE_INFINITY): number {
    const count = this.u32()
    if (count > countMax) throw new ConsensusError('CONSENSUS_TOO_LARGE', `${count} elements where ${countMax} are the limit`)
    if (count * itemBytesMin > this.remaining) {
      throw new ConsensusError('CONSENSUS_TRUNCATED', `${count} elements cannot stand in ${this.remaining} bytes`)
    }
    return count
  }

  /** u32 count, then byte strings with their lengths. */
  list(bytesMax: number, countMax?: number): Uint8Array[] {
    const items: Uint8Array[] = []
    for (let left = this.count(4, countMax); left > 0; left--) items.push(this.sized(bytesMax))
    return items
  }

  /** Moves on over `size` bytes. */
  skip(size: number): void {
    this.#take(size)
  }

  end(): void {
    if (this.remaining !== 0) throw new ConsensusError('CONSENSUS_TRAILING', `${this.remaining} bytes follow the value`)
  }

  #take(size: number): number {
    const offset = this.#offset
    if (size > this.#bytes.length - offset) {
      throw new ConsensusError('CONSENSUS_TRUNCATED', `${size} bytes are wanted at offset ${offset} of ${this.#bytes.length}`)
    }
    this.#offset = offset + size
    return offset
  }
}

function store32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
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

/** Throws unless the element that compares so with the one before it stands after it. */
export function assertAscending(comparison: number, what: string): void {
  if (comparison === 0) throw new ConsensusError('CONSENSUS_DUPLICATE', `${what} stand twice`)
  if (comparison > 0) throw new ConsensusError('CONSENSUS_UNSORTED', `${what} do not ascend`)
}

const HEX_DIGITS: readonly number[] = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
/** Arguments of one call that every engine takes. */
const HEX_BYTES_MAX = 1_024

/** Lower-case hex: the key of a digest in maps and stores. One flat string: pieces put together would be flattened at every look-up. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length > HEX_BYTES_MAX) return toHex(bytes.subarray(0, HEX_BYTES_MAX)) + toHex(bytes.subarray(HEX_BYTES_MAX))
  const codes = new Array<number>(2 * bytes.length)
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    codes[2 * i] = HEX_DIGITS[byte >> 4]!
    codes[2 * i + 1] = HEX_DIGITS[byte & 15]!
  }
  return String.fromCharCode.apply(null, codes)
}

function assertRange(value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new ConsensusError('CONSENSUS_OUT_OF_RANGE', `${value} is not an integer from 0 to ${limit - 1}`)
  }
}
