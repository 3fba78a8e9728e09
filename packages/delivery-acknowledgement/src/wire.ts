/** Fixed layouts, little endian: a writer that checks ranges (`DataView` would wrap in silence) and a reader that never reads past the end. */
import { U32_END, U64_END } from './constants.ts'
import { malformed } from './errors.ts'

export class WireWriter {
  readonly out: Uint8Array
  readonly #view: DataView
  #offset = 0
  constructor(size: number) {
    this.out = new Uint8Array(size)
    this.#view = new DataView(this.out.buffer)
  }
  /** Writes over what it wrote. */
  again(): this {
    this.#offset = 0
    return this
  }
  /** Exactly `width` bytes. */
  bytes(value: Uint8Array, width: number, name: string): this {
    if (value.length !== width) throw malformed(`${name} must be ${width} bytes, got ${value.length}`)
    this.out.set(value, this.#offset)
    this.#offset += width
    return this
  }
  u8(value: number, name: string): this {
    if ((value & 0xff) !== value) throw malformed(`${name} must be a u8, got ${value}`)
    this.#view.setUint8(this.#offset, value)
    this.#offset += 1
    return this
  }
  u16(value: number, name: string): this {
    if ((value & 0xffff) !== value) throw malformed(`${name} must be a u16, got ${value}`)
    this.#view.setUint16(this.#offset, value, true)
    this.#offset += 2
    return this
  }
  u32(value: number, name: string): this {
    if (value >>> 0 !== value) throw malformed(`${name} must be a u32, got ${value}`)
    this.#view.setUint32(this.#offset, value, true)
    this.#offset += 4
    return this
  }
  u64(value: bigint, name: string): this {
    if (value < 0n || value >= U64_END) throw malformed(`${name} must be a u64, got ${value}`)
    this.#view.setBigUint64(this.#offset, value, true)
    this.#offset += 8
    return this
  }
  /** A u64 that holds an epoch. */
  epoch(value: bigint, name = 'epoch'): this {
    return this.u64(checkedEpoch(value, name), name)
  }
}

export class WireReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  get left(): number {
    return this.#bytes.length - this.#offset
  }
  #take(width: number, name: string): number {
    if (width > this.left) throw malformed(`${name} needs ${width} bytes, ${this.left} are left`)
    const at = this.#offset
    this.#offset += width
    return at
  }
  /** Passes over what was looked at already. */
  skip(width: number, name: string): void {
    this.#take(width, name)
  }
  /** A copy, of a Buffer too. */
  bytes(width: number, name: string): Uint8Array {
    const at = this.#take(width, name)
    return new Uint8Array(this.#bytes.subarray(at, at + width))
  }
  u8(name: string): number {
    return this.#view.getUint8(this.#take(1, name))
  }
  u16(name: string): number {
    return this.#view.getUint16(this.#take(2, name), true)
  }
  u32(name: string): number {
    return this.#view.getUint32(this.#take(4, name), true)
  }
  u64(name: string): bigint {
    return this.#view.getBigUint64(this.#take(8, name), true)
  }
  epoch(name = 'epoch'): bigint {
    return checkedEpoch(this.u64(name), name)
  }
  /** Nothing may follow. */
  end(what: string): void {
    if (this.left > 0) throw malformed(`${what} has ${this.left} bytes too many`)
  }
}

function checkedEpoch(value: bigint, name: string): bigint {
  if (value >= U32_END) throw malformed(`${name} must be below 2^32, got ${value}`)
  return value
}

export function isEqualBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Bytes in order, the shorter first when one begins the other. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
