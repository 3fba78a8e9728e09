/**
 * Fields of keys and values: each knows its width, its bytes and how `state.md` names it.
 *
 * Values are little endian, keys big endian, since keys are sorted as bytes. Layouts are fixed, lengths stand before lists, nothing is
 * optional: equal rows have equal bytes, and the state's root depends on them.
 *
 * Rows are written by this package only, so a row that cannot be read is damage of the store, not somebody's input.
 */
import { ApplicationError } from '../errors.ts'

/** Grows as needed; one is shared by all encoders, so `finish` copies. */
export class Sink {
  #bytes = new Uint8Array(512)
  view: DataView = new DataView(this.#bytes.buffer)
  offset = 0

  /** Makes room and returns where the next field begins. */
  take(size: number): number {
    const at = this.offset
    if (at + size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, at + size))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.view = new DataView(larger.buffer)
    }
    this.offset = at + size
    return at
  }
  raw(bytes: Uint8Array): void {
    const at = this.take(bytes.length)
    this.#bytes.set(bytes, at)
  }
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.offset)
  }
}

export class Source {
  readonly bytes: Uint8Array
  readonly view: DataView
  offset = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }
  take(size: number): number {
    const at = this.offset
    if (at + size > this.bytes.length)
      throw new ApplicationError('APPLICATION_DAMAGED', `a row ends at ${this.bytes.length}, not ${at + size}`)
    this.offset = at + size
    return at
  }
}

/** How one value of type `T` stands in bytes. */
export interface Field<T> {
  readonly text: string
  /** The value is bytes and stands as it is: a key of this field alone needs no encoding. */
  readonly isBytes?: true
  write(out: Sink, value: T): void
  read(from: Source): T
}

const sink = new Sink()

export function encodeField<T>(field: Field<T>, value: T): Uint8Array {
  sink.offset = 0
  field.write(sink, value)
  return sink.finish()
}

/** @throws {ApplicationError} `APPLICATION_DAMAGED` when it is not exactly one such value. What it returns owns its bytes. */
export function decodeField<T>(field: Field<T>, bytes: Uint8Array): T {
  const source = new Source(bytes)
  const value = field.read(source)
  if (source.offset !== bytes.length)
    throw new ApplicationError('APPLICATION_DAMAGED', `a row has ${bytes.length - source.offset} bytes too many`)
  return value
}

const isLittle = true
const U64_MAX = 2n ** 64n - 1n
const U128_MAX = 2n ** 128n - 1n

export const u8: Field<number> = {
  text: 'u8',
  write: (out, value) => {
    const at = out.take(1) // first: it may replace the view
    out.view.setUint8(at, value)
  },
  read: (from) => from.view.getUint8(from.take(1)),
}
export const u16: Field<number> = {
  text: 'u16',
  write: (out, value) => {
    const at = out.take(2)
    out.view.setUint16(at, value, isLittle)
  },
  read: (from) => from.view.getUint16(from.take(2), isLittle),
}
export const u32: Field<number> = {
  text: 'u32',
  write: (out, value) => {
    const at = out.take(4)
    out.view.setUint32(at, value, isLittle)
  },
  read: (from) => from.view.getUint32(from.take(4), isLittle),
}
export const u64: Field<bigint> = {
  text: 'u64',
  write: (out, value) => {
    if (value < 0n || value > U64_MAX) throw new RangeError(`${value} is no u64`) // a bug of this package; a DataView would wrap
    const at = out.take(8)
    out.view.setBigUint64(at, value, isLittle)
  },
  read: (from) => from.view.getBigUint64(from.take(8), isLittle),
}
/** A u64 that a check has kept below 2^53: epochs, heights, times. */
export const count64: Field<number> = {
  text: 'u64',
  write: (out, value) => {
    const at = out.take(8)
    out.view.setUint32(at, value % 2 ** 32, isLittle)
    out.view.setUint32(at + 4, Math.floor(value / 2 ** 32), isLittle)
  },
  read: (from) => {
    const at = from.take(8)
    return from.view.getUint32(at, isLittle) + from.view.getUint32(at + 4, isLittle) * 2 ** 32
  },
}
export const u128: Field<bigint> = {
  text: 'u128',
  write: (out, value) => {
    if (value < 0n || value > U128_MAX) throw new RangeError(`${value} is no u128`)
    const at = out.take(16)
    out.view.setBigUint64(at, BigInt.asUintN(64, value), isLittle)
    out.view.setBigUint64(at + 8, value >> 64n, isLittle)
  },
  read: (from) => {
    const at = from.take(16)
    return from.view.getBigUint64(at, isLittle) | (from.view.getBigUint64(at + 8, isLittle) << 64n)
  },
}
export const flag: Field<boolean> = {
  text: 'u8 (0 or 1)',
  write: (out, value) => u8.write(out, value ? 1 : 0),
  read: (from) => from.view.getUint8(from.take(1)) === 1,
}

/** Big endian, for keys: rows are then in the order of the numbers. */
export const u16be: Field<number> = {
  text: 'u16',
  write: (out, value) => {
    const at = out.take(2)
    out.view.setUint16(at, value)
  },
  read: (from) => from.view.getUint16(from.take(2)),
}
export const u32be: Field<number> = {
  text: 'u32',
  write: (out, value) => {
    const at = out.take(4)
    out.view.setUint32(at, value)
  },
  read: (from) => from.view.getUint32(from.take(4)),
}
export const u64be: Field<number> = {
  text: 'u64',
  write: (out, value) => {
    const at = out.take(8)
    out.view.setUint32(at, Math.floor(value / 2 ** 32))
    out.view.setUint32(at + 4, value % 2 ** 32)
  },
  read: (from) => {
    const at = from.take(8)
    return from.view.getUint32(at) * 2 ** 32 + from.view.getUint32(at + 4)
  },
}

/** Exactly `size` bytes. A value of another length is a bug of this package. */
export function fixed(size: number): Field<Uint8Array> {
  return {
    text: `${size} bytes`,
    isBytes: true,
    write: (out, value) => {
      if (value.length !== size) throw new RangeError(`a field of ${size} bytes was given ${value.length}`)
      out.raw(value)
    },
    read: (from) => {
      const at = from.take(size)
      return from.bytes.slice(at, at + size)
    },
  }
}

/** Whatever is left: the last field of a key only. */
export const rest: Field<Uint8Array> = {
  text: 'bytes',
  write: (out, value) => out.raw(value),
  read: (from) => {
    const at = from.take(from.bytes.length - from.offset)
    return from.bytes.slice(at)
  },
}

export const sized: Field<Uint8Array> = {
  text: 'bytes (u32 length)',
  write: (out, value) => {
    u32.write(out, value.length)
    out.raw(value)
  },
  read: (from) => {
    const length = u32.read(from)
    const at = from.take(length)
    return from.bytes.slice(at, at + length)
  },
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export const text: Field<string> = {
  text: 'UTF-8 (u32 length)',
  write: (out, value) => sized.write(out, encoder.encode(value)),
  read: (from) => decoder.decode(sized.read(from)),
}

export function list<T>(item: Field<T>, count: Field<number> = u32): Field<readonly T[]> {
  return {
    text: `${count.text} count × (${item.text})`,
    write: (out, values) => {
      count.write(out, values.length)
      for (const value of values) item.write(out, value)
    },
    read: (from) => {
      const length = count.read(from)
      const values: T[] = []
      for (let i = 0; i < length; i++) values.push(item.read(from)) // a false length runs out of bytes first
      return values
    },
  }
}

/** Fields one after another, in the order in which they are written down. */
export function struct<T extends object>(fields: { readonly [K in keyof T]-?: Field<T[K]> }): Field<T> {
  const names = Object.keys(fields) as (keyof T)[]
  const inOrder = names.map((name) => fields[name])
  return {
    text: names.map((name, i) => `${String(name)} ${inOrder[i]?.text}`).join(' · '),
    write: (out, value) => {
      for (let i = 0; i < names.length; i++) (inOrder[i] as Field<unknown>).write(out, value[names[i] as keyof T])
    },
    read: (from) => {
      const value = {} as T
      for (let i = 0; i < names.length; i++) value[names[i] as keyof T] = (inOrder[i] as Field<T[keyof T]>).read(from)
      return value
    },
  }
}
